"""How often an unchanged patient seems to change, and how many injected lesions are found: on real scans.

Scans are read from a folder of the longitudinal database (see the README of the data), taken again on the computer
(turned, moved, blurred by that, with new noise and another bias field) and run through the CNN; this takes a minute
or more for each, is kept in --work and done once. Trials without the CNN disturb these logits by noise with the
spread and the correlation that were measured between two scans taken again.

    python Testing/environment.py Testing/Benchmarks/change.py --data FOLDER --work FOLDER --trials 200
"""

from __future__ import annotations

import argparse
import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk
from change_scans import RawScan
from change_scans import SeenScan
from change_scans import read_raw
from change_scans import seen_by
from change_scans import taken_again
from change_scans import with_lesions
from numpy.typing import NDArray
from PatientSpecificTuningLib.engine.images.geometry import Grid
from PatientSpecificTuningLib.engine.images.geometry import resample
from PatientSpecificTuningLib.engine.images.geometry import resample_labelmap
from PatientSpecificTuningLib.engine.lesions.baseline_prior import NEW_LESION_PRIOR
from PatientSpecificTuningLib.engine.lesions.baseline_prior import LesionPriors
from PatientSpecificTuningLib.engine.lesions.baseline_prior import local_threshold
from PatientSpecificTuningLib.engine.lesions.baseline_prior import risen
from PatientSpecificTuningLib.engine.lesions.brightening import brightening
from PatientSpecificTuningLib.engine.lesions.change import SURE_NEW
from PatientSpecificTuningLib.engine.lesions.change import Change
from PatientSpecificTuningLib.engine.lesions.change import Places
from PatientSpecificTuningLib.engine.lesions.change import SeenLesions
from PatientSpecificTuningLib.engine.lesions.change import find_change
from PatientSpecificTuningLib.engine.lesions.change_evidence import ChangeSettings
from PatientSpecificTuningLib.engine.lesions.earlier_lesions import CERTAIN_LOGIT
from PatientSpecificTuningLib.engine.lesions.earlier_lesions import LARGEST_LOGIT
from PatientSpecificTuningLib.engine.lesions.earlier_lesions import labels_on_grid
from PatientSpecificTuningLib.engine.lesions.earlier_lesions import lesion_logit
from PatientSpecificTuningLib.engine.lesions.earlier_lesions import lesion_volumes
from PatientSpecificTuningLib.engine.lesions.lesions import binarize
from PatientSpecificTuningLib.engine.lesions.lesions import label_lesions
from PatientSpecificTuningLib.engine.lesions.overlap_rule import compare_lesions
from PatientSpecificTuningLib.engine.model.card import PostProcessing
from PatientSpecificTuningLib.engine.network.model_choice import choose_model
from PatientSpecificTuningLib.engine.network.model_folder import load_model
from scipy import ndimage

SCANS = {
    "12f": ("patient12", "followup_"),
    "12b": ("patient12", "baseline_"),
    "04": ("patient04", "baseline_"),
    "20": ("patient20", "followup_"),
    "19f": ("patient19", "followup_"),
    "19b": ("patient19", "baseline_"),
    "03f": ("patient03", "followup_"),
    "03b": ("patient03", "baseline_"),
}
# The middle of the head: half of the cost, most of the white matter. What lies at its ends is not judged.
SLAB, ENDS = slice(15, 39), 4
# Between two scans taken again: spread of the logit near lesions, elsewhere, and of all lesions together.
NEAR_SD, FAR_SD, SHIFT_SD = 1.2, 1.5, 0.5
MISALIGNED_MM, MISALIGNED_DEGREES = 0.3, 0.3
# Of the normalised FLAIR of such a scan: grain, and what is left of the shading.
GRAIN_SD, SHADING_SD = 0.12, 0.25


