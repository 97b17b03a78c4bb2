"""The report of a result as files: one HTML page with pictures and the same content as JSON."""

from __future__ import annotations

import json
from pathlib import Path

from ..case.case import Case
from ..errors import InputError
from ..files.atomic import write_text
from ..lesions.results import Result
from ..progress import Progress
from .both_examinations import both_examinations
from .change_pictures import draw_change
from .content import report_content
from .page import html_page
from .registration_picture import draw_checkerboard

HTML, JSON = "report.html", "report.json"
TITLE = "What changed between baseline and follow-up"
MOST_PICTURES = 8


def write_report(
    case: Case, result: Result, output: Path | None, *, progress: Progress | None = None
) -> dict[str, str]:
    """Write the report of a result of the follow-up.

    Args:
        output: the HTML file, JSON goes beside it; None is the folder of the result.

    Returns:
        paths by "html" and "json".

    Raises:
        InputError: the result was not compared with a baseline, files are damaged, or the place cannot be written to.
    """
    if not result.change_table.is_file() or not result.change_map.is_file():
        message = (
            f"Result {result.number} was not compared with a baseline by this version of the program; segment the"
            " follow-up of a case with both examinations again."
        )
        raise InputError(message)
    content = report_content(case, result)
    both, shown = both_examinations(case, result), content["changes"][:MOST_PICTURES]
    pictures = []
    for done, row in enumerate(shown):
        if progress is not None:
            progress("Drawing changes", done / len(shown))
        pictures.append(draw_change(both, row))
    data_text = json.dumps(content, indent=2, default=str) + "\n"
    page_text = html_page(content, pictures, draw_checkerboard(both), TITLE)
    if output is None:
        # Only as an addition: the result may be removed meanwhile.
        with case.additions("results", result.number) as folder:
            _write(folder / HTML, page_text, folder / JSON, data_text)
        page, data = result.folder / HTML, result.folder / JSON
    else:
        page = output
        data = page.with_suffix(".json") if page.suffix.lower() != ".json" else page.with_name(JSON)
        _write(page, page_text, data, data_text)
    return {"html": str(page), "json": str(data)}


def _write(page: Path, page_text: str, data: Path, data_text: str) -> None:
    write_text(data, data_text)
    write_text(page, page_text)
