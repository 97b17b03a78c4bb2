"""What the panel does, as commands for its buttons and for the Python console."""

from __future__ import annotations

from .commands.cases import CaseCommands


class TuningLogic(CaseCommands):
    """Runs the method on nodes of the scene; long work happens in the worker.

    Use the one of the open module, `slicer.modules.PatientSpecificTuningWidget.logic`, so that there is one worker and one
    writer of the case:

    >>> logic = slicer.modules.PatientSpecificTuningWidget.logic
    >>> parameters = logic.parameters()
    >>> parameters.baselineFirst, parameters.followupFirst = flairBefore, flairNow
    >>> logic.start(waitForCompletion=True)
    >>> logic.markCorrected([proposal.slice for proposal in logic.proposedSlices()])
    >>> logic.tune(waitForCompletion=True)
    >>> print(logic.state.review.sentence)
    """
