"""Tables as Markdown, CSV, LaTeX and HTML."""

from __future__ import annotations

import csv
import html
import io
from collections.abc import Sequence

from .result_tables import Cell
from .result_tables import Table
from .significance import Significance
from .statistics import WILCOXON

SIGNIFICANT = "*"
# A bare asterisk would begin emphasis.
MARKDOWN_MARK = r"\*"


def caption(table: Table, significance: Significance) -> str:
    """What the table shows, how it was tested, and what its marks mean."""
    centre = "Median [interquartile range]" if table.test == WILCOXON else "Mean ± standard deviation"
    correction = significance.correction
    how = "" if correction == "none" else f", {correction} correction within the table"
    return (
        f"{centre} over patients. Best in bold. {SIGNIFICANT}: differs from the base CNN"
        f" ({table.test}, p < {significance.alpha:g}{how}). n: patients in whom the measure is defined."
    )


def as_markdown(table: Table) -> str:
    """A pipe table, one row for each CNN, each measure followed by its n where that differs between measures."""
    lines = [
        "| | " + " | ".join(column.title for column in table.columns) + " | n |",
        "|---|" + "---|" * (len(table.columns) + 1),
    ]
    for row in table.rows:
        cells = [_marked(row.cells[column.key], "**{}**", MARKDOWN_MARK) for column in table.columns]
        lines.append(f"| {row.label} | {' | '.join(cells)} | {_counts(table, row.key)} |")
    return "\n".join(lines) + "\n"


def as_csv(table: Table) -> str:
    """One line for each CNN and measure, with every figure."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    header = (
        "row,setting,measure,printed,n,mean,sd,median,q1,q3,pairs,p,p_corrected,significant,paper,direction"
    )
    writer.writerow(header.split(","))
    for row in table.rows:
        for column in table.columns:
            cell = row.cells[column.key]
            s, c = cell.summary, cell.comparison
            tested = ["", ""] if c is None else [c.pairs, c.p]
            figures = [cell.text, s.n, s.mean, s.sd, s.median, s.q1, s.q3, *tested, cell.p, cell.significant]
            writer.writerow([row.label, row.setting, column.key, *figures, cell.published, cell.direction])
    return text.getvalue()


def as_latex(table: Table, text: str) -> str:
    """A booktabs table with caption and label.

    Args:
        text: the caption.
    """
    lines = [
        r"\begin{table}",
        rf"\caption{{{_latex(f'{table.title}. {text}')}}}",
        rf"\label{{tab:{table.key}}}",
        r"\begin{tabular}{l" + "c" * (len(table.columns) + 1) + "}",
        r"\toprule",
        " & ".join(["", *(_latex(column.title) for column in table.columns), "$n$"]) + r" \\",
        r"\midrule",
    ]
    for row in table.rows:
        cells = [_latex_cell(row.cells[column.key]) for column in table.columns]
        lines.append(" & ".join([_latex(row.label), *cells, _latex(_counts(table, row.key))]) + r" \\")
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}", r"\end{table}"]) + "\n"


def as_html(table: Table) -> str:
    """An HTML table."""
    titles = "".join(f"<th>{html.escape(column.title)}</th>" for column in table.columns)
    lines = ["<table>", f"<tr><th></th>{titles}<th>n</th></tr>"]
    for row in table.rows:
        cells = [_marked(row.cells[column.key], "<b>{}</b>", SIGNIFICANT) for column in table.columns]
        joined = "".join(f"<td>{cell}</td>" for cell in [*cells, _counts(table, row.key)])
        lines.append(f"<tr><th>{html.escape(row.label)}</th>{joined}</tr>")
    return "\n".join([*lines, "</table>"])


def comparison_rows(table: Table) -> list[list[str]]:
    """Each figure beside the paper's, and whether its change against the base CNN goes the same way; a header first."""
    rows = [["", "measure", "here", "paper", "direction"]]
    for row in table.rows:
        for column in table.columns:
            cell = row.cells[column.key]
            if cell.published is not None:
                here = cell.text + (SIGNIFICANT if cell.significant else "")
                rows.append([row.label, column.title, here, f"{cell.published:g}", cell.direction or ""])
    return rows


def rows_as_markdown(rows: Sequence[Sequence[str]]) -> str:
    """A pipe table of plain texts, the first row as its header."""
    escaped = [[cell.replace(SIGNIFICANT, MARKDOWN_MARK) for cell in row] for row in rows]
    lines = [f"| {' | '.join(row)} |" for row in escaped]
    return "\n".join([lines[0], "|" + "---|" * len(rows[0]), *lines[1:]]) + "\n"


def rows_as_html(rows: Sequence[Sequence[str]]) -> str:
    """An HTML table of plain texts, the first row as its header."""
    lines = []
    for number, row in enumerate(rows):
        tag = "td" if number else "th"
        cells = "".join(f"<{tag}>{html.escape(cell)}</{tag}>" for cell in row)
        lines.append(f"<tr>{cells}</tr>")
    return "\n".join(["<table>", *lines, "</table>"])


def _marked(cell: Cell, bold: str, mark: str) -> str:
    text = bold.format(cell.text) if cell.best else cell.text
    return text + (mark if cell.significant else "")


def _counts(table: Table, key: str) -> str:
    """How many patients count, once where all measures agree."""
    row = next(row for row in table.rows if row.key == key)
    counts = [row.cells[column.key].summary.n for column in table.columns]
    return str(counts[0]) if len(set(counts)) == 1 else ", ".join(map(str, counts))


def _latex_cell(cell: Cell) -> str:
    text = _latex(cell.text)
    text = rf"\textbf{{{text}}}" if cell.best else text
    return text + (r"$^{*}$" if cell.significant else "")


def _latex(text: str) -> str:
    escaped = "".join(f"\\{c}" if c in "%&_#$" else c for c in text)
    for sign, command in (
        ("±", r"$\pm$"),
        ("≥", r"$\geq$"),
        ("<", "$<$"),
        ("³", r"$^{3}$"),
        ("*", r"$^{*}$"),
    ):
        escaped = escaped.replace(sign, command)
    return escaped
