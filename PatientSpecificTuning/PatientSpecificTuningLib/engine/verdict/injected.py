"""What both CNNs find of lesions that were put into the follow-up, of known size and contrast."""

from __future__ import annotations

from dataclasses import asdict
from dataclasses import dataclass
from typing import TYPE_CHECKING
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ..lesions.lesions import binarize
from ..network.device import on_best_device
from ..network.prepared import PreparedExamination
from ..phantoms.injection import fill_ellipsoid
from ..phantoms.injection import inject
from ..phantoms.injection import lesion_contrast
from ..phantoms.injection import random_radii
from ..phantoms.injection import surroundings
from ..progress import Progress

if TYPE_CHECKING:
    from ..network.network import DualPathwayNetwork
    from ..network.network import Head

VOLUMES_MM3 = (500.0, 100.0, 30.0)
# As bright as the patient's own lesions, and half as bright.
CONTRASTS = (1.0, 0.5)
EACH = 4
# Where they lie: in few slices, for the time; inside the organ, apart from each other and from what is found there.
SLAB_MM, DEPTH_MM, APART_MM, FREE_MM = 36.0, 6.0, 15.0, 8.0
NOTHING_FOUND = 0.1
# Tissue is alike between these percentiles of what surrounds the patient's own lesions, smoothed by so many voxels.
ALIKE, SMOOTH_VOXELS = (20.0, 80.0), 1.5
INSIDE = 0.3
# Closing reaches so far.
NEAR_VOXELS = 3
IN_PLANE = ndimage.generate_binary_structure(2, 2)[None]
# What the tuned CNN may miss of the injected lesions that the base CNN finds.
MOST_LOST, PART_LOST = 2, 0.1

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class InjectedRow:
    """Lesions of one size and contrast, how many there were, and how many of them each CNN finds.

    Attributes:
        contrast: 1 is that of the patient's own lesions.
    """

    mm3: float
    contrast: float
    lesions: int
    base: int
    tuned: int


@dataclass(frozen=True)
class Injected:
    """Lesions to put into an examination.

    Attributes:
        occupancy: float32 (Z, Y, X), the part of each voxel that is lesion times the contrast.
        numbers: int32 (Z, Y, X), the voxels of each lesion, from 1.
        kinds: volume in mm3 and contrast of each.
    """

    occupancy: NDArray[np.float32]
    numbers: NDArray[np.int32]
    kinds: list[tuple[float, float]]


def injection_check(
    network: DualPathwayNetwork,
    tuned: Head,
    baseline: PreparedExamination,
    lesions: Mask,
    followup: PreparedExamination,
    *,
    seed: int = 0,
    progress: Progress | None = None,
) -> dict[str, Any] | None:
    """Put lesions as bright as the patient's own into the follow-up and see what the base and the tuned CNN find.

    Args:
        lesions: bool (Z, Y, X), corrected lesions of the baseline, whose contrast is taken.

    Returns:
        rows by size and contrast, the sentence, and whether the tuned CNN loses too many, as JSON values; None where
        there is no room for such lesions or nothing to compare them with.
    """
    from ..network.direct_prediction import predict_directly
    from ..network.prediction import predict_slices

    contrast = lesion_contrast(np.asarray(baseline.images), lesions, baseline.organ_mask)
    if contrast is None:
        return None
    slab = _slab(followup)
    organ, images = followup.organ_mask[slab], np.asarray(followup.images[:, slab])
    store = followup.features()
    positions = range(slab.start, slab.stop)
    seen = on_best_device(lambda device: predict_slices(tuned, store, positions, device=device))[slab]
    nothing = np.maximum(followup.base_probability[slab], seen) <= NOTHING_FOUND
    sampling = followup.record.working_grid.spacing[::-1]
    alike = _alike_tissue(images[0], baseline.images[0][surroundings(lesions, baseline.organ_mask)])
    injected = place_lesions(organ & alike, organ, nothing, sampling, np.random.default_rng(seed))
    if not injected.kinds:
        return None
    changed = inject(images, injected.occupancy, contrast, organ)
    heads = (network.head, tuned)
    # Only what lies there is asked for, which the trunk computes in half of the time.
    near = organ & ndimage.binary_dilation(injected.numbers > 0, IN_PLANE, NEAR_VOXELS)
    found = on_best_device(
        lambda device: predict_directly(network, heads, changed, near, device=device, progress=progress)
    )
    processing = network.card.post_processing
    base, own = (_found(binarize(values, organ, processing), injected) for values in found)
    return as_values(injected, base, own)


