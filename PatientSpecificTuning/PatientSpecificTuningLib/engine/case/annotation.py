"""The researcher's labels on baseline slices, and which slices count as corrected."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from ..errors import InputError
from ..files import json_values
from ..files.atomic import make_folder
from ..files.atomic import write_text
from ..files.json_file import read_json_object
from ..images.geometry import Grid
from ..images.geometry import resample_labelmap
from ..images.volumes import read_labelmap
from ..images.volumes import write_volume
from .case import Case

SLICES_NAME = "slices.json"
# What earlier versions of the program called the labels.
EARLIER_LABELS_NAME = "labels.nii.gz"
_LABELS_NAME = re.compile(r"labels(-[0-9a-f]{12})?\.nii\.gz")


@dataclass(frozen=True)
class Annotation:
    """Lesion labels bool (Z, Y, X) on the baseline's working grid; only `slices` of them are corrected."""

    labels: NDArray[np.bool_]
    slices: tuple[int, ...]

    @property
    def sha256(self) -> str:
        """The content of the corrected slices: equal corrections give equal hashes."""
        digest = hashlib.sha256(json.dumps([list(self.labels.shape), list(self.slices)]).encode())
        digest.update(np.packbits(self.labels[list(self.slices)]).tobytes())
        return digest.hexdigest()

    def write_to(self, folder: Path, grid: Grid) -> None:
        """Write labels, then the list of corrected slices, which names the labels that it belongs to.

        Until the list is replaced, the earlier labels and the earlier list count together.
        """
        every_label = hashlib.sha256(np.packbits(self.labels).tobytes()).hexdigest()
        name = f"labels-{every_label[:12]}.nii.gz"
        write_volume(grid.image(self.labels.astype(np.uint8)), folder / name)
        values = {"slices": list(self.slices), "sha256": self.sha256, "labels": name}
        write_text(folder / SLICES_NAME, json.dumps(values, indent=2) + "\n")
        for earlier in folder.glob("labels*.nii.gz"):
            if earlier.name != name and not earlier.is_dir():
                # Somebody may read it on Windows; then the next corrections remove it.
                with suppress(OSError):
                    earlier.unlink()


def labels_on_working_grid(case: Case, path: Path, name: str) -> NDArray[np.bool_]:
    """A labelmap of the baseline from a file, bool (Z, Y, X) on the baseline's working grid.

    Raises:
        InputError: the file cannot be used or shows no lesion inside the image.
    """
    labels = labels_of_baseline(case, path, name)
    if not labels.any():
        message = (
            f"The {name} {path} shows no lesion on the baseline; correct at least one slice with a lesion, or"
            " check that the labelmap belongs to this examination."
        )
        raise InputError(message)
    return labels


def labels_of_baseline(case: Case, path: Path, name: str) -> NDArray[np.bool_]:
    """The same, but it may be empty.

    Raises:
        InputError: the file cannot be used.
    """
    grid = case.record("baseline").working_grid
    return sitk.GetArrayFromImage(resample_labelmap(read_labelmap(path, name), grid)) > 0


def lesion_slices(labels: NDArray[np.bool_]) -> list[int]:
    """Indices of the slices that show a lesion."""
    return [int(i) for i in np.flatnonzero(labels.any(axis=(1, 2)))]


def annotation_of(labels: NDArray[np.bool_], slices: Sequence[int]) -> Annotation:
    """Labels (Z, Y, X) with the list of corrected slices, each once and in order.

    Raises:
        InputError: no slice is named, or a slice lies outside the image.
    """
    chosen = tuple(sorted({int(i) for i in slices}))
    outside = [i for i in chosen if not 0 <= i < labels.shape[0]]
    if not chosen or outside:
        problem = f"Slice {outside[0]} is not in the baseline" if outside else "No corrected slice is named"
        message = f"{problem}, whose slices are 0 to {labels.shape[0] - 1}; name slices in that range."
        raise InputError(message)
    return Annotation(labels, chosen)


def save_annotation(case: Case, labels: NDArray[np.bool_], slices: Sequence[int]) -> Annotation:
    """Keep labels and the list of corrected slices in the case; the earlier ones stay in the tuned versions.

    Raises:
        InputError: no slice is named, or a slice lies outside the image.
    """
    annotation = annotation_of(labels, slices)
    with case.alone():
        make_folder(case.annotation_folder)
        annotation.write_to(case.annotation_folder, case.record("baseline").working_grid)
    return annotation


def load_annotation(case: Case) -> Annotation:
    """The annotation that the case holds now.

    Raises:
        InputError: nothing is annotated yet, or the files are damaged.
    """
    return _read(case.annotation_folder, case)


def load_tuned_annotation(case: Case, number: str) -> Annotation:
    """The annotation that a tuned version was made from.

    Raises:
        InputError: there is no such version, or its files are damaged.
    """
    return _read(case.version_folder("tuned", number), case)


def _read(folder: Path, case: Case) -> Annotation:
    path = folder / SLICES_NAME
    try:
        values = read_json_object(path)
        slices = json_values.entries(values["slices"], _slice)
        name = json_values.text(values.get("labels", EARLIER_LABELS_NAME))
    except FileNotFoundError as error:
        message = f"No slice of the baseline in {case.folder} is corrected yet; run annotate with its lesion labels."
        raise InputError(message) from error
    except (OSError, ValueError, KeyError) as error:
        raise InputError(_damaged(path)) from error
    if not _LABELS_NAME.fullmatch(name):
        raise InputError(_damaged(path))
    annotation = Annotation(
        sitk.GetArrayFromImage(read_labelmap(folder / name, "annotation")) > 0, tuple(slices)
    )
    shape = case.record("baseline").working_grid.shape
    if annotation.labels.shape != shape or not all(i < shape[0] for i in slices):
        raise InputError(_damaged(path))
    if annotation.sha256 != values.get("sha256"):
        message = (
            f"The labels in {folder} are not those that {SLICES_NAME} was written for; run annotate again with the"
            " lesion labels."
        )
        raise InputError(message)
    return annotation


def _slice(value: object) -> int:
    return json_values.integer(value, 0, 100_000)


def _damaged(path: Path) -> str:
    return f"{path} is damaged; run annotate again with the lesion labels."
