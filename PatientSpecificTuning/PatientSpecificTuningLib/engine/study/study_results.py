"""What a study leaves: tables.json, the tables in three formats, plots, and two reports to read."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..files.atomic import write_text
from ..model.card import ModelCard
from .experiment import current_outcomes
from .lesion_uncertainty import lesion_uncertainties
from .plots import draw_plots
from .result_tables import Outcomes
from .result_tables import Table
from .result_tables import build_table
from .significance import Significance
from .statistics import WILCOXON
from .statistics import smallest_wilcoxon_p
from .study_folder import Study
from .study_report import html_report
from .study_report import markdown_report
from .table_formats import as_csv
from .table_formats import as_latex
from .table_formats import as_markdown
from .table_formats import caption
from .table_plan import planned_tables
from .tasks import Failure
from .uncertainty_text import Uncertainty
from .uncertainty_text import found_by_size
from .uncertainty_text import uncertainties

TABLES_NAME = "tables.json"


@dataclass(frozen=True)
class StudyResults:
    """All figures of a study, ready to be written.

    Attributes:
        patients: identifiers of those that were measured in every setting.
        left_out: identifiers of those that were not.
        by_lesion: how well the uncertainty of lesions tells false ones, of all patients together.
        sizes: known lesions found, by size, of all patients together.
        undefined: for a setting, patients in whom no selected slice shows a lesion.
        notes: sentences for the reader.
    """

    patients: tuple[str, ...]
    left_out: tuple[str, ...]
    tables: tuple[Table, ...]
    uncertainty: tuple[Uncertainty, ...]
    by_lesion: list[dict[str, Any]]
    sizes: list[dict[str, Any]]
    undefined: dict[str, list[str]]
    notes: tuple[str, ...]


def collect(study: Study, significance: Significance) -> StudyResults:
    """Read what was measured and compute every figure."""
    card, design = study.card, study.design
    outcomes: dict[str, dict[str, Any]] = {}
    complete: list[str] = []
    left_out: list[str] = []
    for patient in study.patients:
        found = _complete(study, patient.identifier)
        (left_out if found is None else complete).append(patient.identifier)
        for name, outcome in (found or {}).items():
            outcomes.setdefault(name, {})[patient.identifier] = outcome
    plans = planned_tables(design, card.task, card.organ)
    tables = [build_table(plan, outcomes, complete, significance) for plan in plans]
    both = design.base.name, design.reference.name
    return StudyResults(
        tuple(complete),
        tuple(left_out),
        tuple(tables),
        tuple(uncertainties(outcomes, complete, *both)),
        lesion_uncertainties(outcomes, complete, both),
        found_by_size(outcomes, complete, both),
        _undefined(outcomes),
        (*study.cohort.notes, *_notes(card, complete, significance.alpha)),
    )


def write_results(
    study: Study,
    results: StudyResults,
    failures: Sequence[Failure],
    significance: Significance,
) -> list[Path]:
    """Write everything into the study's folder; returns the files a person opens first.

    Args:
        failures: what did not work, for the reports; the figures are of the other patients.
    """
    folder = study.folder
    for table in results.tables:
        text = caption(table, significance)
        write_text(folder / "tables" / f"{table.key}.md", f"{as_markdown(table)}\n{text}\n")
        write_text(folder / "tables" / f"{table.key}.csv", as_csv(table))
        write_text(folder / "tables" / f"{table.key}.tex", as_latex(table, text))
    outcomes = {
        s.name: {p: study.outcome(p, s.name) or {} for p in results.patients} for s in study.design.settings()
    }
    plots = draw_plots(folder / "plots", study.design, study.card.task, outcomes, results.patients)
    values = as_values(study, results, failures, significance)
    write_text(folder / TABLES_NAME, json.dumps(values, indent=2) + "\n")
    write_text(folder / "report.md", markdown_report(values, results.tables, plots, folder))
    write_text(folder / "report.html", html_report(values, results.tables, plots))
    return [folder / "report.html", folder / "report.md", folder / TABLES_NAME]


def as_values(
    study: Study, results: StudyResults, failures: Sequence[Failure], significance: Significance
) -> dict[str, Any]:
    """Everything as JSON values; nothing in it depends on when or where the study ran."""
    card = study.card
    return {
        "cohort": study.cohort.name,
        "phantom": study.cohort.phantom,
        "model": card.name,
        "task": card.task,
        "organ": card.organ,
        "patients": list(results.patients),
        "left_out": list(results.left_out),
        "failures": [str(failure) for failure in failures],
        "design": study.design.to_dict(),
        "alpha": significance.alpha,
        "correction": significance.correction,
        "tables": {t.key: {**t.to_dict(), "caption": caption(t, significance)} for t in results.tables},
        "uncertainty": [uncertainty.to_dict(significance.alpha) for uncertainty in results.uncertainty],
        "uncertainty_by_lesion": results.by_lesion,
        "found_by_size": results.sizes,
        "undefined": results.undefined,
        "notes": list(results.notes),
    }


def _complete(study: Study, identifier: str) -> dict[str, dict[str, Any]] | None:
    """All outcomes of a patient, None where one is missing."""
    try:
        found = current_outcomes(study, identifier)
    except InputError:
        return None
    return None if None in found.values() else {name: dict(value or {}) for name, value in found.items()}


def _undefined(outcomes: Outcomes) -> dict[str, list[str]]:
    found = {
        setting: [patient for patient, outcome in patients.items() if outcome["undefined"]]
        for setting, patients in outcomes.items()
    }
    return {setting: patients for setting, patients in found.items() if patients}


def _notes(card: ModelCard, patients: Sequence[str], alpha: float) -> list[str]:
    notes = []
    smallest = smallest_wilcoxon_p(len(patients))
    if smallest >= alpha:
        notes.append(
            f"With {len(patients)} patients the {WILCOXON} cannot fall below p = {smallest:.3g}: no difference in"
            f" detection can be significant at {alpha:g}, however large it is."
        )
    other = "1 to 3" if card.task == "segmentation" else "4 and 5"
    notes.append(
        f"The model is for {card.task} in the {card.organ}. Tables {other} show the measures of the other task"
        f" on the same lesions; the paper's figures in them come from another organ."
    )
    return notes