def place_lesions(
    allowed: Mask, organ: Mask, nothing: Mask, sampling: tuple[float, ...], rng: np.random.Generator
) -> Injected:
    """Choose places for `EACH` lesions of every size and contrast, large ones first, as long as there is room.

    Args:
        allowed: bool (Z, Y, X), where the middle of a lesion may lie.
        organ: bool (Z, Y, X).
        nothing: bool (Z, Y, X), where neither CNN sees anything.
        sampling: voxel size in mm, (z, y, x).
    """
    deep = ndimage.distance_transform_edt(organ, sampling=sampling) > DEPTH_MM
    if not nothing.all():
        deep &= ndimage.distance_transform_edt(nothing, sampling=sampling) > FREE_MM
    places = np.argwhere(allowed & deep)
    wanted = [(volume, contrast) for volume in VOLUMES_MM3 for contrast in CONTRASTS * EACH]
    occupancy = np.zeros(organ.shape, dtype=np.float32)
    numbers = np.zeros(organ.shape, dtype=np.int32)
    kinds: list[tuple[float, float]] = []
    taken: list[NDArray[np.float64]] = []
    for place in places[rng.permutation(len(places))]:
        point = place * np.asarray(sampling)
        if len(kinds) == len(wanted):
            break
        if any(np.linalg.norm(point - other) < APART_MM for other in taken):
            continue
        volume, contrast = wanted[len(kinds)]
        ball = fill_ellipsoid(
            organ.shape, place + rng.uniform(-0.5, 0.5, 3), random_radii(volume, rng), sampling
        )
        taken.append(point)
        kinds.append((volume, contrast))
        occupancy = np.maximum(occupancy, ball * np.float32(contrast))
        numbers[ball > min(INSIDE, float(ball.max()) / 2)] = len(kinds)
    return Injected(occupancy, numbers, kinds)


def as_values(injected: Injected, base: Mask, tuned: Mask) -> dict[str, Any]:
    """Counts by size and contrast, the sentence and whether too many are lost, as JSON values.

    Args:
        base: for each lesion whether the base CNN finds it.
        tuned: the same of the tuned CNN.
    """
    rows = []
    for kind in sorted(set(injected.kinds), key=lambda kind: (-kind[1], kind[0])):
        of_kind = np.array([other == kind for other in injected.kinds])
        counts = (int(np.count_nonzero(found & of_kind)) for found in (base, tuned))
        rows.append(InjectedRow(*kind, int(np.count_nonzero(of_kind)), *counts))
    by_base, by_tuned = int(np.count_nonzero(base)), int(np.count_nonzero(tuned))
    return {
        "rows": [asdict(row) for row in rows],
        "loses_too_many": by_tuned < by_base - max(MOST_LOST, PART_LOST * by_base),
        "sentence": _sentence(rows),
    }


def _sentence(rows: list[InjectedRow]) -> str:
    parts = []
    for contrast, words in ((1.0, "as bright as this patient's own"), (0.5, "half as bright")):
        chosen = [row for row in rows if row.contrast == contrast]
        if chosen:
            lesions, base, tuned = (
                sum(getattr(row, name) for row in chosen) for name in ("lesions", "base", "tuned")
            )
            parts.append(f"of {lesions} {words} the tuned CNN finds {tuned} and the base CNN {base}")
    sizes = sorted({row.mm3 for row in rows})
    return f"Of lesions of {sizes[0]:.0f} to {sizes[-1]:.0f} mm³ put into the follow-up: {'; '.join(parts)}."


def _slab(examination: PreparedExamination) -> slice:
    """The slices with most of the organ that together are about `SLAB_MM` thick."""
    areas = np.count_nonzero(examination.organ_mask, axis=(1, 2))
    count = min(areas.size, max(1, round(SLAB_MM / examination.record.working_grid.spacing[2])))
    first = int(np.convolve(areas, np.ones(count, dtype=int), mode="valid").argmax())
    return slice(first, first + count)


def _alike_tissue(image: NDArray[np.float32], around: NDArray[np.float32]) -> Mask:
    low, high = np.percentile(around, ALIKE)
    smooth = ndimage.gaussian_filter(image, (0, SMOOTH_VOXELS, SMOOTH_VOXELS))
    alike: Mask = (smooth >= low) & (smooth <= high)
    return alike


def _found(lesions: Mask, injected: Injected) -> Mask:
    numbers = np.arange(1, len(injected.kinds) + 1)
    return np.asarray(ndimage.maximum(lesions, injected.numbers, numbers), dtype=bool)
