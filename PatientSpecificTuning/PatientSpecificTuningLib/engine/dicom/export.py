"""Writing a result as DICOM beside the images that it was found in."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from typing import Any

import numpy as np
import SimpleITK as sitk

from ..case.case import Case
from ..case.provenance import source_hash
from ..errors import InputError
from ..files.atomic import remove
from ..files.atomic import replace_when_complete
from ..files.tables import read_table
from ..images.volumes import read_labelmap
from ..lesions.results import LESION_LABELS
from ..lesions.results import LESION_TABLE
from ..lesions.results import Result
from ..model.card import read_model_card
from ..network.model_choice import model_of_case
from ..report.content import read_change
from .lesion_objects import Made
from .lesion_objects import lesion_measurements
from .lesion_objects import lesion_segmentation
from .library import require_highdicom
from .source_series import source_images

if TYPE_CHECKING:
    from pydicom import Dataset

SEGMENTATION, REPORT = "lesions.dcm", "measurements.dcm"
LONGEST_REASON = 200


def export_dicom(
    case: Case, result: Result, folder: Path, images: Sequence[Path] | None = None
) -> dict[str, str]:
    """Write lesions.dcm (DICOM Segmentation) and measurements.dcm (TID 1500) into a folder.

    Both belong to the study of the images and refer to them; patient and study are taken from their headers.

    Args:
        images: the DICOM files of the first sequence; None where the case was prepared from their folder.

    Returns:
        paths by "segmentation" and "report".

    Raises:
        InputError: a package is missing, the examination was not prepared from a DICOM folder or its images changed
            since, the result shows no lesion or is damaged, or the folder cannot be written to.
    """
    require_highdicom()
    import highdicom as hd

    examination = str(result.run["examination"])
    with _odd_headers_told(examination):
        sources = source_images(case.record(examination), examination, images)
    labels = sitk.GetArrayFromImage(read_labelmap(result.folder / LESION_LABELS, "lesion numbers"))
    rows = _lesion_rows(result.folder / LESION_TABLE)
    if not rows:
        message = f"Result {result.number} shows no lesion, which a DICOM segmentation cannot say; there is nothing to export."
        raise InputError(message)
    if len(rows) != labels.max(initial=0) or labels.shape[0] != len(sources):
        message = f"The lesion table of result {result.number} does not belong to its lesions; segment again."
        raise InputError(message)
    tuned = result.run["tuned"]
    cnn = "base CNN" if tuned is None else f"patient-specific CNN, version {tuned}"
    made = Made(read_model_card(model_of_case(case)).organ, cnn, source_hash())
    identifiers = [str(hd.UID()) for _ in rows]
    changes = _changes(result)
    written = {"segmentation": folder / SEGMENTATION, "report": folder / REPORT}
    with _odd_headers_told(examination):
        segmentation = lesion_segmentation(sources, labels.astype(np.int32), identifiers, made)
        report = lesion_measurements(sources, segmentation, rows, changes, identifiers, made)
        _write(segmentation, written["segmentation"], report, written["report"])
    return {name: str(path) for name, path in written.items()}


@contextmanager
def _odd_headers_told(examination: str) -> Iterator[None]:
    """Headers of scanners hold what no standard allows, which the libraries notice in as many ways as they read it.

    Raises:
        InputError: the block met such a header.
    """
    try:
        yield
    except InputError:
        raise
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        reason = " ".join(str(error).split())[:LONGEST_REASON]
        message = (
            f"The headers of the {examination}'s DICOM images cannot be referred to ({reason}); export the series again, or"
            " use the files of the result as they are."
        )
        raise InputError(message) from error


def _write(segmentation: Dataset, segmentation_path: Path, report: Dataset, report_path: Path) -> None:
    with (
        replace_when_complete(report_path) as report_file,
        replace_when_complete(segmentation_path) as segmentation_file,
    ):
        report.save_as(report_file)
        segmentation.save_as(segmentation_file)
        # An earlier report must not stand beside a segmentation that it does not refer to.
        remove(report_path)


def _lesion_rows(path: Path) -> list[dict[str, Any]]:
    try:
        rows = [{name: _number(text) for name, text in row.items()} for row in read_table(path)]
        if any(row["volume_mm3"] is None for row in rows):
            message = "a lesion without a volume"
            raise ValueError(message)
    except (OSError, ValueError, KeyError, TypeError) as error:
        message = f"{path} is missing or damaged; segment again."
        raise InputError(message) from error
    return rows


def _changes(result: Result) -> dict[int, dict[str, Any]]:
    """Rows of the table of change by the number of the lesion; none where no change was looked for."""
    rows = read_change(result.change_table)
    return {number: row for row in rows for number in map(int, row["followup_labels"].split())}


def _number(text: str | None) -> float | None:
    return float(text) if text else None
