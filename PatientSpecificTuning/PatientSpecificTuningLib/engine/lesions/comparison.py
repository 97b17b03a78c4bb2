"""The comparison of a result with the baseline as files: table of change, map of change, lesions of the baseline."""

from __future__ import annotations

from dataclasses import asdict
from dataclasses import dataclass
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..case.dates import ExaminationDates
from ..images.geometry import Grid
from ..images.registration_quality import RegistrationQuality
from ..images.volumes import write_volume
from .change import DOUBTFUL_LOST
from .change import DOUBTFUL_NEW
from .change import SURE_LOST
from .change import SURE_NEW
from .change import ChangeRow
from .change import Places
from .change import SeenLesions
from .change import find_change
from .change import write_change_table
from .change_evidence import ChangeSettings
from .earlier_lesions import CERTAIN_LOGIT
from .earlier_lesions import EarlierLesions
from .earlier_lesions import lesion_volumes
from .overlap_rule import compare_lesions

CHANGE_TABLE, CHANGE_MAP = "change.csv", "change_map.nii.gz"
BASELINE_LESIONS, BASELINE_LABELS = "baseline_lesions.nii.gz", "baseline_lesion_labels.nii.gz"
# Nothing that moved by more than this can be told from a change.
LARGEST_BORDER_ERROR_MM = 5.0


@dataclass(frozen=True)
class Comparison:
    """What a result of the follow-up is compared with, and how; arrays (Z, Y, X) on the follow-up's user grid.

    Attributes:
        earlier: the baseline.
        organ: bool, where the follow-up shows the organ.
        logit: lesion logit of the follow-up, float32.
        logit_sd: its standard deviation under dropout, float32.
        brightened: float32, see `brightening`; None where lesions are not bright.
        settings: what counts as change, as `settings_for` gives it for this registration.
        dates: of both examinations, as far as they are known.
    """

    earlier: EarlierLesions
    organ: NDArray[np.bool_]
    logit: NDArray[np.float32]
    logit_sd: NDArray[np.float32]
    brightened: NDArray[np.float32] | None
    settings: ChangeSettings
    dates: ExaminationDates


def write_comparison(
    folder: Path, labels: NDArray[np.int32], grid: Grid, comparison: Comparison
) -> dict[str, Any]:
    """Find change and write it into the folder of a result.

    Args:
        labels: int32 (Z, Y, X), lesions of the follow-up.
        grid: the follow-up's user grid.

    Returns:
        what run.json says of it.

    Raises:
        InputError: the disk is full or the folder cannot be written to.
    """
    earlier, settings = comparison.earlier, comparison.settings
    x, y, z = grid.spacing
    places = Places(
        (x, y, z),
        grid.image(labels).TransformContinuousIndexToPhysicalPoint,
        earlier.alignment.transform.TransformPoint,
    )
    later = _seen(labels, grid, comparison)
    change = find_change(
        earlier.seen,
        later,
        places,
        settings,
        brightened=comparison.brightened,
        years=comparison.dates.years,
    )
    write_volume(grid.image(earlier.mask.astype(np.uint8)), folder / BASELINE_LESIONS)
    write_volume(grid.image(earlier.seen.labels), folder / BASELINE_LABELS)
    write_volume(grid.image(change.map), folder / CHANGE_MAP)
    write_change_table(change.rows, folder / CHANGE_TABLE)
    plain = compare_lesions(earlier.seen.labels, labels, grid.voxel_volume_mm3)
    quality = earlier.alignment.quality.as_dict()
    return {
        "change": _counts([row.change for row in change.rows]),
        "sure_change": _counts([row.change for row in change.rows if row.sure]),
        "change_volumes": _volumes(change.rows, change.map, grid),
        "registration": {**quality, "border_error_mm": settings.border_error_mm},
        "given_transform": earlier.alignment.given,
        "applied_change_settings": asdict(settings),
        "dates": comparison.dates.as_dict(),
        "plain_change": _counts([row.change for row in plain]),
    }


def settings_for(settings: ChangeSettings, quality: RegistrationQuality) -> ChangeSettings:
    """Where the examinations do not lie well on each other, borders may be as far off as the organ's edge."""
    if quality.good:
        return settings
    edge = quality.edge_distance_mm
    off = LARGEST_BORDER_ERROR_MM if edge is None else min(edge, LARGEST_BORDER_ERROR_MM)
    return replace(settings, border_error_mm=max(settings.border_error_mm, off))


def _seen(labels: NDArray[np.int32], grid: Grid, comparison: Comparison) -> SeenLesions:
    return SeenLesions(
        labels=labels,
        volumes_mm3=lesion_volumes(labels, grid),
        logit=comparison.logit,
        logit_sd=comparison.logit_sd,
        highest_logit=np.where(comparison.organ, comparison.logit, np.float32(CERTAIN_LOGIT)),
    )


def _volumes(rows: list[ChangeRow], map_: NDArray[np.uint8], grid: Grid) -> dict[str, float]:
    # Nearly all of the map is 0.
    counts = np.bincount(map_[map_ > 0], minlength=DOUBTFUL_LOST + 1) * grid.voxel_volume_mm3 / 1000
    return {
        "baseline_ml": sum(row.baseline_volume_mm3 for row in rows) / 1000,
        "followup_ml": sum(row.followup_volume_mm3 for row in rows) / 1000,
        "new_ml": float(counts[SURE_NEW] + counts[DOUBTFUL_NEW]),
        "lost_ml": float(counts[SURE_LOST] + counts[DOUBTFUL_LOST]),
        "sure_new_ml": float(counts[SURE_NEW]),
        "sure_lost_ml": float(counts[SURE_LOST]),
    }


def _counts(kinds: list[str]) -> dict[str, int]:
    return {kind: kinds.count(kind) for kind in sorted(set(kinds))}
