"""What became of each lesion between baseline and follow-up, and how sure that is."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ..files.tables import write_table
from .change_evidence import ChangeSettings
from .change_evidence import chance
from .change_evidence import joint_excess
from .change_evidence import logit_excess
from .change_evidence import surface_mm2
from .change_evidence import systematic_shift
from .change_evidence import volume_sd
from .lesions import EVERY_NEIGHBOUR
from .matching import LesionMatch
from .matching import match_across_time

CHANGES = ("new", "grown", "vanished", "shrunk", "stable")
SURE_NEW, DOUBTFUL_NEW, SURE_LOST, DOUBTFUL_LOST = 1, 2, 3, 4
ToWorld = Callable[[Sequence[float]], Sequence[float]]
Mask = NDArray[np.bool_]
Volume = NDArray[np.float32]


@dataclass(frozen=True)
class SeenLesions:
    """The lesions of one examination on the follow-up's grid, arrays (Z, Y, X).

    Attributes:
        labels: int32, lesions from 1.
        volumes_mm3: volume of each lesion by its number, measured on the examination's own grid.
        logit: float32, lesion logit of the CNN.
        logit_sd: float32, its standard deviation under dropout.
        highest_logit: float32, how much of a lesion there may be at most: the logit, but as good as certain where a
            person drew a lesion and where the examination shows no organ, of which nothing is known.
        drawn: numbers of the lesions that a person drew, in whole or in part.
    """

    labels: NDArray[np.int32]
    volumes_mm3: dict[int, float]
    logit: NDArray[np.float32]
    logit_sd: NDArray[np.float32]
    highest_logit: NDArray[np.float32]
    drawn: frozenset[int] = frozenset()


@dataclass(frozen=True)
class ChangeRow:
    """One lesion of the follow-up, or one of the baseline without successor; positions are LPS mm.

    Attributes:
        change: one of `CHANGES`.
        baseline_labels: numbers of the baseline lesions that it continues.
        followup_labels: its number in the lesion table, none where it vanished.
        baseline_volume_mm3: its volume at baseline; of a lesion that was split, the part nearest to this one.
        followup_volume_mm3: its volume at follow-up.
        difference_mm3: the latter minus the former.
        difference_sd_mm3: standard deviation that repeated measurement alone gives the difference.
        per_year_mm3: difference per year, None where the dates are not known.
        probability: 0 to 1, that the difference is more than repeated measurement would show.
        sure: 1 where it is sure, otherwise 0; a stable lesion is never sure.
        match: "none", "one", "merged", "split" or "regrouped".
        followup_x_mm: a point inside the lesion at follow-up, or where it was.
        baseline_x_mm: the same place in the baseline's own space.
        new_part_mm3: volume of sure new tissue inside a lesion that existed before.
        new_part_x_mm: a point inside the largest such part at follow-up, None without one.
    """

    change: str
    baseline_labels: tuple[int, ...]
    followup_labels: tuple[int, ...]
    baseline_volume_mm3: float
    followup_volume_mm3: float
    difference_mm3: float
    difference_sd_mm3: float
    per_year_mm3: float | None
    probability: float
    sure: int
    match: str
    followup_x_mm: float
    followup_y_mm: float
    followup_z_mm: float
    baseline_x_mm: float
    baseline_y_mm: float
    baseline_z_mm: float
    new_part_mm3: float = 0.0
    new_part_x_mm: float | None = None
    new_part_y_mm: float | None = None
    new_part_z_mm: float | None = None


@dataclass(frozen=True)
class Change:
    """All rows, sure ones first, and where tissue is new or lost: uint8 (Z, Y, X), see `SURE_NEW` and its like."""

    rows: list[ChangeRow]
    map: NDArray[np.uint8]


@dataclass(frozen=True)
class Places:
    """From voxels of the follow-up to the patient.

    Attributes:
        spacing: voxel size in mm, (x, y, z).
        to_followup: from a continuous index (x, y, z) to LPS mm in the follow-up.
        to_baseline: from LPS mm in the follow-up to LPS mm in the baseline.
    """

    spacing: tuple[float, float, float]
    to_followup: ToWorld
    to_baseline: ToWorld


@dataclass(frozen=True)
class _Part:
    """Tissue that is lesion in one examination only, beyond the error of the border."""

    voxels: NDArray[np.integer]
    volume_mm3: float
    probability: float


def find_change(
    before: SeenLesions,
    after: SeenLesions,
    places: Places,
    settings: ChangeSettings,
    *,
    brightened: Volume | None = None,
    years: float | None = None,
) -> Change:
    """Match lesions across time and test every difference against what repeated measurement would show.

    Args:
        before: the baseline, brought onto the grid of the follow-up.
        after: the follow-up.
        brightened: float32 (Z, Y, X), see `brightening`; None where the images do not show lesions as bright.
        years: between the examinations, None where it is not known.
    """
    return _Comparison(before, after, places, settings, brightened, years).change()


def write_change_table(rows: Sequence[ChangeRow], path: Path) -> None:
    """Write the table as CSV with a header; several labels of one cell are separated by spaces."""
    write_table(rows, ChangeRow, path)


class _Comparison:
    """Two examinations that are being compared."""

    def __init__(
        self,
        before: SeenLesions,
        after: SeenLesions,
        places: Places,
        settings: ChangeSettings,
        brightened: Volume | None,
        years: float | None,
    ) -> None:
        self.before, self.after, self.places, self.settings = before, after, places, settings
        self.brightened, self.years = brightened, years
        self.reach = settings.reach(places.spacing)
        matching = match_across_time(before.labels, after.labels, self.reach, places.spacing)
        self.matches, self.successor = matching.matches, matching.successor
        self.boxes = ndimage.find_objects(before.labels), ndimage.find_objects(after.labels)
        self.shift = systematic_shift(before.labels > 0, after.labels > 0, before.logit, after.logit)
        self.map = np.zeros(after.labels.shape, dtype=np.uint8)

    def change(self) -> Change:
        rows = [self._row(match) for match in self.matches]
        return Change(sorted(rows, key=_importance), self.map)

    def _row(self, match: LesionMatch) -> ChangeRow:
        volumes = self._volumes(match)
        difference = volumes[1] - volumes[0]
        box = self._box(match)
        earlier = np.isin(self.before.labels[box], match.baseline)
        earlier &= self.successor[box] == (match.followup or 0)
        later = self.after.labels[box] == match.followup if match.followup else np.zeros_like(earlier)
        surfaces = surface_mm2(earlier, self.places.spacing), surface_mm2(later, self.places.spacing)
        deviation = volume_sd(surfaces, self.settings, drawn=bool(self.before.drawn & set(match.baseline)))
        new = self._parts(later, box, self.after, self.before)
        lost = self._parts(earlier, box, self.before, self.after)
        probability, gained = self._probability(match, difference, deviation, new, lost)
        sure = probability >= self.settings.sure_probability
        change = self._name(match, volumes, sure=sure, gained=bool(gained))
        self._mark(new, SURE_NEW if sure and change in ("new", "grown") else DOUBTFUL_NEW)
        self._mark(gained, SURE_NEW)
        self._mark(lost, SURE_LOST if sure and change in ("vanished", "shrunk") else DOUBTFUL_LOST)
        place = self._inside(later if match.followup else earlier, box)
        row = ChangeRow(
            change,
            match.baseline,
            (match.followup,) if match.followup else (),
            *volumes,
            difference,
            deviation,
            None if self.years is None else difference / self.years,
            probability,
            int(sure and change != "stable"),
            match.kind,
            *place,
            *self.places.to_baseline(place),
        )
        return self._with_new_part(row, gained) if match.baseline else row

    def _volumes(self, match: LesionMatch) -> tuple[float, float]:
        earlier = sum(
            share * self.before.volumes_mm3[number]
            for number, share in zip(match.baseline, match.shares, strict=True)
        )
        return earlier, self.after.volumes_mm3[match.followup] if match.followup else 0.0

    def _box(self, match: LesionMatch) -> tuple[slice, ...]:
        """The box of all lesions of a match, wide enough for what lies within reach of them."""
        boxes = [self.boxes[0][number - 1] for number in match.baseline]
        if match.followup:
            boxes.append(self.boxes[1][match.followup - 1])
        margins = [size // 2 + 1 for size in self.reach.shape]
        return tuple(
            slice(
                max(0, min(b[axis].start for b in boxes) - margin), max(b[axis].stop for b in boxes) + margin
            )
            for axis, margin in enumerate(margins)
        )

    def _parts(
        self, lesion: Mask, box: tuple[slice, ...], seen: SeenLesions, other: SeenLesions
    ) -> list[_Part]:
        """The pieces of a lesion that lie beyond the error of the border of every lesion of the other examination."""
        near = ndimage.binary_dilation(other.labels[box] > 0, structure=self.reach)
        pieces, count = ndimage.label(lesion & ~near, structure=EVERY_NEIGHBOUR)
        corner = [part.start for part in box]
        parts = []
        sign = 1 if seen is self.after else -1
        for number in range(1, count + 1):
            piece = pieces == number
            excess = logit_excess(
                piece,
                seen.logit[box],
                other.highest_logit[box],
                seen.logit_sd[box],
                other.logit_sd[box],
                self.reach,
                self.settings,
                shift=sign * self.shift,
            )
            if self.brightened is not None:
                change = sign * float(self.brightened[box][piece].mean())
                excess = joint_excess(excess, change, self.settings)
            volume = float(np.count_nonzero(piece) * np.prod(self.places.spacing))
            real = chance(excess, len(self.matches)) if volume >= self.settings.smallest_mm3 else 0.0
            parts.append(_Part(np.argwhere(piece) + corner, volume, real))
        return sorted(parts, key=lambda part: -part.volume_mm3)

    def _probability(
        self, match: LesionMatch, difference: float, deviation: float, new: list[_Part], lost: list[_Part]
    ) -> tuple[float, list[_Part]]:
        """That the lesion changed as its volumes say, and its sure new parts."""
        gained = [part for part in new if part.probability >= self.settings.sure_probability]
        by_parts = max((part.probability for part in (new if difference >= 0 else lost)), default=0.0)
        if not match.baseline or not match.followup:
            return by_parts, gained
        by_volume = 0.0
        # Where a lesion was split, volumes of its parts depend on where a thin bridge breaks.
        if match.kind in ("one", "merged") and abs(difference) >= self.settings.smallest_mm3:
            by_volume = chance(abs(difference) / deviation, len(self.matches))
        return max(by_parts, by_volume, *(part.probability for part in gained), 0.0), gained

    def _name(self, match: LesionMatch, volumes: tuple[float, float], *, sure: bool, gained: bool) -> str:
        if not match.baseline:
            return "new"
        if not match.followup:
            return "vanished"
        difference = volumes[1] - volumes[0]
        if gained or (difference > 0 and (sure or difference > self.settings.growth * volumes[0])):
            return "grown"
        if difference < 0 and (sure or -difference > self.settings.growth * volumes[0]):
            return "shrunk"
        return "stable"

    def _mark(self, parts: list[_Part], value: int) -> None:
        for part in parts:
            self.map[tuple(part.voxels.T)] = value

    def _inside(self, lesion: Mask, box: tuple[slice, ...]) -> tuple[float, float, float]:
        return self._place(np.argwhere(lesion) + [part.start for part in box])

    def _place(self, voxels: NDArray[np.integer]) -> tuple[float, float, float]:
        """The voxel nearest to the centre, since the centre of a bent lesion lies beside it."""
        offsets = (voxels - voxels.mean(axis=0)) * self.places.spacing[::-1]
        nearest = voxels[int(np.argmin((offsets**2).sum(axis=1)))]
        x, y, z = self.places.to_followup([float(value) for value in nearest[::-1]])
        return float(x), float(y), float(z)

    def _with_new_part(self, row: ChangeRow, gained: list[_Part]) -> ChangeRow:
        if not gained:
            return row
        x, y, z = self._place(gained[0].voxels)
        volume = sum(part.volume_mm3 for part in gained)
        return replace(row, new_part_mm3=volume, new_part_x_mm=x, new_part_y_mm=y, new_part_z_mm=z)


def _importance(row: ChangeRow) -> tuple[int, int, float]:
    return -row.sure, CHANGES.index(row.change), -max(abs(row.difference_mm3), row.new_part_mm3)
