"""What became of every lesion of a phantom patient between two examinations, on the grid of the later one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk
from change_events import Event
from numpy.typing import NDArray
from PatientSpecificTuningLib.engine.images.geometry import Grid
from PatientSpecificTuningLib.engine.phantoms.brain.lesions import occupancy
from PatientSpecificTuningLib.engine.phantoms.brain.phantom import PhantomPatient
from PatientSpecificTuningLib.engine.phantoms.brain.phantom import in_slices
from scipy import ndimage


@dataclass(frozen=True)
class PhantomTruth:
    """Lesions of two examinations in the pose of the later one, arrays (Z, Y, X).

    Attributes:
        numbers: int32, to which lesion a voxel belongs in either examination; 0 is none.
        before: bool, lesion at the earlier examination.
        after: bool, lesion at the later one.
        fates: what became of lesion 1, 2 and so on, as the phantom drew it.
    """

    numbers: NDArray[np.int32]
    before: NDArray[np.bool_]
    after: NDArray[np.bool_]
    fates: list[str]


def phantom_truth(patient: PhantomPatient, earlier: int, later: int) -> PhantomTruth:
    """The truth between two examinations of a patient, without noise and partial volume between them."""
    pose, white = patient.examinations[later].pose, patient.white_matter
    before, after = (in_slices(occupancy(patient.lesions[e], white), pose) >= 0.5 for e in (earlier, later))
    fill = np.zeros(white.shape, dtype=np.float32)
    owner = np.zeros(white.shape, dtype=np.int32)
    old = patient.lesions[earlier]
    for number, lesion in enumerate(patient.lesions[later], start=1):
        both = [lesion, *old[number - 1 : number]]
        filled = occupancy(both, white)
        owner[filled > fill] = number
        fill = np.maximum(fill, filled)
    return PhantomTruth(
        _on_slices(owner, before | after, patient, later),
        before,
        after,
        [e.fate for e in patient.lesions[later]],
    )


def _on_slices(
    owner: NDArray[np.int32], wanted: NDArray[np.bool_], patient: PhantomPatient, later: int
) -> NDArray[np.int32]:
    """The number of every wanted voxel of an examination: of its centre, or the nearest where that has none."""
    examination = patient.examinations[later]
    z, y, x = owner.shape
    anatomy = Grid((x, y, z), (1.0,) * 3, (0.0,) * 3, tuple(np.eye(3).ravel())).image(owner)
    moved = sitk.Resample(anatomy, examination.lesions, examination.pose, sitk.sitkNearestNeighbor)
    numbers = sitk.GetArrayFromImage(moved)
    spacing = examination.lesions.GetSpacing()[::-1]
    nearest = ndimage.distance_transform_edt(
        numbers == 0, sampling=spacing, return_distances=False, return_indices=True
    )
    filled: NDArray[np.int32] = numbers[tuple(nearest)]
    return np.where(wanted, filled, 0)


def events_of(truth: PhantomTruth, voxel_mm3: float) -> Iterator[Event]:
    """Every lesion that is new, grown, shrunk or vanished and shows it in at least a voxel."""
    boxes = ndimage.find_objects(truth.numbers, max_label=len(truth.fates))
    for number, (fate, box) in enumerate(zip(truth.fates, boxes, strict=True), start=1):
        if box is None or fate == "stable":
            continue
        inside = truth.numbers[box] == number
        volumes = [float((inside & mask[box]).sum() * voxel_mm3) for mask in (truth.before, truth.after)]
        difference = volumes[1] - volumes[0]
        if difference == 0:
            continue
        places = np.argwhere(inside) + [part.start for part in box]
        voxels = np.ravel_multi_index(tuple(places.T), truth.numbers.shape)
        yield Event(_kind(volumes), voxels, max(volumes), abs(difference))


def _kind(volumes: list[float]) -> str:
    """As it shows at this voxel size: a lesion that shrank to nothing has vanished."""
    if volumes[0] == 0:
        return "new"
    if volumes[1] == 0:
        return "vanished"
    return "grown" if volumes[1] > volumes[0] else "shrunk"
