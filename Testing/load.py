"""Inputs as large as they come, with the memory that each takes: `python3 Testing/load.py`, or --only NAME.

Each story runs in a process of its own, whose memory is looked at ten times a second; the curves are kept in output/load,
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
import threading
import time
from pathlib import Path

from environment import REPOSITORY
from environment import TESTING
from environment import run_inside
from fuzz import folder_in_memory
from fuzz import memory_mb

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
PAUSE_S = 0.1
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

    kept = {name: CURVES / f"{name}.json" for name in SIZES if (CURVES / f"{name}.json").is_file()}
    figure, panels = pyplot.subplots(
        1, len(kept), figsize=(2.3 * len(kept), 2.4), sharey=True, layout="constrained"
    )
    for axes, file in zip(panels, kept.values(), strict=True):
        values = json.loads(file.read_text(encoding="utf-8"))
        curve = values["curve_mb"]
        axes.plot(
            [100 * place / max(1, len(curve) - 1) for place in range(len(curve))], curve, color="#0a6ebd"
        )
        axes.set_title(values["said"].split(",")[0], fontsize=8)
        axes.set_xlabel("% of the time", fontsize=8)
        axes.set_ylim(0)
        axes.spines[["top", "right"]].set_visible(False)
    panels[0].set_ylabel("memory of the process (MB)", fontsize=8)
    figure.savefig(path, dpi=110)


if __name__ == "__main__":
    if ONE in sys.argv:
        _one(sys.argv[2], float(sys.argv[3]))
    elif INSIDE in sys.argv:
        sys.exit(main([argument for argument in sys.argv[1:] if argument != INSIDE]))
    else:
        sys.exit(run_inside([__file__, INSIDE, *sys.argv[1:]]))
