"""What one turn of the interactive loop costs, against a plain reference implementation in the same run.

The scan is the phantom of the sample case on 240 x 240 x 48 voxels, FLAIR + T1, with the shipped full-size model.
The reference is the method as the text says it, in eager float32. Times differ between machines; ratios less so.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import time
from collections.abc import Callable
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import SimpleITK as sitk
import torch
from numpy.typing import NDArray
from PatientSpecificTuningLib.engine.cohort.sample_cases import sample_folder
from PatientSpecificTuningLib.engine.images.normalization import normalized
from PatientSpecificTuningLib.engine.lesions.uncertainty import REPETITIONS
from PatientSpecificTuningLib.engine.lesions.uncertainty import monte_carlo_dropout
from PatientSpecificTuningLib.engine.model.card import ModelCard
from PatientSpecificTuningLib.engine.network.features import compute_features
from PatientSpecificTuningLib.engine.network.features import open_features
from PatientSpecificTuningLib.engine.network.frozen_trunk import FrozenTrunk
from PatientSpecificTuningLib.engine.network.frozen_trunk import has_fast_bfloat16
from PatientSpecificTuningLib.engine.network.frozen_trunk import needed_spans
from PatientSpecificTuningLib.engine.network.model_choice import choose_model
from PatientSpecificTuningLib.engine.network.model_folder import load_model
from PatientSpecificTuningLib.engine.network.network import DualPathwayNetwork
from PatientSpecificTuningLib.engine.network.patches import organ_box
from PatientSpecificTuningLib.engine.network.prediction import predict_probability
from PatientSpecificTuningLib.engine.tuning.patch_features import pool_patches
from PatientSpecificTuningLib.engine.tuning.plan import TuningSettings
from PatientSpecificTuningLib.engine.tuning.tuning import tune
from plain import seconds_per_iteration
from plain import seconds_per_slice
from worker_session import WorkerSession

SLICES, SIDE = 48, 240
TARGETS_S = {"prepare": 8.5, "tune": 4.0, "segment": 1.0, "uncertainty": 4.0, "loop": 10.0}
WORDS = {
    "prepare": "prepare one scan (features of all organ voxels)",
    "tune": "100 fine-tuning iterations after the last correction",
    "segment": "follow-up lesions, after tuning",
    "uncertainty": f"{REPETITIONS} Monte Carlo dropout repetitions",
    "loop": "click to uncertainty, by the worker, with all files written",
}


@dataclass(frozen=True)
class Effort:
    """How much is measured: how often ours is prepared and runs, slices and iterations of the reference."""

    preparations: int
    repeats: int
    slices: int
    iterations: int


FULL, QUICK = Effort(3, 3, SLICES, 100), Effort(1, 3, 4, 4)


@dataclass(frozen=True)
class Scan:
    """Network, card and one examination: images (channels, Z, Y, X), organ mask and lesions (Z, Y, X)."""

    card: ModelCard
    network: DualPathwayNetwork
    images: NDArray[np.float32]
    organ: NDArray[np.bool_]
    lesions: NDArray[np.bool_]

    @property
    def tuned_slices(self) -> list[int]:
        """The two slices with most lesion voxels."""
        return sorted(np.argsort(self.lesions.sum(axis=(1, 2)))[-2:].tolist())


def sample_image(name: str) -> sitk.Image:
    """An image of the sample case, centred on 240 x 240 x 48 voxels."""
    image = sitk.ReadImage(str(sample_folder("brain") / f"{name}.nii.gz"))
    wanted = np.array([SIDE, SIDE, SLICES])
    missing = wanted - image.GetSize()
    below = np.maximum(missing, 0) // 2
    image = sitk.ConstantPad(image, below.tolist(), (np.maximum(missing, 0) - below).tolist())
    start = (np.maximum(-missing, 0) // 2).tolist()
    return sitk.RegionOfInterest(image, wanted.tolist(), start)


def baseline_scan() -> Scan:
    """The baseline of the sample case as the network sees it."""
    card, network = load_model(choose_model(None))
    arrays = {
        name: sitk.GetArrayFromImage(sample_image(f"baseline_{name}"))
        for name in ("FLAIR", "T1", "brain_mask", "lesions")
    }
    organ, lesions = arrays["brain_mask"] > 0, arrays["lesions"] > 0
    images = np.concatenate(
        [normalized(arrays[p.sequence][None], organ, card.normalization) for p in card.pathways]
    )
    return Scan(card, network, images, organ, lesions)


def median_seconds(repeats: int, action: Callable[[], Any]) -> float:
    """Median over repeats."""
    times = []
    for _ in range(repeats):
        began = time.perf_counter()
        action()
        times.append(time.perf_counter() - began)
    return statistics.median(times)


def reference_seconds(scan: Scan, effort: Effort) -> dict[str, float]:
    """Seconds of the plain implementation; a part is measured and scaled to the whole."""
    positions = np.linspace(SLICES // 4, 3 * SLICES // 4, effort.slices).astype(int).tolist()
    seconds_per_slice(scan.network, scan.images, positions[:1], dropout=False)
    forward = SLICES * seconds_per_slice(scan.network, scan.images, positions, dropout=False)
    dropout = SLICES * seconds_per_slice(scan.network, scan.images, positions[:8], dropout=True)
    examination = (scan.network, scan.images, scan.organ, scan.lesions, scan.tuned_slices)
    tuning = 100 * seconds_per_iteration(*examination, effort.iterations)
    uncertainty = REPETITIONS * dropout
    return {
        "prepare": forward,
        "tune": tuning,
        "segment": forward,
        "uncertainty": uncertainty,
        "loop": tuning + forward + uncertainty,
    }


def our_seconds(scan: Scan, effort: Effort, folder: Path) -> dict[str, float]:
    """Seconds of every step in this process, and of what is done ahead while slices are corrected."""
    settings, slices = TuningSettings(), scan.tuned_slices
    examination = (scan.network, scan.images, scan.organ)
    patches = folder / "patches"

    def pool() -> None:
        for path in patches.glob("*"):
            path.unlink()
        pool_patches(*examination, slices, settings.patches_per_slice(2), settings, patches)

    def tuning() -> None:
        tune(*examination, scan.lesions, slices, settings, base_prediction=scan.lesions, patch_folder=patches)

    path = folder / "features.npy"
    prepare = median_seconds(effort.preparations, lambda: compute_features(*examination, path))
    store = open_features(path, scan.organ)
    head = scan.network.head
    return {
        "prepare": prepare,
        "ahead": median_seconds(1, pool),
        "tune": median_seconds(effort.repeats, tuning),
        "segment": median_seconds(effort.repeats, lambda: predict_probability(head, store)),
        "uncertainty": median_seconds(effort.repeats, lambda: monte_carlo_dropout(head, store)),
    }


def session_seconds(folder: Path) -> tuple[dict[str, float], dict[str, int]]:
    """What a user waits for, with the real worker and all files written, and the worker's peak memory."""
    examinations: dict[str, Any] = {}
    for examination in ("baseline", "followup"):
        for name in ("FLAIR", "T1", "brain_mask", "lesions"):
            path = folder / f"{examination}_{name}.nii"
            sitk.WriteImage(sample_image(f"{examination}_{name}"), str(path))
            examinations.setdefault(examination, {})[name] = str(path)
    case = str(folder / "case")
    files = {
        name: {sequence: [given[sequence]] for sequence in ("FLAIR", "T1")}
        for name, given in examinations.items()
    }
    masks = {f"{name}_mask": given["brain_mask"] for name, given in examinations.items()}
    session = WorkerSession()
    seconds = {"cold start": session.seconds("hello")}
    seconds["prepare both"] = session.seconds("prepare", folder=case, **files, **masks)
    slices = [proposal.slice for proposal in _proposals(case)]
    session.seconds("segment", case=case, weights="base", repetitions=0)
    seconds["ahead"] = session.seconds("prepare_tuning", case=case, slices=slices)
    click = time.perf_counter()
    session.seconds("annotate", case=case, labels=examinations["baseline"]["lesions"], slices=slices)
    session.seconds("tune", case=case)
    session.seconds("segment", case=case, repetitions=0)
    seconds["lesions"] = time.perf_counter() - click
    session.seconds("segment", case=case)
    seconds["uncertainty"] = time.perf_counter() - click
    session.close()
    return seconds, session.peak_bytes


