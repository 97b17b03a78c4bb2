"""The benchmark's figures as a table in words, and as a picture."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from PatientSpecificTuningLib.engine.lesions.uncertainty import REPETITIONS

WORDS = {
    "prepare": "prepare one scan (features of all organ voxels)",
    "tune": "100 fine-tuning iterations after the last correction, two slices",
    "tune all": "the same, all lesion slices",
    "segment": "follow-up lesions, after tuning",
    "uncertainty": f"{REPETITIONS} Monte Carlo dropout repetitions",
    "loop": "click to uncertainty, by the worker, with all files written",
}
FORMATS = {"bfloat16": "bfloat16", "float32": "float32, as where the processor has no bfloat16"}


def as_text(found: dict[str, Any]) -> str:
    """For every number format a table, and what belongs to it."""
    machine = found["machine"]
    head = f"{machine['processor']}, torch {machine['torch']}, {machine['threads']} threads, no GPU; phantom. Load when it began {machine['load']}."
    return "\n".join([head, *(line for name in found["formats"] for line in _of_format(name, found))])


def _of_format(name: str, found: dict[str, Any]) -> list[str]:
    scans = found["formats"][name]
    titles = " | ".join(f"{scan} plain s | {scan} ours s | ratio" for scan in scans)
    lines = [
        "",
        f"Numbers: {FORMATS[name]}.",
        "",
        f"| step | {titles} |",
        "|---" * (3 * len(scans) + 1) + "|",
    ]
    for row, words in WORDS.items():
        cells = " | ".join(_cells(scan["rows"][row]) for scan in scans.values())
        lines.append(f"| {words} | {cells} |")
    return [*lines, "", *(_about(resolution, scan) for resolution, scan in scans.items())]


def _cells(row: dict[str, float]) -> str:
    return f"{row['reference_s']:.1f} | {row['ours_s']:.2f} | {row['reference_s'] / row['ours_s']:.0f}"


def _about(resolution: str, scan: dict[str, Any]) -> str:
    seconds, share = scan["session_s"], scan["throughput"]
    peak = {kind: value / 1e9 for kind, value in scan["peak_bytes"].items()}
    memory = (
        f", peak memory of the worker {peak['all']:.2f} GB, {peak['without_mapped_files']:.2f} GB without mapped files"
        if peak
        else ""
    )
    return (
        f"{resolution}: {scan['shape']}, {scan['organ_voxels']} organ voxels. Click to lesions"
        f" {seconds['lesions']:.1f} s, to uncertainty {seconds['uncertainty']:.1f} s; tuning on all"
        f" {scan['lesion_slices']} lesion slices {seconds['tune on all']:.1f} s. Hidden behind choosing and drawing:"
        f" cold start {seconds['cold start']:.1f} s, patches of two slices {seconds['ahead']:.1f} s, of all lesion"
        f" slices {seconds['ahead of all']:.1f} s. Preparing both examinations with bias correction and registration"
        f" {seconds['prepare both']:.0f} s. Case folder {scan['case_bytes'] / 1e9:.2f} GB{memory}. Trunk"
        f" {share['trunk_gflops']:.0f} GFLOPS, {share['trunk_gflops'] / share['bare_gflops']:.0%} of a bare convolution"
        f" ({share['bare_gflops']:.0f}); with its features written {share['written_gflops']:.0f} GFLOPS,"
        f" {share['written_gflops'] / share['bare_gflops']:.0%}."
    )


def draw(found: dict[str, Any], path: Path) -> None:
    """Ratios of all steps, and how cost grows, for the number format that this processor uses by itself."""
    from matplotlib.figure import Figure

    scans = next(iter(found["formats"].values()))
    figure = Figure(figsize=(11, 3.6), layout="constrained")
    bars, *curves = figure.subplots(1, 3)
    names, height = list(WORDS), 0.8 / len(scans)
    for i, (resolution, scan) in enumerate(scans.items()):
        ratios = [scan["rows"][name]["reference_s"] / scan["rows"][name]["ours_s"] for name in names]
        drawn = bars.barh([n + i * height for n in range(len(names))], ratios, height, label=resolution)
        bars.bar_label(drawn, fmt="%.0f", padding=3)
    bars.set_yticks([n + 0.4 - height / 2 for n in range(len(names))], names)
    bars.set(xscale="log", xlim=(1, 3000), title="times faster than the plain reference")
    bars.invert_yaxis()
    bars.legend()
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
