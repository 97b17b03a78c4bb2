"""From lesion softmax to separate lesions and what is known of each."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ..files.tables import write_table
from ..model.card import PostProcessing

EVERY_NEIGHBOUR = np.ones((3, 3, 3), dtype=int)
IN_PLANE_PLUS = ndimage.generate_binary_structure(2, 1)[None]


def box_of(mask: NDArray[np.bool_], margins: Sequence[int] = (0, 0, 0)) -> tuple[slice, ...] | None:
    """The smallest box round a mask, None where it is empty.

    Args:
        margins: how many voxels more it has on either side of each axis, as far as there are any.
    """
    boxes = ndimage.find_objects(np.asarray(mask, dtype=bool).view(np.uint8))
    if not boxes:
        return None
    return tuple(
        slice(max(0, b.start - m), min(n, b.stop + m))
        for b, m, n in zip(boxes[0], margins, mask.shape, strict=True)
    )


def numbers_in(labels: NDArray[np.integer]) -> list[int]:
    """Which lesions there are, by their numbers from 1."""
    return [int(number) for number in np.unique(labels[labels > 0])]


def binarize(
    probability: NDArray[np.floating],
    organ_mask: NDArray[np.bool_],
    post_processing: PostProcessing,
    *,
    threshold: NDArray[np.floating] | None = None,
) -> NDArray[np.bool_]:
    """Threshold, close and, where the card says so, open (paper, "Lesion quantification on follow-up scan").

    Closing treats the outside of the image as background but loses no lesion at the border.

    Args:
        probability: float (Z, Y, X).
        organ_mask: bool (Z, Y, X); nothing outside it becomes a lesion.
        threshold: float (Z, Y, X), where it is not everywhere that of the card.

    Returns:
        bool (Z, Y, X).
    """
    least = post_processing.threshold if threshold is None else threshold
    lesions = (probability >= least) & organ_mask
    # Neither closing with a box nor opening leads out of the box round all lesions.
    if (box := box_of(lesions)) is not None:
        lesions[box] = _closed_and_opened(lesions[box], post_processing) & organ_mask[box]
    return lesions


def _closed_and_opened(lesions: NDArray[np.bool_], post_processing: PostProcessing) -> NDArray[np.bool_]:
    width = [size // 2 + 1 for size in post_processing.closing]
    padded = np.pad(lesions, [(w, w) for w in width])
    closed = ndimage.binary_closing(padded, structure=np.ones(post_processing.closing, dtype=bool))
    closed = closed[tuple(slice(w, -w) for w in width)]
    return ndimage.binary_opening(closed, structure=IN_PLANE_PLUS) if post_processing.opening else closed


def label_lesions(lesions: NDArray[np.bool_]) -> NDArray[np.int32]:
    """Number the 26-connected lesions from 1, largest first; ties in the order of their first voxel.

    Returns:
        int32 (Z, Y, X), 0 is background.
    """
    labels = np.zeros(lesions.shape, dtype=np.int32)
    if (box := box_of(lesions)) is None:
        return labels
    components, count = ndimage.label(lesions[box], structure=EVERY_NEIGHBOUR)
    volumes = np.bincount(components.ravel(), minlength=count + 1)[1:]
    ranks = np.zeros(count + 1, dtype=np.int32)
    ranks[1 + np.argsort(-volumes, kind="stable")] = np.arange(1, count + 1)
    labels[box] = ranks[components]
    return labels


@dataclass(frozen=True)
class LesionRow:
    """One lesion: where it is (LPS, mm), how large, how probable and how certain.

    Attributes:
        extent_uncertainty: 0 to 1, how much its extent differs between dropout samples; None where it is not known.
    """

    label: int
    volume_mm3: float
    x_mm: float
    y_mm: float
    z_mm: float
    slice: int
    mean_probability: float
    mean_sd: float
    max_sd: float
    extent_uncertainty: float | None = None


def lesion_table(
    labels: NDArray[np.integer],
    voxel_volume_mm3: float,
    index_to_world: Callable[[Sequence[float]], Sequence[float]],
    probability: NDArray[np.floating],
    sd: NDArray[np.floating],
    extent: NDArray[np.floating] | None = None,
) -> list[LesionRow]:
    """Measures of every labelled lesion.

    Args:
        labels: int (Z, Y, X), as `label_lesions` gives.
        index_to_world: from a continuous index (x, y, z) to LPS mm (x, y, z).
        probability: float (Z, Y, X), lesion softmax.
        sd: float (Z, Y, X), its standard deviation under Monte Carlo dropout.
        extent: uncertainty of the extent of each lesion by its number from 1, nan where it is not known.

    Returns:
        one row per label, by label; `slice` is the slice with most of the lesion.
    """
    rows = []
    for label, box in enumerate(ndimage.find_objects(labels), start=1):
        if box is None:
            continue
        inside = labels[box] == label
        indices = np.argwhere(inside) + [part.start for part in box]
        x, y, z = index_to_world([float(value) for value in indices.mean(axis=0)[::-1]])
        deviations = sd[box][inside]
        rows.append(
            LesionRow(
                label=label,
                volume_mm3=float(inside.sum() * voxel_volume_mm3),
                x_mm=float(x),
                y_mm=float(y),
                z_mm=float(z),
                slice=int(np.bincount(indices[:, 0]).argmax()),
                mean_probability=float(probability[box][inside].mean()),
                mean_sd=float(deviations.mean()),
                max_sd=float(deviations.max()),
                extent_uncertainty=_known(extent, label),
            )
        )
    return rows


def _known(extent: NDArray[np.floating] | None, label: int) -> float | None:
    if extent is None or label > extent.size or not np.isfinite(extent[label - 1]):
        return None
    return float(extent[label - 1])


def write_lesion_table(rows: Sequence[LesionRow], path: Path) -> None:
    """Write the table as CSV with a header, also when there is no lesion."""
    write_table(rows, LesionRow, path)
