"""What the judged CNNs get wrong and how far their softmax can be believed, from the outputs that judging kept.

`judge_brain_model.py --outputs FOLDER` keeps softmax and standard deviation of every unseen examination. Here they become

- reliability: how often voxels of a softmax are lesion, for every scanner, with the expected calibration error (ECE),
- uncertainty: the standard deviation under dropout before and after tuning, as the paper compares it,
- false positives by place, where the ventricles are known (MS3SEG),
- agreement with lesions and normal hyperintensities together, where an expert drew both: what is a matter of convention.

    python Testing/environment.py Testing/Training/judge_outputs.py --data FOLDER --outputs FOLDER [--plot FILE]
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).parents[2] / "PatientSpecificTuning"))

from brain_places import PLACES
from brain_places import false_ml
from continue_brain_model import CARD
from judge_brain_model import NAMES
from PatientSpecificTuningLib.engine.judging.metrics import segmentation_metrics
from PatientSpecificTuningLib.engine.lesions.lesions import binarize

BASE, TUNED = "base", "tuned, 2 slice(s)"
SCANNERS = {"ms": "MS3SEG, 1.5 T", "cs": "Ljubljana, 3 T", "P": "MSLesSeg"}
BINS = 10
# Below it nearly all voxels are background that nobody would doubt, and they would hide every error of the others.
IN_QUESTION = 0.05
Floats = NDArray[np.floating]


@dataclass(frozen=True)
class Output:
    """One examination with what base and tuned CNN made of it, arrays (Z, Y, X).

    Attributes:
        probability: lesion softmax by CNN.
        deviation: its standard deviation under dropout, by CNN.
        spacing: mm, (x, y, z).
    """

    name: str
    image: Floats
    organ: NDArray[np.bool_]
    lesions: NDArray[np.bool_]
    normal: NDArray[np.bool_]
    spacing: tuple[float, float, float]
    probability: dict[str, Floats]
    deviation: dict[str, Floats]

    @property
    def scanner(self) -> str:
        """Name of the scanner, or of the set."""
        return next(title for start, title in SCANNERS.items() if self.name.startswith(start))

    @property
    def judged(self) -> NDArray[np.bool_]:
        """The organ on odd slices, of which tuning saw nothing."""
        odd = self.organ.copy()
        odd[::2] = False
        return odd

    def found(self, cnn: str) -> NDArray[np.bool_]:
        """Lesions of one CNN."""
        return binarize(self.probability[cnn], self.organ, CARD.post_processing)


def read_outputs(folder: Path) -> Iterator[Output]:
    """Every examination that judging kept, in the order of its names."""
    for file in sorted(folder.glob("*.npz")):
        if file.stem not in NAMES:
            continue
        with np.load(file) as values:
            yield Output(
                file.stem,
                values["image"].astype(np.float32),
                *(values[name] for name in ("organ", "lesions", "normal")),
                spacing=tuple(values["spacing"].tolist()),
                probability={cnn: values[cnn].astype(np.float32) for cnn in (BASE, TUNED)},
                deviation={cnn: values[f"{cnn}, SD"].astype(np.float32) for cnn in (BASE, TUNED)},
            )


@dataclass(frozen=True)
class Reliability:
    """Voxels of each bin of the softmax: how many, their mean softmax and how often they are lesion, (bins,)."""

    voxels: NDArray[np.int64]
    softmax: NDArray[np.float64]
    lesion: NDArray[np.float64]

    @property
    def error(self) -> float:
        """Expected calibration error: how far softmax and frequency are apart, weighted by voxels."""
        return float((self.voxels * np.abs(self.softmax - self.lesion)).sum() / max(1, self.voxels.sum()))


def reliability(softmax: Floats, lesion: NDArray[np.bool_]) -> Reliability:
    """Reliability of the voxels in question, in bins of equal width.

    Args:
        softmax: (voxels,), 0 to 1.
        lesion: (voxels,).
    """
    doubted = softmax >= IN_QUESTION
    softmax, lesion = softmax[doubted].astype(np.float64), lesion[doubted]
    bins = np.minimum((softmax * BINS).astype(int), BINS - 1)
    voxels = np.bincount(bins, minlength=BINS)
    with np.errstate(invalid="ignore", divide="ignore"):
        means = [np.bincount(bins, values, BINS) / voxels for values in (softmax, lesion)]
    return Reliability(voxels, *(np.nan_to_num(mean) for mean in means))


def by_scanner(outputs: list[Output]) -> dict[tuple[str, str], Reliability]:
    """Reliability on the judged slices of each scanner's examinations together, by scanner and CNN."""
    return {
        (scanner, cnn): reliability(
            np.concatenate([o.probability[cnn][o.judged] for o in chosen]),
            np.concatenate([o.lesions[o.judged] for o in chosen]),
        )
        for scanner in SCANNERS.values()
        if (chosen := [o for o in outputs if o.scanner == scanner])
        for cnn in (BASE, TUNED)
    }


def mean_deviation(output: Output, cnn: str) -> tuple[float, float]:
    """Mean and largest standard deviation over the lesions that a CNN finds on the judged slices; NaN without any."""
    values = output.deviation[cnn][output.found(cnn) & output.judged]
    return (float(values.mean()), float(values.max())) if values.size else (np.nan, np.nan)


