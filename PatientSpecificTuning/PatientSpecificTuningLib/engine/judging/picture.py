"""One picture of a result: the follow-up with base and patient-specific lesions, their errors and uncertainty."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..files.atomic import replace_when_complete

# Found, missed and false in the colours of Fig. 4 of the paper, chosen light enough to be told apart on grey.
OUTCOME_COLOURS = ("#35c94a", "#ff3b30", "#3d8bff")
BASE, TUNED, KNOWN = "#ff9f0a", "#32d0e6", "#f5e663"
_MARGIN = 4


@dataclass(frozen=True)
class Overview:
    """What the picture shows, all (Z, Y, X) on one axial grid.

    Attributes:
        image: intensities of the first sequence, of its key channel where it has several, any scale.
        organ: bool, what the picture is cropped to.
        base: bool, lesions of the base CNN.
        tuned: bool, lesions of the patient-specific CNN.
        known: bool, known lesions, None where there are none.
        outcomes: what the base and the patient-specific CNN made of the known lesions, uint8, 1 found, 2 missed and
            3 false; None without known lesions.
        outcome_names: what these three are called.
        uncertainty: standard deviation of the lesion softmax, float, None without Monte Carlo dropout.
        pixel_aspect: height over width of a pixel.
        title: first line of the picture.
        captions: text under the names of the two CNNs, such as their Dice.
    """

    image: NDArray[np.floating]
    organ: NDArray[np.bool_]
    base: NDArray[np.bool_]
    tuned: NDArray[np.bool_]
    known: NDArray[np.bool_] | None
    outcomes: tuple[NDArray[np.uint8], NDArray[np.uint8]] | None
    uncertainty: NDArray[np.floating] | None
    pixel_aspect: float = 1.0
    title: str = "Follow-up"
    captions: tuple[str, str] = ("", "")
    outcome_names: tuple[str, str, str] = ("true positive", "false negative", "false positive")


def draw_overview(overview: Overview, path: Path, *, count: int = 3) -> None:
    """Write a PNG with one row for each of the `count` slices that show most.

    Columns: outlines, errors of the base CNN, errors of the patient-specific CNN (without known lesions: what
    each found), and uncertainty with its colour bar.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    rows, columns = _crop(overview.organ)
    slices = _telling_slices(overview, count)
    height = (rows.stop - rows.start) * overview.pixel_aspect / (columns.stop - columns.start)
    width = 4 * 3.2 + 0.9
    figure = Figure(
        figsize=(width, 3.2 * height * len(slices) + 1.5), facecolor="white", layout="constrained"
    )
    FigureCanvasAgg(figure)
    axes = figure.subplots(len(slices), 4, squeeze=False)
    shades = None
    for axes_of_slice, index in zip(axes, slices, strict=True):
        view = (index, rows, columns)
        for axis in axes_of_slice:
            _grey(axis, overview, view)
        _outlines(axes_of_slice[0], overview, view)
        axes_of_slice[0].set_ylabel(f"slice {index}", fontsize=11)
        for axis, found, which, colour in (
            (axes_of_slice[1], overview.base, 0, BASE),
            (axes_of_slice[2], overview.tuned, 1, TUNED),
        ):
            if overview.outcomes is None:
                _fill(axis, found[view], colour)
            else:
                _errors(axis, overview.outcomes[which][view])
        shades = _shade(axes_of_slice[3], overview, view)
    _headings(figure, axes[0], overview)
    if shades is not None:
        bar = figure.colorbar(shades, ax=axes[:, 3].tolist(), fraction=0.05, pad=0.02)
        bar.set_label("standard deviation of the lesion softmax")
    figure.legend(handles=_legend(overview), loc="outside lower center", ncols=7, frameon=False, fontsize=10)
    with replace_when_complete(Path(path)) as temporary:
        figure.savefig(temporary, dpi=110)


