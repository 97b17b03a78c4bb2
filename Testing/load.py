"""Inputs as large as they come, with the memory that each takes: `python3 Testing/load.py`, or --only NAME.

Each story runs in a process of its own, whose memory is looked at fifty times a second; the curves are kept in output/load,
and --picture FILE draws them.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING
from typing import Any

from environment import REPOSITORY
from environment import TESTING
from environment import run_inside
from fuzz import folder_in_memory
from fuzz import memory_mb

if TYPE_CHECKING:
    from matplotlib.axes import Axes

INSIDE, ONE = "--inside", "--one"
CURVES = REPOSITORY / "output" / "load"
SIZES: dict[str, float] = {
    "large_volume": 300,
    "many_phases": 64,
    "many_lesions": 1000,
    "many_versions": 200,
    "many_patients": 1000,
    "many_tunings": 200,
    "slow_disk": 48,
}
PAUSE_S = 0.02
COLUMNS = 4
MOST_POINTS = 1000


def main(arguments: list[str]) -> int:
    """Run each story in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=SIZES)
    parser.add_argument("--size", type=float, help="another size than the largest, with --only")
    parser.add_argument(
        "--picture", type=Path, metavar="FILE", help="draw the curves that are kept, run nothing"
    )
    options = parser.parse_args(arguments)
    if options.picture is not None:
        _draw(options.picture)
        return 0
    codes = []
    for name, size in SIZES.items():
        if options.only in (None, name):
            codes.append(subprocess.call([sys.executable, __file__, ONE, name, str(options.size or size)]))
    return max(codes)


def _one(name: str, size: float) -> None:
    # Small images gain nothing from threads, and waking them takes longer than the work.
    os.environ["OMP_NUM_THREADS"] = "1"
    sys.path[:0] = [str(TESTING / "Python")]
    import load_stories

    before, began = memory_mb(), time.monotonic()
    curve: list[int] = []
    ended = threading.Event()
    watch = threading.Thread(target=_watch, args=(curve, ended), daemon=True)
    watch.start()
    with tempfile.TemporaryDirectory(dir=folder_in_memory()) as folder:
        said = getattr(load_stories, name)(Path(folder), int(size) if size == int(size) else size)
    ended.set()
    watch.join()
    kept = {"said": said, "start_mb": before, "most_mb": memory_mb(), "curve_mb": _thinned(curve)}
    CURVES.mkdir(parents=True, exist_ok=True)
    (CURVES / f"{name}.json").write_text(json.dumps(kept), encoding="utf-8")
    print(
        f"{said}: {time.monotonic() - began:.1f} s, {memory_mb() - before} MB more than before, {_told(curve)}"
    )


def _watch(curve: list[int], ended: threading.Event) -> None:
    curve.append(memory_now_mb())
    while not ended.wait(PAUSE_S):
        curve.append(memory_now_mb())


def _thinned(curve: list[int]) -> list[int]:
    step = len(curve) // MOST_POINTS + 1
    return [max(curve[place : place + step]) for place in range(0, len(curve), step)]


def _told(curve: list[int]) -> str:
    """The largest memory in each fifth of the time."""
    if not curve:
        return "too short for a curve"
    ends = [len(curve) * part // 5 for part in range(6)]
    fifths = [max(curve[a:b], default=0) for a, b in itertools.pairwise(ends)]
    return f"by fifths of the time {', '.join(map(str, fifths))} MB"


def memory_now_mb() -> int:
    """The memory that this process has now, where the system does not say the most that it ever had."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except (OSError, ValueError, IndexError):
        return memory_mb()
    return pages * os.sysconf("SC_PAGE_SIZE") // (1 << 20)


def _draw(path: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    files = [CURVES / f"{name}.json" for name in SIZES if (CURVES / f"{name}.json").is_file()]
    kept = [json.loads(file.read_text(encoding="utf-8")) for file in files]
    rows, most = -(-len(files) // COLUMNS), max(max(values["curve_mb"]) for values in kept)
    figure, panels = pyplot.subplots(
        rows,
        COLUMNS,
        figsize=(2.5 * COLUMNS, 2.3 * rows),
        sharex=True,
        sharey=True,
        squeeze=False,
        layout="constrained",
    )
    for axes in panels.flat[len(files) :]:
        axes.set_visible(False)
    for axes, values in zip(panels.flat, kept, strict=False):
        _draw_curve(axes, values)
        axes.set_ylim(0, 1.15 * most)
    figure.supylabel("memory of the process (MB); dashed: before it began", fontsize=9)
    figure.supxlabel("part of the time (%)", fontsize=9)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120)


def _draw_curve(axes: Axes, values: dict[str, Any]) -> None:
    curve, start = values["curve_mb"], values["start_mb"]
    times = [100 * place / max(1, len(curve) - 1) for place in range(len(curve))]
    axes.plot(times, curve, color="#0072b2", linewidth=1.5)
    axes.axhline(start, color="#555555", linewidth=0.8, linestyle="--")
    most = max(curve)
    highest = times[curve.index(most)]
    side = "left" if highest < 20 else "right" if highest > 80 else "center"
    axes.annotate(f"{most:,} MB", (highest, most), (0, 4), textcoords="offset points", ha=side, fontsize=8)
    axes.set_title(textwrap.fill(values["said"].partition(":")[0], 30), fontsize=9)
    axes.set_xlim(0, 100)
    axes.tick_params(labelsize=8, labelbottom=True)
    axes.grid(axis="y", color="#dddddd", linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)


if __name__ == "__main__":
    if ONE in sys.argv:
        _one(sys.argv[2], float(sys.argv[3]))
    elif INSIDE in sys.argv:
        sys.exit(main([argument for argument in sys.argv[1:] if argument != INSIDE]))
    else:
        sys.exit(run_inside([__file__, INSIDE, *sys.argv[1:]]))
