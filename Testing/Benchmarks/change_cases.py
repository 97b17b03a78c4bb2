"""Changes that are known, found by the product's own way: phantom patients, and real pairs with change masks.

Each case is prepared, registered and segmented as `prepare` and `segment` do it. Sure changes and those of the plain
overlap rule, of lesions from 30 mm3 on, are compared with what really changed. Phantoms are judged with the base CNN
and after tuning on two proposed slices; --priors repeats it with priors from the baseline, written as KEPT+RISEN, where
a RISEN of 0 leaves the images out of account, also in what is sure. Cases are kept in --work and made once.

    python Testing/environment.py Testing/Benchmarks/change_cases.py --work FOLDER --phantoms 8
    python Testing/environment.py Testing/Benchmarks/change_cases.py --work FOLDER --data FOLDER --pairs 12 19 03
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk
from change_events import GAINS
from change_events import LOSSES
from change_events import Event
from change_events import agreement
from change_events import found_in
from change_events import pieces
from change_truth import events_of
from numpy.typing import NDArray
from PatientSpecificTuningLib.engine import workflow
from PatientSpecificTuningLib.engine.case.case import Case
from PatientSpecificTuningLib.engine.judging.metrics import segmentation_metrics
from PatientSpecificTuningLib.engine.lesions.baseline_prior import NEW_LESION_PRIOR
from PatientSpecificTuningLib.engine.lesions.change_evidence import ChangeSettings
from PatientSpecificTuningLib.engine.lesions.results import Result
from phantom_cases import PhantomCase
from phantom_cases import phantom_case

FIRST_PHANTOM = 101
# In change_sign.nii.gz of the longitudinal database as it was prepared here: brighter at follow-up, darker, unclear.
BRIGHTER, DARKER, UNCLEAR = 1, 2, 3
# No tissue is ever so bright: without a prior of new lesions the CNN alone says what is sure.
WITHOUT_IMAGES = ChangeSettings(repeat_brightness=1e9)
Mask = NDArray[np.bool_]
Priors = tuple[float, float]


def phantom_rows(work: Path, number: int, slices: int, priors: list[Priors]) -> Iterator[dict[str, Any]]:
    """Agreement of base and tuned CNN with what became of the lesions of one phantom."""
    phantom = phantom_case(work, number)
    tune_as_proposed(phantom, slices)
    truth = list(events_of(phantom.truth, _voxel(phantom.lesions("followup"))))
    for weights in ("base", "current"):
        for prior in priors:
            result = _segmented(phantom.case, weights, prior)
            row = {
                "case": phantom.name,
                "cnn": "base" if weights == "base" else "tuned",
                "prior": _name(prior),
            }
            yield (
                row
                | _judged(result, truth, phantom.judged, np.zeros_like(phantom.judged))
                | lesion_metrics(result, phantom.lesions("followup"), phantom.judged)
            )


def tune_as_proposed(phantom: PhantomCase, slices: int, **tuning: Any) -> None:
    """Correct the slices that are proposed, as the known lesions say, and tune on them."""
    proposals = workflow.propose(phantom.case, count=slices)
    workflow.annotate(
        phantom.case, phantom.lesions("baseline"), slices=[proposal.slice for proposal in proposals]
    )
    workflow.tune(phantom.case, **tuning)


def pair_rows(work: Path, data: Path, patient: str, priors: list[Priors]) -> Iterator[dict[str, Any]]:
    """Agreement of the base CNN with the change mask of a real pair."""
    folder = data / f"patient{patient}"
    files: dict[str, Any] = {}
    for examination in ("baseline", "followup"):
        found = {s: folder / f"{examination}_{s}.nii.gz" for s in ("FLAIR", "T1")}
        files[examination] = {s: path for s, path in found.items() if path.is_file()}
        files[f"{examination}_mask"] = folder / "brain_mask.nii.gz"
    case = workflow.prepare(work / f"pair-{patient}", **files, missing_sequence="zero")
    signs = sitk.ReadImage(str(folder / "change_sign.nii.gz"))
    voxel, array = float(np.prod(signs.GetSpacing())), sitk.GetArrayFromImage(signs)
    truth = pieces(array == BRIGHTER, "new", voxel) + pieces(array == DARKER, "vanished", voxel)
    silver = folder / "followup_lesion_silver.nii.gz"
    everywhere = np.ones(array.shape, dtype=bool)
    for prior in priors:
        result = _segmented(case, "base", prior)
        row = {"case": f"pair {patient}", "cnn": "base", "prior": _name(prior)}
        row |= _judged(result, truth, everywhere, array == UNCLEAR)
        yield row | (lesion_metrics(result, silver, everywhere) if silver.is_file() else {})


def _segmented(case: Case, weights: str, prior: Priors) -> Result:
    kept, new = prior
    change = ChangeSettings() if new else WITHOUT_IMAGES
    return workflow.segment(
        case, weights=weights, repetitions=0, change=change, baseline_prior=kept, new_lesion_prior=new
    )


def _priors(text: str) -> Priors:
    kept, _, new = text.partition("+")
    return float(kept), float(new or 0)


def _name(prior: Priors) -> str:
    return f"{prior[0]:g}+{prior[1]:g}"


def _judged(result: Result, truth: list[Event], judged: Mask, unclear: Mask) -> dict[str, Any]:
    found = found_in(result)
    known = _within(truth, judged)
    present = {event.kind: 0 for event in known}
    for event in known:
        seen = found.after if event.gained else found.before
        present[event.kind] += bool(event.difference_mm3 >= 30 and (seen.flat[event.voxels] > 0).any())
    return {
        "sure": agreement(known, _within(found.sure, judged), unclear),
        "plain": agreement(known, _within(found.plain, judged), unclear),
        "seen_by_cnn": present,
    }


def _within(events: list[Event], judged: Mask) -> list[Event]:
    """Events as far as they lie in the slices that are judged."""
    inside = [replace(event, voxels=event.voxels[judged.flat[event.voxels]]) for event in events]
    return [event for event in inside if event.voxels.size]


def lesion_metrics(result: Result, known: Path, judged: Mask) -> dict[str, Any]:
    """Metrics of the follow-up's lesions in the slices that are judged, small ones (below 100 mm3) apart."""
    image = sitk.ReadImage(str(known))
    reference = (sitk.GetArrayFromImage(image) > 0) & judged
    prediction = (sitk.GetArrayFromImage(sitk.ReadImage(str(result.labelmap))) > 0) & judged
    spacing = image.GetSpacing()
    metrics = segmentation_metrics(reference, prediction, (spacing[0], spacing[1], spacing[2]))
    small = [e for e in pieces(reference, "new", _voxel(known)) if e.volume_mm3 < 100]
    return {
        "lesions": metrics.as_dict(),
        "small": len(small),
        "small_found": sum(bool(prediction.flat[event.voxels].any()) for event in small),
    }