@dataclass(frozen=True)
class Bank:
    """Scans that the CNN has seen, kept in a folder."""

    data: Path
    work: Path

    def raw(self, name: str) -> RawScan:
        """A scan as it was taken."""
        folder, prefix = SCANS[name]
        return read_raw(self.data / folder, prefix)

    def scan(self, name: str) -> SeenScan:
        """NAME, NAME_r1 and so on for scans taken again, NAME_i0 with injected lesions."""
        path = self.work / f"{name}.npz"
        if not path.is_file():
            self.work.mkdir(parents=True, exist_ok=True)
            raw = self._made(name)
            cut = [None if i is None else i[:, :, SLAB] for i in (raw.flair, raw.t1, raw.mask)]
            _card, network = load_model(choose_model(None))
            seen_by(network, RawScan(*cut), name).save(path)
        return SeenScan.load(path)

    def _made(self, name: str) -> RawScan:
        source, _, variant = name.partition("_")
        if not variant:
            return self.raw(source)
        seed = zlib.crc32(name.encode())
        if variant.startswith("r"):
            raw, moved = taken_again(self.raw(source), seed)
            sitk.WriteTransform(moved, str(self.work / f"{name}.tfm"))
            return raw
        original, free = self.scan(source), np.zeros(Grid.of(self.raw(source).flair).shape, dtype=bool)
        distance = ndimage.distance_transform_edt(
            original.probability <= 0.1, sampling=original.grid.spacing[::-1]
        )
        free[SLAB][ENDS:-ENDS] = (distance > 10)[ENDS:-ENDS]
        raw, numbers, volumes = with_lesions(self.raw(source), free, seed)
        wanted = [volumes[number] for number in sorted(volumes)]
        np.savez_compressed(self.work / f"{name}_truth.npz", numbers=numbers, wanted=wanted)
        return raw

    def between(self, first: str, second: str) -> sitk.Transform:
        """From points of the second scan to points of the first, not quite exactly, as a registration finds it."""
        rng = np.random.default_rng(zlib.crc32(f"{first} {second}".encode()))
        off = _misaligned(self.scan(second).grid, rng)
        return sitk.CompositeTransform(
            [self._to_original(first).GetInverse(), self._to_original(second), off]
        )

    def _to_original(self, name: str) -> sitk.Transform:
        path = self.work / f"{name}.tfm"
        return sitk.ReadTransform(str(path)) if path.is_file() else sitk.Transform(3, sitk.sitkIdentity)


def compared(
    before: SeenScan, after: SeenScan, transform: sitk.Transform, prior: float
) -> tuple[Change, SeenLesions, SeenLesions]:
    """Change between two scans, judged in the middle of the slab; a prior of 0 leaves the images out."""
    grid = after.grid
    earlier, later = _seen(before, grid, transform), _seen(after, grid, None)
    x, y, z = grid.spacing
    brightened = None
    if prior:
        images = _brightness(before, grid, transform), _brightness(after, grid, None)
        brightened = brightening(*images, (x, y, z))
        threshold = PostProcessing().threshold
        rise = risen(earlier, later.logit, brightened, threshold, prior, (x, y, z), ChangeSettings())
        later = _lesions_of(after, later, rise, prior)
    sides = (_within(earlier), _within(later))
    index_to_point = grid.image(after.organ.astype(np.uint8)).TransformContinuousIndexToPhysicalPoint
    places = Places((x, y, z), index_to_point, transform.TransformPoint)
    return find_change(*sides, places, ChangeSettings(), brightened=brightened), *sides


def _seen(scan: SeenScan, grid: Grid, transform: sitk.Transform | None) -> SeenLesions:
    labels = label_lesions(binarize(scan.probability, scan.organ, PostProcessing()))
    volumes, logit = lesion_volumes(labels, scan.grid), lesion_logit(scan.probability)
    highest = np.where(scan.organ, logit, CERTAIN_LOGIT).astype(np.float32)
    if transform is None:
        return SeenLesions(labels, volumes, logit, scan.logit_sd, highest)

    def moved(values: NDArray[np.float32], outside: float) -> NDArray[np.float32]:
        image = resample(scan.grid.image(values), grid, transform=transform, background=outside)
        array: NDArray[np.float32] = sitk.GetArrayFromImage(image)
        return array

    return SeenLesions(
        labels_on_grid(labels, scan.grid, grid, transform),
        volumes,
        moved(logit, -LARGEST_LOGIT),
        moved(scan.logit_sd, 0.0),
        moved(highest, CERTAIN_LOGIT),
    )


def _brightness(scan: SeenScan, grid: Grid, transform: sitk.Transform | None) -> NDArray[np.float32]:
    image = resample(scan.grid.image(scan.image), grid, transform=transform)
    organ = resample_labelmap(scan.grid.image(scan.organ.astype(np.uint8)), grid, transform)
    known = sitk.GetArrayFromImage(organ) > 0
    return np.where(known, sitk.GetArrayFromImage(image), np.nan).astype(np.float32)


def _lesions_of(scan: SeenScan, seen: SeenLesions, rise: NDArray[np.bool_], prior: float) -> SeenLesions:
    """The same scan with lesions as they are found with a prior of new ones."""
    processing = PostProcessing()
    nothing = np.zeros_like(rise)
    local = local_threshold(processing.threshold, nothing, rise, LesionPriors(risen=prior))
    labels = label_lesions(binarize(scan.probability, scan.organ, processing, threshold=local))
    return replace(seen, labels=labels, volumes_mm3=lesion_volumes(labels, scan.grid))


