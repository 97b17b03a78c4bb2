"""The report of a study to read: as Markdown, and as one HTML file that opens offline."""

from __future__ import annotations

import base64
import html
import re
from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .lesion_uncertainty import uncertainty_rows
from .result_tables import Table
from .table_formats import as_html
from .table_formats import as_markdown
from .table_formats import comparison_rows
from .table_formats import rows_as_html
from .table_formats import rows_as_markdown

STYLE = """\
body{font:15px/1.45 system-ui,sans-serif;margin:2rem auto;max-width:62rem;padding:0 1rem;color:#1c1c1c}
table{border-collapse:collapse;margin:.6rem 0}th,td{padding:.25rem .7rem;text-align:left}
tr:first-child th{border-bottom:2px solid #444}td,tr+tr th{border-bottom:1px solid #ddd;font-weight:normal}
td b{font-weight:700}.mark{background:#fff3cd;padding:.5rem .8rem}img{max-width:100%}figcaption,.small{color:#555}
"""
# What makes links, pictures, code, tables and stress of a text in Markdown.
_MARKDOWN_SIGNS = re.compile(r"([\\`*|\[\]])")
WARNING = "For research only, not for clinical use."
PHANTOM = (
    "These patients are phantoms: simulated images, no one's data. What they show need not hold for patients."
)

BY_LESION = (
    "AUROC: probability that a false lesion is less certain than a true one, 0.5 where the measure tells nothing."
    " Lesions of all patients together, kept from the most to the least certain."
)


def heading(table: Table) -> str:
    """The title with the paper's number, where the paper has this table."""
    number = table.key.removeprefix("table")
    prefix = f"Table {number}. " if number.isdigit() else ""
    return f"{prefix}{table.title} ({table.task})"


def markdown_report(
    values: Mapping[str, Any], tables: Sequence[Table], plots: Mapping[str, Path], folder: Path
) -> str:
    """Everything in one Markdown file; plots are linked by paths relative to `folder`."""
    parts = [
        f"# Patient-specific fine-tuning: {_plain(values['cohort'])}",
        *map(_plain, _introduction(values)),
        "\n".join(f"- {_plain(problem)}" for problem in _problems(values)),
    ]
    for table in tables:
        parts += [f"## {heading(table)}", as_markdown(table), values["tables"][table.key]["caption"]]
    parts += ["## Uncertainty", *(entry["sentence"] for entry in values["uncertainty"])]
    if values["uncertainty_by_lesion"]:
        parts += [rows_as_markdown(uncertainty_rows(values["uncertainty_by_lesion"])), BY_LESION]
    parts += ["## Known lesions found, all patients together", rows_as_markdown(_size_rows(values))]
    parts += ["## Plots", *(f"![{t}]({p.relative_to(folder).as_posix()})" for t, p in plots.items())]
    parts += ["## Beside the paper", *_compared(tables)]
    return "\n\n".join(part.strip() for part in parts if part.strip()) + "\n"


def html_report(values: Mapping[str, Any], tables: Sequence[Table], plots: Mapping[str, Path]) -> str:
    """Everything in one HTML file: pictures are inside it and nothing is loaded from elsewhere."""
    title = html.escape(f"Patient-specific fine-tuning: {values['cohort']}")
    parts = [f"<h1>{title}</h1>"]
    parts += [f'<p class="mark">{html.escape(text)}</p>' for text in _introduction(values)]
    parts += [f"<p>{html.escape(problem)}</p>" for problem in _problems(values)]
    for table in tables:
        text = html.escape(values["tables"][table.key]["caption"])
        parts += [f"<h2>{html.escape(heading(table))}</h2>", as_html(table), f'<p class="small">{text}</p>']
    parts.append("<h2>Uncertainty</h2>")
    parts += [f"<p>{html.escape(entry['sentence'])}</p>" for entry in values["uncertainty"]]
    if values["uncertainty_by_lesion"]:
        rows = rows_as_html(uncertainty_rows(values["uncertainty_by_lesion"]))
        parts += [rows, f'<p class="small">{html.escape(BY_LESION)}</p>']
    parts += ["<h2>Known lesions found, all patients together</h2>", rows_as_html(_size_rows(values))]
    for name, path in plots.items():
        data = base64.b64encode(path.read_bytes()).decode("ascii")
        image = f'<img alt="{html.escape(name)}" src="data:image/png;base64,{data}">'
        parts.append(f"<figure>{image}<figcaption>{html.escape(name)}</figcaption></figure>")
    parts.append("<h2>Beside the paper</h2>")
    for table in tables:
        parts += [f"<h3>{html.escape(heading(table))}</h3>", rows_as_html(comparison_rows(table))]
    body = "\n".join(parts)
    head = f'<meta charset="utf-8"><title>{title}</title><style>{STYLE}</style>'
    return f'<!doctype html>\n<html lang="en"><head>{head}</head>\n<body>\n{body}\n</body></html>\n'


def _introduction(values: Mapping[str, Any]) -> list[str]:
    count = len(values["patients"])
    patients = "1 patient" if count == 1 else f"{count} patients"
    first = f"{patients}, model {values['model']} ({values['task']}, {values['organ']}). {WARNING}"
    return [first, *([PHANTOM] if values["phantom"] else [])]


def _plain(text: str) -> str:
    """A text, such as a name that somebody gave, that Markdown shows as it is: one line, no link, picture or HTML."""
    return _MARKDOWN_SIGNS.sub(r"\\\1", html.escape(" ".join(text.split()), quote=False))


def _problems(values: Mapping[str, Any]) -> list[str]:
    lines = list(values["notes"])
    lines += [
        f"{setting}: undefined in {', '.join(patients)}, since none of the selected slices shows a lesion."
        for setting, patients in values["undefined"].items()
    ]
    if values["left_out"]:
        lines.append(f"Not complete and left out: {', '.join(values['left_out'])}.")
    return lines + [f"Failed: {failure}" for failure in values["failures"]]


def _size_rows(values: Mapping[str, Any]) -> list[list[str]]:
    settings = [key for key in values["found_by_size"][0] if key != "size"]
    rows = [["size", "known lesions", *settings]]
    for row in values["found_by_size"]:
        total = row[settings[0]]["lesions"]
        rows.append([row["size"], str(total), *(_part(row[setting]) for setting in settings)])
    return rows


def _part(counts: Mapping[str, int]) -> str:
    if not counts["lesions"]:
        return "n/a"
    return f"{counts['found']} ({counts['found'] / counts['lesions']:.2f})"


def _compared(tables: Sequence[Table]) -> list[str]:
    parts = []
    for table in tables:
        parts += [f"### {heading(table)}", rows_as_markdown(comparison_rows(table))]
    return parts