def _voxel(path: Path) -> float:
    return float(np.prod(sitk.ReadImage(str(path)).GetSpacing()))


def summary(rows: list[dict[str, Any]]) -> str:
    """One line for each CNN, prior and rule: sensitivity by kind, false changes per case; then the lesions."""
    lines = [
        "| CNN | prior | rule | new | grown | vanished | shrunk | false per case | said per case |",
        "|" + "---|" * 9,
    ]
    lesions = ["| CNN | prior | Dice | AVD % | TPR | F1 | small lesions found |", "|" + "---|" * 7]
    for cnn, prior in dict.fromkeys((row["cnn"], row["prior"]) for row in rows):
        chosen = [row for row in rows if (row["cnn"], row["prior"]) == (cnn, prior)]
        for rule in ("sure", "plain"):
            total = {name: sum(row[rule][name] for row in chosen) for name in chosen[0][rule]}
            cells = [f"{total[f'{kind}_found']} of {total[kind]}" for kind in (*GAINS, *LOSSES)]
            rates = [f"{total[name] / len(chosen):.1f}" for name in ("false", "said")]
            lines.append(f"| {cnn} | {prior} | {rule} | {' | '.join(cells + rates)} |")
        known = [row for row in chosen if "lesions" in row]
        if known:
            means = [
                np.mean([row["lesions"][name] for row in known]) for name in ("dice", "avd", "recall", "f1")
            ]
            small = f"{sum(r['small_found'] for r in known)} of {sum(r['small'] for r in known)}"
            values = f"{means[0]:.3f} | {means[1]:.0f} | {means[2]:.2f} | {means[3]:.2f}"
            lesions.append(f"| {cnn} | {prior} | {values} | {small} |")
    return "\n".join([*lines, "", *lesions])


def main() -> None:
    """Judge what is asked for; figures of every case stay in --work."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--work", type=Path, required=True, help="where cases and figures are kept")
    parser.add_argument("--data", type=Path, help="folder of the longitudinal database")
    parser.add_argument("--pairs", nargs="*", default=[], help="patients of it")
    parser.add_argument("--phantoms", type=int, default=0, help="how many phantom patients")
    parser.add_argument("--first", type=int, default=FIRST_PHANTOM, help="number of the first one")
    parser.add_argument("--slices", type=int, default=2, help="corrected slices of each phantom")
    parser.add_argument("--priors", nargs="+", type=_priors, default=[(0.0, NEW_LESION_PRIOR)])
    options = parser.parse_args()
    rows: list[dict[str, Any]] = []
    for patient in options.pairs:
        rows += pair_rows(options.work, options.data, patient, options.priors)
        print(summary(rows[-len(options.priors) :]), flush=True)
    for number in range(options.first, options.first + options.phantoms):
        rows += phantom_rows(options.work, number, options.slices, options.priors)
        print(f"phantom {number} judged", flush=True)
    (options.work / "change_cases.json").write_text(json.dumps(rows, indent=1), encoding="utf-8")
    print(summary(rows))


if __name__ == "__main__":
    main()
