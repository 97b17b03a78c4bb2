"""Where everything lies in a case folder."""

from __future__ import annotations

from pathlib import Path

from ..files.links import require_inside
from ..files.temporaries import remove_leftovers

CASE_NAME = "case.json"
LOCK_NAME = "case.lock"
EXAMINATIONS = ("baseline", "followup")
TUNED_JSON = "provenance.json"
RESULT_JSON = "run.json"
FINAL_JSON = {"tuned": TUNED_JSON, "results": RESULT_JSON}
ANNOTATION, PATCHES, INPUTS, LIVE = "annotation", "patches", "inputs", "live"
LIVE_JSON = "live.json"


def case_exists(folder: Path) -> bool:
    """Whether there is a case to resume in a folder."""
    return (Path(folder) / CASE_NAME).exists()


def annotation_folder(case: Path) -> Path:
    """Where the researcher's labels and the list of corrected slices are kept."""
    return case / EXAMINATIONS[0] / ANNOTATION


def live_folder(case: Path) -> Path:
    """Where the newest of what is learned while slices are corrected is kept."""
    return case / EXAMINATIONS[0] / LIVE


def known_folders(case: Path) -> list[Path]:
    """The case folder and every folder below it that the program writes to, whether it is there or not."""
    examinations = [case / name for name in EXAMINATIONS]
    return [
        case,
        *examinations,
        annotation_folder(case),
        live_folder(case),
        *(folder / PATCHES for folder in examinations),
        case / INPUTS,
        *(case / kind for kind in FINAL_JSON),
    ]


def require_own_folders(case: Path) -> None:
    """Refuse a case, perhaps of somebody else, whose folders are links that lead out of it.

    Raises:
        InputError: a folder of the case leads elsewhere.
    """
    require_inside(case, known_folders(case)[1:])


def remove_unfinished(case: Path) -> None:
    """Delete what processes that are gone had begun to write in a case; in a folder without a case do nothing."""
    if case_exists(case):
        remove_leftovers(known_folders(Path(case)))
