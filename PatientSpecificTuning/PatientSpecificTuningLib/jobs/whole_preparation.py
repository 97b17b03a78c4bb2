"""How far all of preparing is: its steps each begin at 0, and the end of the first is far from the end of the last."""

from __future__ import annotations

from ..engine.progress import Progress

FEATURES = "Computing features"
# Where preprocessing, the CNN's look at both examinations and the alignment end; of scans of 3 and of 1 mm.
ENDS = (0.30, 0.62, 0.93, 1.0)


class WholePreparation:
    """Passes progress on with the same words and the fraction of the whole; what is left out is leapt over."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._stage, self._part = "", 0

    def __call__(self, stage: str, fraction: float) -> None:
        """Told a step, such as "baseline: Computing features", and how far that is."""
        if stage != self._stage:
            last = len(ENDS) - 1
            if FEATURES in stage:
                self._part = min(self._part + 1, last - 1)
            elif self._part:
                self._part = last
            self._stage = stage
        begins = ENDS[self._part - 1] if self._part else 0.0
        self._progress(stage, begins + fraction * (ENDS[self._part] - begins))
