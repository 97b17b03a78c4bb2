"""Commands of step 3 on how baseline and follow-up lie on each other: looking, moving by hand, finding it again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from slicer.i18n import tr as _

from ...engine.errors import InputError
from ..scene.hand_alignment import alignedByHand
from ..scene.hand_alignment import handTransform
from ..situation.places import LPS_TO_RAS
from .requirement import require
from .review import ReviewCommands

BY_HAND = "alignment_by_hand.tfm"


class AlignCommands(ReviewCommands):
    """What the user can do with the alignment."""

    def lookAtAlignment(self, isLooking: bool) -> None:
        """Show the baseline over the follow-up, or stop showing it."""
        self.isAligning = bool(isLooking)
        self.changed()

    def handTransform(self):
        """The transform that moves the baseline over the follow-up, None while it is not looked at."""
        return handTransform()

    def useAlignment(self, *, waitForCompletion: bool = False) -> None:
        """Take the baseline as it was moved by hand, and find the change of the shown version anew.

        Raises:
            InputError: the alignment is not looked at, or something runs.
        """
        require(self.state.canAlign)
        toBaseline = alignedByHand()
        if toBaseline is None:
            raise InputError(_("Look at the alignment first."))
        path = Path(self.state.caseFolder) / BY_HAND
        sitk.WriteTransform(itkTransform(toBaseline), str(path))
        self._realign(str(path), waitForCompletion)

    def findAlignment(self, *, waitForCompletion: bool = False) -> None:
        """Take back what was moved by hand: the alignment is found again, and with it the change.

        Raises:
            InputError: something runs.
        """
        require(self.state.canAlign)
        self._realign(None, waitForCompletion)

    def _realign(self, transform: str | None, waitForCompletion: bool) -> None:
        review, case, parameters = self.state.review, self.state.caseFolder, self._parameters
        version = next(version for version in review.versions if version.number == review.shown)
        arguments = {"case": case, "weights": version.tuned or "base", "seed": parameters.seed}
        title = _("Finding change anew")
        self.requests.ask(title, "set_registration", {"case": case, "transform": transform})
        for repetitions in (0, parameters.repetitions) if version.hasUncertainty else (0,):
            given = {**arguments, "repetitions": repetitions}
            self.requests.ask(title, "segment", given, self._realigned)
        if waitForCompletion:
            self.requests.wait()

    def _realigned(self, answer: dict) -> None:
        self._parameters.result = answer["result"]
        self._refreshNow()
        self.say(self.state.review.alignment)


def itkTransform(toBaseline: NDArray[np.float64]) -> sitk.AffineTransform:
    """A 4 x 4 matrix of RAS mm as ITK keeps transforms, LPS mm."""
    matrix = LPS_TO_RAS @ toBaseline @ LPS_TO_RAS
    transform = sitk.AffineTransform(3)
    transform.SetMatrix(matrix[:3, :3].ravel().tolist())
    transform.SetTranslation(matrix[:3, 3].tolist())
    return transform