def _proposals(case: str) -> list[Any]:
    from PatientSpecificTuningLib.engine import workflow

    return workflow.propose(case, count=2)


@torch.inference_mode()
def throughput(scan: Scan, prepare_s: float) -> dict[str, float]:
    """GFLOPS of a bare convolution, of the trunk of the same precision in memory, and with its features written."""
    trunk = FrozenTrunk(scan.network)
    maps = torch.randn(1, 64, 200, 160).to(trunk.compute).contiguous(memory_format=torch.channels_last)
    weight = torch.randn(64, 64, 3, 3).to(trunk.compute).contiguous(memory_format=torch.channels_last)

    def bare() -> None:
        torch.nn.functional.conv2d(maps, weight, padding=4, dilation=4)

    some = np.linspace(SLICES // 4, 3 * SLICES // 4, 6).astype(int).tolist()

    def some_slices() -> None:
        for position in some:
            trunk.rows(scan.images[:, position], scan.organ[position])

    def work(positions: Iterable[int]) -> float:
        return sum(_slice_work(scan, trunk, position) for position in positions) / 1e9

    everything = np.flatnonzero(scan.organ.any(axis=(1, 2))).tolist()
    return {
        "bare_gflops": 2 * 9 * 64 * 64 * 200 * 160 / 1e9 / median_seconds(30, bare),
        "trunk_gflops": work(some) / median_seconds(3, some_slices),
        "written_gflops": work(everything) / prepare_s,
    }


def _slice_work(scan: Scan, trunk: FrozenTrunk, position: int) -> float:
    first_row, last_row, first_column, last_column = organ_box(scan.organ[position])
    rows = needed_spans(first_row, last_row, SIDE, trunk.rates)[1:]
    columns = needed_spans(first_column, last_column, SIDE, trunk.rates)[1:]
    pixels = [(r[1] - r[0]) * (c[1] - c[0]) for r, c in zip(rows, columns, strict=True)]
    kernels = scan.card.kernels
    return sum(
        2 * 9 * kernels * (channels * pixels[0] + kernels * sum(pixels[1:])) for channels in trunk.channels
    )


def growth(scan: Scan, folder: Path) -> dict[str, list[list[float]]]:
    """Seconds of features and uncertainty with more slices, and with more organ voxels in each slice."""
    curves: dict[str, list[list[float]]] = {"slices": [], "organ voxels": []}
    middle = SLICES // 2
    for count in (6, 12, 24):
        organ = np.zeros_like(scan.organ)
        organ[middle - count // 2 : middle + count // 2] = scan.organ[
            middle - count // 2 : middle + count // 2
        ]
        curves["slices"].append([count, *_growth_point(scan, organ, folder)])
    rows = np.flatnonzero(scan.organ.any(axis=(0, 2)))
    for part in (0.25, 0.5, 1.0):
        organ = np.zeros_like(scan.organ)
        last = rows[0] + int(part * rows.size)
        organ[middle - 6 : middle + 6, :last] = scan.organ[middle - 6 : middle + 6, :last]
        curves["organ voxels"].append([int(organ.sum()), *_growth_point(scan, organ, folder)])
    return curves


def _growth_point(scan: Scan, organ: NDArray[np.bool_], folder: Path) -> tuple[float, float]:
    began = time.perf_counter()
    store = compute_features(scan.network, scan.images, organ, folder / "growth.npy")
    prepared = time.perf_counter()
    monte_carlo_dropout(scan.network.head, store)
    return prepared - began, time.perf_counter() - prepared


def measure(effort: Effort) -> dict[str, Any]:
    """Everything, as one dictionary for JSON."""
    scan = baseline_scan()
    with TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        ours = our_seconds(scan, effort, Path(folder))
        curves = growth(scan, Path(folder))
        session, memory = session_seconds(Path(folder))
    ours["loop"] = session["uncertainty"]
    reference = reference_seconds(scan, effort)
    rows = {
        name: {
            "reference_s": reference[name],
            "ours_s": ours[name],
            "ratio": reference[name] / ours[name],
            "target_s": TARGETS_S[name],
        }
        for name in WORDS
    }
    return {
        **rows,
        "ahead_s": ours["ahead"],
        "session_s": session,
        "peak_bytes": memory,
        "throughput": throughput(scan, ours["prepare"]),
        "growth": curves,
        "organ_voxels": int(scan.organ.sum()),
        "repeats": effort.repeats,
        "reference_slices": effort.slices,
        "reference_iterations": effort.iterations,
        "machine": {
            "processor": platform.processor() or platform.machine(),
            "capability": torch.backends.cpu.get_cpu_capability(),
            "bfloat16": has_fast_bfloat16("cpu"),
            "threads": torch.get_num_threads(),
            "torch": str(torch.__version__),
        },
    }


def as_text(found: dict[str, Any]) -> str:
    """The table and what belongs to it."""
    machine, share, session = found["machine"], found["throughput"], found["session_s"]
    lines = [
        f"torch {machine['torch']}, {machine['threads']} threads, {machine['capability']},"
        f" bfloat16 {'in hardware' if machine['bfloat16'] else 'not in hardware, float32 is used'};"
        f" 240 x 240 x 48, {found['organ_voxels']} organ voxels, phantom.",
        f"Reference: {found['reference_slices']} slices and {found['reference_iterations']} iterations measured and"
        f" scaled; ours: median of {found['repeats']}.",
        "",
        "| step | plain reference s | ours s | ratio |",
        "|---|---|---|---|",
    ]
    for name, words in WORDS.items():
        row = found[name]
        lines.append(f"| {words} | {row['reference_s']:.1f} | {row['ours_s']:.2f} | {row['ratio']:.0f} |")
    lines += [
        "",
        f"Click to lesions {session['lesions']:.1f} s, to uncertainty {session['uncertainty']:.1f} s."
        f" Hidden behind choosing and drawing: cold start of the worker {session['cold start']:.1f} s, patches of two"
        f" slices {session['ahead']:.1f} s. Preparing both examinations with bias correction and registration"
        f" {session['prepare both']:.0f} s.",
        f"Trunk {share['trunk_gflops']:.0f} GFLOPS, {share['trunk_gflops'] / share['bare_gflops']:.0%} of a bare"
        f" convolution ({share['bare_gflops']:.0f} GFLOPS); with its features written to disk"
        f" {share['written_gflops']:.0f} GFLOPS, {share['written_gflops'] / share['bare_gflops']:.0%}.",
    ]
    if found["peak_bytes"]:
        gb = {name: value / 1e9 for name, value in found["peak_bytes"].items()}
        lines.append(
            f"Peak memory of the worker {gb['all']:.2f} GB, {gb['without_mapped_files']:.2f} GB without mapped files."
        )
    return "\n".join(lines)


def draw(found: dict[str, Any], path: Path) -> None:
    """Ratios of all steps, and how cost grows."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 3.6), layout="constrained")
    bars, *curves = figure.subplots(1, 3)
    names = list(WORDS)
    drawn = bars.barh(names, [found[name]["ratio"] for name in names], color="#2a7fb8")
    bars.bar_label(drawn, fmt="%.0f", padding=3)
    bars.set(xscale="log", xlim=(1, 1500))
    bars.invert_yaxis()
    bars.set_title("times faster than the plain reference")
    for axes, (what, points) in zip(curves, found["growth"].items(), strict=True):
        amounts, features, uncertainty = zip(*points, strict=True)
        axes.plot(amounts, features, "o-", label="features")
        axes.plot(amounts, uncertainty, "s-", label="uncertainty")
        axes.xaxis.set_major_formatter(
            lambda amount, _: f"{amount / 1000:g}k" if amount >= 1000 else f"{amount:g}"
        )
        axes.set(xlabel=what, ylabel="seconds", title=f"cost with {what}", xlim=(0, None), ylim=(0, None))
        axes.legend()
    figure.savefig(path, dpi=110)


def main() -> None:
    """Measure, print, and write what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="prepare once, and measure a part of the reference"
    )
    parser.add_argument("--json", type=Path, help="write the figures here")
    parser.add_argument("--picture", type=Path, help="draw ratios and growth here (PNG)")
    options = parser.parse_args()
    found = measure(QUICK if options.quick else FULL)
    print(as_text(found))
    if options.json:
        options.json.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    if options.picture:
        draw(found, options.picture)


if __name__ == "__main__":
    main()