def _crop(organ: NDArray[np.bool_]) -> tuple[slice, slice]:
    seen: NDArray[np.bool_] = np.any(organ, axis=0)
    ranges = []
    for axis in (1, 0):
        found = np.flatnonzero(seen.any(axis=axis))
        low, high = (int(found[0]), int(found[-1])) if found.size else (0, seen.shape[1 - axis] - 1)
        ranges.append(slice(max(low - _MARGIN, 0), high + 1 + _MARGIN))
    return ranges[0], ranges[1]


def _telling_slices(overview: Overview, count: int) -> list[int]:
    """Slices with most lesions, at least a twelfth of the stack apart so that they show different anatomy."""
    shown = overview.tuned | overview.base
    if overview.known is not None:
        shown = shown | overview.known
    area = shown.sum(axis=(1, 2)) + 1e-3 * overview.organ.sum(axis=(1, 2))
    apart = max(1, area.size // 12)
    chosen: list[int] = []
    for index in np.argsort(-area, kind="stable"):
        if all(abs(int(index) - other) >= apart for other in chosen):
            chosen.append(int(index))
    return sorted(chosen[:count])


def _grey(axis: Any, overview: Overview, view: tuple[Any, ...]) -> None:
    inside = overview.image[overview.organ]
    low, high = np.percentile(inside, (0.5, 99.8)) if inside.size else (0.0, 1.0)
    image = np.where(overview.organ[view], overview.image[view], low)
    axis.imshow(
        image, cmap="gray", vmin=low, vmax=high, aspect=overview.pixel_aspect, interpolation="nearest"
    )
    axis.set_xticks([])
    axis.set_yticks([])


def _outlines(axis: Any, overview: Overview, view: tuple[Any, ...]) -> None:
    for mask, colour, width in (
        (overview.known, KNOWN, 1.6),
        (overview.base, BASE, 1.0),
        (overview.tuned, TUNED, 1.0),
    ):
        if mask is not None and mask[view].any():
            axis.contour(mask[view].astype(float), levels=[0.5], colors=[colour], linewidths=width)


def _errors(axis: Any, outcome: NDArray[np.uint8]) -> None:
    for label, colour in enumerate(OUTCOME_COLOURS, start=1):
        _fill(axis, outcome == label, colour)


def _fill(axis: Any, mask: NDArray[np.bool_], colour: str) -> None:
    from matplotlib.colors import to_rgba

    layer = np.zeros((*mask.shape, 4))
    layer[mask] = to_rgba(colour, alpha=0.85)
    axis.imshow(layer, aspect=axis.get_aspect(), interpolation="nearest")


def _shade(axis: Any, overview: Overview, view: tuple[Any, ...]) -> Any:
    if overview.uncertainty is None:
        return None
    values = overview.uncertainty[view]
    # Voxels that never doubt stay grey, so that the anatomy is seen; 0.5 is the largest possible deviation.
    shown = np.ma.masked_less(values, 0.02)
    high = max(0.05, float(overview.uncertainty.max()))
    return axis.imshow(
        shown,
        cmap="inferno",
        vmin=0,
        vmax=high,
        alpha=0.9,
        aspect=overview.pixel_aspect,
        interpolation="nearest",
    )


def _headings(figure: Any, axes: Any, overview: Overview) -> None:
    figure.suptitle(overview.title, fontsize=14)
    base, tuned = overview.captions
    names = ("outlines", f"base CNN\n{base}".strip(), f"patient-specific CNN\n{tuned}".strip(), "uncertainty")
    for axis, name in zip(axes, names, strict=True):
        axis.set_title(name, fontsize=11)


def _legend(overview: Overview) -> list[Any]:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    lines = [Line2D([], [], color=BASE, label="base"), Line2D([], [], color=TUNED, label="patient-specific")]
    if overview.known is None:
        return lines
    return [
        Line2D([], [], color=KNOWN, label="known lesions"),
        *lines,
        *(Patch(color=c, label=n) for c, n in zip(OUTCOME_COLOURS, overview.outcome_names, strict=True)),
    ]