def _within(seen: SeenLesions) -> SeenLesions:
    whole = np.bincount(seen.labels.ravel())
    labels = seen.labels.copy()
    labels[:ENDS], labels[-ENDS:] = 0, 0
    kept = np.bincount(labels.ravel(), minlength=len(whole))
    volumes = {n: v * kept[n] / whole[n] for n, v in seen.volumes_mm3.items() if n < len(whole) and kept[n]}
    return replace(seen, labels=labels, volumes_mm3=volumes)


def counted(change: Change, before: SeenLesions, after: SeenLesions, voxel: float) -> dict[str, Any]:
    """Sure changes, what the plain overlap rule calls new, grown, shrunk or vanished, and how volumes differ.

    "volumes_in_sd": the difference of every lesion from 30 mm3 on that is matched one to one, in units of the standard
    deviation that it is given.
    """
    plain = compare_lesions(before.labels, after.labels, voxel)
    return {
        "lesions": len(change.rows),
        "sure": sum(row.sure for row in change.rows),
        "sure_new_30": sum(r.sure for r in change.rows if r.change == "new" and r.followup_volume_mm3 >= 30),
        "plain": sum(row.change in ("new", "vanished", "grown", "shrunk") for row in plain),
        "plain_new_30": sum(r.change == "new" and r.followup_volume_mm3 >= 30 for r in plain),
        "volumes_in_sd": [
            r.difference_mm3 / r.difference_sd_mm3
            for r in change.rows
            if r.match == "one" and max(r.baseline_volume_mm3, r.followup_volume_mm3) >= 30
        ],
    }


def taken_again_trials(bank: Bank, names: list[str], again: int, prior: float) -> Iterator[dict[str, Any]]:
    """Every ordered pair of a scan and its repetitions, all seen by the CNN."""
    for name in names:
        variants = [name, *(f"{name}_r{i}" for i in range(1, again + 1))]
        for first in variants:
            for second in variants:
                if first != second:
                    before, after = bank.scan(first), bank.scan(second)
                    transform = bank.between(first, second)
                    change, *sides = compared(before, after, transform, prior)
                    yield {
                        "pair": f"{first} {second}",
                        **counted(change, *sides, after.grid.voxel_volume_mm3),
                    }


def simulated_trials(
    bank: Bank, names: list[str], trials: int, prior: float, seed: int = 0
) -> Iterator[dict[str, Any]]:
    """Logits of a scan disturbed twice, the second one turned and moved, brought together not quite exactly."""
    for trial in range(trials):
        rng = np.random.default_rng([seed, trial])
        name = names[trial % len(names)]
        scan = bank.scan(name)
        moved = _euler(scan.grid, rng.standard_normal(3), 3.0, rng.uniform(-4, 4, 3))
        image = resample(scan.grid.image(scan.logit), scan.grid, transform=moved, background=-30.0)
        organ = resample(
            scan.grid.image(scan.organ.astype(np.uint8)), scan.grid, transform=moved, interpolation="nearest"
        )
        turned = resample(scan.grid.image(scan.image), scan.grid, transform=moved)
        later = replace(
            scan,
            image=sitk.GetArrayFromImage(turned),
            logit=sitk.GetArrayFromImage(image),
            organ=sitk.GetArrayFromImage(organ) > 0,
        )
        shift = rng.normal(0, SHIFT_SD)
        before = replace(scan, logit=scan.logit + _noise(scan, rng), image=_disturbed(scan, rng))
        after = replace(
            later,
            logit=later.logit + _noise(later, rng) + shift * (later.logit > -3),
            image=_disturbed(later, rng),
        )
        off = _misaligned(scan.grid, rng)
        change, *sides = compared(before, after, sitk.CompositeTransform([moved, off]), prior)
        yield {"pair": name, **counted(change, *sides, scan.grid.voxel_volume_mm3)}


def _euler(
    grid: Grid, axis: NDArray[np.float64], degrees: float, shift: NDArray[np.float64]
) -> sitk.Euler3DTransform:
    angles = np.deg2rad(degrees) * axis / np.linalg.norm(axis)
    centre = np.asarray(grid.corners()).mean(axis=0)
    return sitk.Euler3DTransform(centre.tolist(), *map(float, angles), shift.tolist())


def _misaligned(grid: Grid, rng: np.random.Generator) -> sitk.Euler3DTransform:
    return _euler(grid, rng.standard_normal(3), MISALIGNED_DEGREES, rng.normal(0, MISALIGNED_MM, 3))