def reliability_table(found: dict[tuple[str, str], Reliability]) -> str:
    """One row for each scanner and CNN: ECE, and how often voxels of each bin are lesion."""
    titles = " | ".join(f"from {i / BINS:.1f}" for i in range(BINS))
    lines = [f"| scanner | CNN | ECE | {titles} |", "|---" * (3 + BINS) + "|"]
    for (scanner, cnn), values in found.items():
        filled = zip(values.lesion, values.voxels, strict=True)
        cells = " | ".join(f"{part:.2f}" if voxels else "" for part, voxels in filled)
        lines.append(f"| {scanner} | {cnn} | {values.error:.3f} | {cells} |")
    return "\n".join(lines)


def uncertainty_table(outputs: list[Output]) -> str:
    """One row for each examination, and in how many the uncertainty falls."""
    lines = ["| examination | mean SD, base | tuned | largest SD, base | tuned |", "|---|---|---|---|---|"]
    rows = np.array([[*mean_deviation(o, BASE), *mean_deviation(o, TUNED)] for o in outputs])[:, [0, 2, 1, 3]]
    names = [NAMES[o.name] for o in outputs]
    for name, row in [*zip(names, rows, strict=True), ("mean", np.nanmean(rows, axis=0))]:
        lines.append(f"| {name} | " + " | ".join(f"{value:.3f}" for value in row) + " |")
    known = ~np.isnan(rows).any(axis=1)
    falls = [int((rows[known, i + 1] < rows[known, i]).sum()) for i in (0, 2)]
    lines.append(f"Mean SD falls in {falls[0]}, largest SD in {falls[1]} of {known.sum()} examinations.")
    return "\n".join(lines)


def places_table(outputs: list[Output], data: Path) -> str:
    """False positives in ml by place on the judged slices, base to tuned, of every examination with known ventricles."""
    lines = ["| examination | " + " | ".join(PLACES) + " |", "|---" * (1 + len(PLACES)) + "|"]
    rows = []
    for output in outputs:
        if output.name.startswith("ms"):
            pair = [false_ml(output, output.found(cnn) & output.judged, data) for cnn in (BASE, TUNED)]
            rows.append(pair)
            lines.append(_places_row(NAMES[output.name], *pair))
    mean = np.mean([[list(found.values()) for found in pair] for pair in rows], axis=0)
    lines.append(_places_row("mean", *(dict(zip(PLACES, values.tolist(), strict=True)) for values in mean)))
    return "\n".join(lines)


def _places_row(name: str, base: dict[str, float], tuned: dict[str, float]) -> str:
    return f"| {name} | " + " | ".join(f"{base[p]:.2f} to {tuned[p]:.2f}" for p in PLACES) + " |"


def convention_table(outputs: list[Output]) -> str:
    """Dice and AVD on the judged slices against lesions alone, and against all that an expert called hyperintense."""
    titles = [f"{cnn}: {measure}" for cnn in ("base", "tuned") for measure in ("Dice", "AVD %")]
    lines = [f"| examination | drawn | {' | '.join(titles)} |", "|---" * (2 + len(titles)) + "|"]
    for output in outputs:
        if not output.normal.any():
            continue
        slices = list(range(1, len(output.organ), 2))
        both = output.lesions | (output.normal & output.organ)
        for drawn, mask in (("lesions", output.lesions), ("lesions and normal", both)):
            judged = [
                segmentation_metrics(mask, output.found(cnn), output.spacing, slices=slices)
                for cnn in (BASE, TUNED)
            ]
            cells = " | ".join(f"{metrics.dice:.3f} | {metrics.avd:.0f}" for metrics in judged)
            lines.append(f"| {NAMES[output.name]} | {drawn} | {cells} |")
    return "\n".join(lines)


def plot(found: dict[tuple[str, str], Reliability], path: Path) -> None:
    """The reliability diagrams of all scanners side by side."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    scanners = list(dict.fromkeys(scanner for scanner, _ in found))
    figure = Figure(figsize=(3.6 * len(scanners), 3.9), layout="constrained")
    FigureCanvasAgg(figure)
    for axis, scanner in zip(np.atleast_1d(figure.subplots(1, len(scanners))), scanners, strict=True):
        axis.plot([0, 1], [0, 1], color="#999999", linewidth=1, label="softmax is frequency")
        for cnn, colour, title in ((BASE, "#d97706", "base"), (TUNED, "#0891b2", "tuned on 2 slices")):
            values = found[scanner, cnn]
            filled = values.voxels > 0
            label = f"{title}, ECE {values.error:.2f}"
            axis.plot(values.softmax[filled], values.lesion[filled], "o-", color=colour, label=label)
        axis.set(title=scanner, xlabel="lesion softmax", xlim=(0, 1), ylim=(0, 1), aspect="equal")
        axis.legend(fontsize=8, loc="upper left")
    figure.axes[0].set_ylabel("part that is lesion")
    figure.savefig(path, dpi=110)


def main() -> None:
    """Print the tables, and draw the diagrams where that is wanted."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="folder with the openly licensed scans")
    parser.add_argument("--outputs", type=Path, required=True, help="folder that judge_brain_model.py filled")
    parser.add_argument("--plot", type=Path, help="PNG of the reliability diagrams")
    options = parser.parse_args()
    outputs = list(read_outputs(options.outputs))
    found = by_scanner(outputs)
    print(
        reliability_table(found),
        uncertainty_table(outputs),
        places_table(outputs, options.data),
        convention_table(outputs),
        sep="\n\n",
    )
    if options.plot:
        plot(found, options.plot)


if __name__ == "__main__":
    main()
