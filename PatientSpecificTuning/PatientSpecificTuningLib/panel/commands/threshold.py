"""How much the CNN marks on a slice that nobody has drawn on yet."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk
import slicer
from numpy.typing import NDArray

from ...engine.files.arrays import open_array
from ...engine.images.volumes import read_labelmap
from ...engine.lesions.shifted_slice import shifted_slice
from ...engine.network.prepared import BASE_PROBABILITY
from ...engine.network.prepared import ORGAN_MASK
from ..scene import corrections
from ..situation.correct_state import liveOf
from ..situation.problems import PARTS
from ..situation.state import BASELINE
from .live import LiveCommands
from .requirement import require


class ThresholdCommands(LiveCommands):
    """More or less of the shown slice becomes lesion, before anything is painted."""

    # Reading it takes longer than looking at a slice; a case keeps its organ mask.
    _organ: tuple[str, NDArray[np.bool_]] | None = None

    def setSliceShift(self, shift: float) -> None:
        """Let the CNN mark more or less on the slice that is shown; 0 is what it finds by itself.

        A slice that was shifted is the user's choice: learning does not change it any more.

        Args:
            shift: added to the lesion logit; above 0 more is marked.

        Raises:
            InputError: something was drawn on the slice or it is marked, or it is not in the list.
        """
        require(self.state.canShift)
        facts = self.facts
        position, first = facts.shownSlice, facts.images[f"{BASELINE}{PARTS[0]}"]
        lesions = shifted_slice(
            self._newestSoftmax(), self._organMask(), facts.card.post_processing, position, shift
        )
        node = slicer.mrmlScene.GetNodeByID(facts.corrections.nodeId)
        corrections.proposeShifted(node, first.grid, facts.case.workingGrid, lesions, position, shift)
        self._refreshNow()

    def _newestSoftmax(self) -> NDArray[Any]:
        """Of the CNN that has learned so far, otherwise of the base CNN; (Z, Y, X), not to be kept open."""
        live = liveOf(self.facts)
        path = self._baselineFolder() / BASE_PROBABILITY
        if live is not None and live.has_learned:
            path = live.probability
        return open_array(path, dtypes=(np.float16, np.float32), dimensions=3)

    def _organMask(self) -> NDArray[np.bool_]:
        folder = self._baselineFolder()
        if self._organ is None or self._organ[0] != str(folder):
            mask = read_labelmap(folder / ORGAN_MASK, "organ mask")
            self._organ = str(folder), sitk.GetArrayFromImage(mask) > 0
        return self._organ[1]

    def _baselineFolder(self) -> Path:
        return Path(self.facts.case.folder) / BASELINE