def _disturbed(scan: SeenScan, rng: np.random.Generator) -> NDArray[np.float32]:
    """The normalised FLAIR with the grain and the shading of a scan of its own."""
    shape = scan.image.shape
    grain = ndimage.gaussian_filter(rng.standard_normal(shape), (0, 0.5, 0.5))
    coarse = rng.standard_normal((5, 6, 6))
    shading = ndimage.zoom(coarse, [n / c for n, c in zip(shape, coarse.shape, strict=True)], order=1)
    added = grain / grain.std() * GRAIN_SD + shading / shading.std() * SHADING_SD
    return (scan.image + added).astype(np.float32)


def _noise(scan: SeenScan, rng: np.random.Generator) -> NDArray[np.float32]:
    """What one scan adds to its logit: correlated in the slice, slice by slice anew, as this CNN looks at slices."""
    parts = []
    for sigma in (0.8, 4.0):
        part = ndimage.gaussian_filter(rng.standard_normal(scan.logit.shape), (0, sigma, sigma))
        parts.append(part / part.std())
    spread = np.where(ndimage.maximum_filter(scan.logit, 3) > -3, NEAR_SD, FAR_SD) / np.sqrt(2)
    return ((parts[0] + parts[1]) / np.sqrt(2) * spread).astype(np.float32)


def injected(bank: Bank, pairs: list[tuple[str, str]], prior: float) -> Iterator[dict[str, Any]]:
    """Lesions of known size in a real scan, against another scan of the same patient without them."""
    for first, second in pairs:
        before, after = bank.scan(first), bank.scan(second)
        change, _earlier, later = compared(before, after, bank.between(first, second), prior)
        truth = np.load(bank.work / f"{second}_truth.npz")
        numbers = truth["numbers"][SLAB].copy()
        numbers[:ENDS], numbers[-ENDS:] = 0, 0
        for number, wanted in enumerate(truth["wanted"], start=1):
            there = numbers == number
            if there.any():
                yield {
                    "pair": f"{first} {second}",
                    "mm3": float(wanted),
                    "seen_by_cnn": bool((later.labels[there] > 0).any()),
                    "sure": bool((change.map[there] == SURE_NEW).any()),
                }


def main() -> None:
    """Run what is asked for and write what came out after every trial."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="folder of the longitudinal database")
    parser.add_argument("--work", type=Path, required=True, help="where scans that the CNN has seen are kept")
    parser.add_argument("--scans", nargs="+", choices=SCANS, default=["12f", "04"])
    parser.add_argument("--again", type=int, default=2, help="how often each scan is taken again")
    parser.add_argument("--trials", type=int, default=200, help="trials without the CNN")
    parser.add_argument(
        "--new-lesion-prior",
        type=float,
        default=NEW_LESION_PRIOR,
        help="as of the verb segment; 0 leaves the images out of account",
    )
    options = parser.parse_args()
    bank, prior = Bank(options.data, options.work), options.new_lesion_prior
    parts = {
        "injected": injected(
            bank, [(f"{n}_r{i + 1}", f"{n}_i0") for n in options.scans for i in range(options.again)], prior
        ),
        "taken_again": taken_again_trials(bank, options.scans, options.again, prior),
        "simulated": simulated_trials(bank, options.scans, options.trials, prior),
    }
    for name, trials in parts.items():
        results = []
        for result in trials:
            results.append(result)
            (options.work / f"{name}-{prior:g}.json").write_text(
                json.dumps(results, indent=1), encoding="utf-8"
            )
        if results:
            print(name, json.dumps(_summary(name, results)), flush=True)


def _summary(name: str, results: list[dict[str, Any]]) -> dict[str, Any]:
    if name == "injected":
        sizes = sorted({r["mm3"] for r in results})
        chosen = {size: [r for r in results if r["mm3"] == size] for size in sizes}
        return {
            f"{size:.0f} mm3": {
                "lesions": len(c),
                "seen_by_cnn": sum(r["seen_by_cnn"] for r in c),
                "sure": sum(r["sure"] for r in c),
            }
            for size, c in chosen.items()
        }
    differences = np.array([value for r in results for value in r["volumes_in_sd"]])
    return {
        "trials": len(results),
        # Where the settings are right it is 1.
        "spread_of_volumes_in_sd": float(differences.std()) if differences.size else None,
        "without_sure_change": sum(r["sure"] == 0 for r in results),
        "sure_per_trial": float(np.mean([r["sure"] for r in results])),
        "sure_new_from_30mm3_per_trial": float(np.mean([r["sure_new_30"] for r in results])),
        "plain_rule_changes_per_trial": float(np.mean([r["plain"] for r in results])),
        "plain_rule_new_from_30mm3_per_trial": float(np.mean([r["plain_new_30"] for r in results])),
    }


if __name__ == "__main__":
    main()
