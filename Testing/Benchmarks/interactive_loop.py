"""What one turn of the interactive loop costs, against a plain reference implementation in the same run.

The scan is the phantom of the sample case, FLAIR + T1, at the paper's 3 mm and at 1 mm isotropic, with the shipped
full-size model. The reference is the method as the text says it, in eager float32. Times differ between machines;
ratios less so. Where the processor multiplies bfloat16, everything is measured a second time in float32, as it runs on
a processor that does not.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from figures import as_text
from figures import draw
from numpy.typing import NDArray
from PatientSpecificTuningLib.engine.case.preparation import KEPT_FROM
from PatientSpecificTuningLib.engine.lesions.uncertainty import REPETITIONS
from PatientSpecificTuningLib.engine.lesions.uncertainty import monte_carlo_dropout
from PatientSpecificTuningLib.engine.lesions.uncertainty import predict_with_deviation
from PatientSpecificTuningLib.engine.network.features import FeatureStore
from PatientSpecificTuningLib.engine.network.features import open_features
from PatientSpecificTuningLib.engine.network.frozen_trunk import FLOAT32_SWITCH
from PatientSpecificTuningLib.engine.network.frozen_trunk import has_fast_bfloat16
from PatientSpecificTuningLib.engine.network.prediction import compute_with_probability
from PatientSpecificTuningLib.engine.tuning.patch_features import pool_patches
from PatientSpecificTuningLib.engine.tuning.plan import TuningSettings
from PatientSpecificTuningLib.engine.tuning.tuning import tune
from plain import seconds_per_iteration
from plain import seconds_per_slice
from scans import SPACINGS
from scans import Scan
from scans import baseline_scan
from session import measured_session
from throughput import median_seconds
from throughput import throughput

# What a processor without AVX-512 would use of the libraries below torch.
AS_WITHOUT_BFLOAT16 = {
    FLOAT32_SWITCH: "1",
    "ONEDNN_MAX_CPU_ISA": "AVX2",
    "MKL_ENABLE_INSTRUCTIONS": "AVX2",
    "ATEN_CPU_CAPABILITY": "avx2",
}


@dataclass(frozen=True)
class Effort:
    """How much is measured: how often ours is prepared and runs, slices and iterations of the reference."""

    preparations: int
    repeats: int
    slices: int
    iterations: int


FULL, QUICK = Effort(3, 3, 48, 100), Effort(1, 2, 4, 4)


def reference_seconds(scan: Scan, effort: Effort) -> dict[str, float]:
    """Seconds of the plain implementation; a part is measured and scaled to the whole."""
    slices = scan.organ.shape[0]
    measured = min(slices, effort.slices)
    positions = np.linspace(slices // 4, 3 * slices // 4, measured).astype(int).tolist()
    seconds_per_slice(scan.network, scan.images, positions[:1], dropout=False)
    forward = slices * seconds_per_slice(scan.network, scan.images, positions, dropout=False)
    dropout = slices * seconds_per_slice(scan.network, scan.images, positions[:8], dropout=True)
    examination = (scan.network, scan.images, scan.organ, scan.lesions)
    tuning = 100 * seconds_per_iteration(*examination, scan.tuned_slices, effort.iterations)
    uncertainty = REPETITIONS * dropout
    return {
        "prepare": forward,
        "tune": tuning,
        # As many patches, whatever the number of slices.
        "tune all": tuning,
        "segment": forward,
        "uncertainty": uncertainty,
        "loop": tuning + forward + uncertainty,
    }


def our_seconds(scan: Scan, effort: Effort, folder: Path) -> dict[str, float]:
    """Seconds of every step in this process, with what is done ahead while slices are corrected done."""
    settings, patches = TuningSettings(), folder / "patches"
    examination = (scan.network, scan.images, scan.organ)

    def tuning(slices: list[int]) -> float:
        count = settings.patches_per_slice(len(slices))
        pool_patches(*examination, slices, count, settings.for_slices(len(slices)), patches)
        return median_seconds(
            effort.repeats,
            lambda: tune(
                *examination,
                scan.lesions,
                slices,
                settings,
                base_prediction=scan.lesions,
                patch_folder=patches,
            ),
        )

    stores: list[FeatureStore] = []
    prepare = median_seconds(
        effort.preparations, lambda: stores.append(kept_features(scan, scan.organ, folder))
    )
    store, head = stores[-1], scan.network.head
    return {
        "prepare": prepare,
        "tune": tuning(scan.tuned_slices),
        "tune all": tuning(scan.lesion_slices),
        "segment": median_seconds(effort.repeats, lambda: predict_with_deviation(head, store)),
        "uncertainty": median_seconds(effort.repeats, lambda: monte_carlo_dropout(head, store)),
    }


def kept_features(scan: Scan, organ: NDArray[np.bool_], folder: Path) -> FeatureStore:
    """Run the trunk and keep what the program keeps."""
    path = folder / "features.npy"
    base = compute_with_probability(scan.network, scan.images, organ, path, kept_from=KEPT_FROM)
    return open_features(path, organ & (base >= KEPT_FROM))


def growth(scan: Scan, folder: Path) -> dict[str, list[list[float]]]:
    """Seconds of features and uncertainty with more slices, and with more organ voxels in each slice."""
    curves: dict[str, list[list[float]]] = {"slices": [], "organ voxels": []}
    middle = scan.organ.shape[0] // 2
    for count in (6, 12, 24):
        organ = np.zeros_like(scan.organ)
        shown = slice(middle - count // 2, middle + count // 2)
        organ[shown] = scan.organ[shown]
        curves["slices"].append([count, *_growth_point(scan, organ, folder)])
    rows = np.flatnonzero(scan.organ.any(axis=(0, 2)))
    for part in (0.25, 0.5, 1.0):
        organ = np.zeros_like(scan.organ)
        last = rows[0] + int(part * rows.size)
        organ[middle - 6 : middle + 6, :last] = scan.organ[middle - 6 : middle + 6, :last]
        curves["organ voxels"].append([int(organ.sum()), *_growth_point(scan, organ, folder)])
    return curves


def _growth_point(scan: Scan, organ: NDArray[np.bool_], folder: Path) -> tuple[float, float]:
    stores: list[FeatureStore] = []
    prepared = median_seconds(1, lambda: stores.append(kept_features(scan, organ, folder)))
    return prepared, median_seconds(1, lambda: monte_carlo_dropout(scan.network.head, stores[-1]))


def measure_scan(resolution: str, effort: Effort) -> dict[str, Any]:
    """Everything about one scan, as one dictionary for JSON."""
    scan = baseline_scan(resolution)
    with TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        ours = our_seconds(scan, effort, Path(folder))
        session = measured_session(scan, resolution, Path(folder))
    reference = reference_seconds(scan, effort)
    ours["loop"] = session.seconds["uncertainty"]
    rows = {name: {"reference_s": reference[name], "ours_s": ours[name]} for name in reference}
    return {
        "rows": rows,
        "session_s": session.seconds,
        "case_bytes": session.case_bytes,
        "peak_bytes": session.peak_bytes,
        "throughput": throughput(scan, ours["prepare"]),
        "shape": " x ".join(str(n) for n in reversed(scan.organ.shape)),
        "organ_voxels": int(scan.organ.sum()),
        "lesion_slices": len(scan.lesion_slices),
    }


def measure(resolutions: list[str], effort: Effort) -> dict[str, Any]:
    """Everything in the number format of this process."""
    load = f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown"
    found = {resolution: measure_scan(resolution, effort) for resolution in resolutions}
    with TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        curves = growth(baseline_scan(), Path(folder))
    for scan in found.values():
        rows = scan["rows"]
        point = [scan["organ_voxels"], rows["prepare"]["ours_s"], rows["uncertainty"]["ours_s"]]
        curves["organ voxels"].append(point)
    return {
        "formats": {"bfloat16" if has_fast_bfloat16("cpu") else "float32": found},
        "growth": curves,
        "machine": {
            "processor": platform.processor() or platform.machine(),
            "capability": torch.backends.cpu.get_cpu_capability(),
            "load": load,
            "threads": torch.get_num_threads(),
            "torch": str(torch.__version__),
        },
    }


def measured_as_without_bfloat16(arguments: list[str]) -> dict[str, Any]:
    """The same in another process, which uses nothing that a processor without bfloat16 lacks."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "found.json"
        command = [sys.executable, __file__, *arguments, "--json", str(path)]
        subprocess.run(command, env=os.environ | AS_WITHOUT_BFLOAT16, check=True, stdout=subprocess.DEVNULL)
        return json.loads(path.read_text(encoding="utf-8"))["formats"]


def main() -> None:
    """Measure, print, and write what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="prepare once, and measure a part of the reference"
    )
    parser.add_argument("--scans", nargs="*", default=list(SPACINGS), choices=list(SPACINGS))
    parser.add_argument("--json", type=Path, help="write the figures here")
    parser.add_argument("--picture", type=Path, help="draw ratios and growth here (PNG)")
    options = parser.parse_args()
    found = measure(options.scans, QUICK if options.quick else FULL)
    if has_fast_bfloat16("cpu"):
        arguments = [*(["--quick"] if options.quick else []), "--scans", *options.scans]
        found["formats"] |= measured_as_without_bfloat16(arguments)
    print(as_text(found))
    if options.json:
        options.json.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    if options.picture:
        draw(found, options.picture)


if __name__ == "__main__":
    main()
