"""Sections 3 and 5: start preparing or tuning, see progress, cancel."""

from __future__ import annotations

from collections.abc import Callable

from slicer.i18n import tr as _

from .logic import TuningLogic


class RunSection:
    """Two buttons that become Cancel while the worker runs, one progress bar, one line of status, one log."""

    def __init__(self, ui, logic: TuningLogic, guarded: Callable) -> None:
        self.ui = ui
        self.logic = logic
        ui.progressBar.visible = False
        ui.prepareButton.connect("clicked()", guarded(lambda: self._startOrCancel(self.logic.prepare)))
        ui.tuneButton.connect("clicked()", guarded(lambda: self._startOrCancel(self.logic.tuneAndSegment)))
        ui.caseFolderEdit.connect("currentPathChanged(QString)", guarded(self._chooseCaseFolder))
        logic.progressed.connect(self.showProgress)
        logic.failed.connect(self.showFailure)
        logic.workerKnown.connect(self.showDevice)
        logic.client.logged.connect(ui.logText.appendPlainText)

    def update(self) -> None:
        """Enable what can be done now and say why the rest cannot."""
        busy, problems = self.logic.isBusy, self.logic.problems()
        prepared = self.logic.isPrepared()
        corrected = len(self.logic.parameters().correctedSlices)
        ui = self.ui
        ui.progressBar.visible = busy
        if ui.caseFolderEdit.currentPath != self.logic.parameters().caseFolder:
            ui.caseFolderEdit.currentPath = self.logic.parameters().caseFolder
        ui.prepareButton.text = _("Cancel") if busy else _("Prepare both examinations")
        ui.prepareButton.enabled = busy or not problems
        ui.prepareButton.toolTip = "\n".join(problems) or _(
            "Preprocess both examinations and run the base CNN on them."
        )
        ui.tuneButton.text = _("Cancel") if busy else _("Fine-tune and segment the follow-up")
        ui.tuneButton.enabled = busy or (prepared and corrected > 0)
        ui.tuneLabel.text = self._whatTuningNeeds(prepared, corrected)
        if prepared:
            notes = [note for record in self.logic.case().examinations.values() for note in record.notes]
            ui.prepareLabel.text = "\n".join([_("Both examinations are prepared."), *notes])
        else:
            ui.prepareLabel.text = ""

    def showProgress(self, stage: str, fraction: float, remaining: float | None) -> None:
        """Show how far the worker is."""
        self.ui.progressBar.value = round(1000 * fraction)
        left = "" if remaining is None else _(", about {seconds:.0f} s left").format(seconds=remaining)
        self.ui.statusLabel.text = f"{stage}{left}"

    def showDevice(self, device: str) -> None:
        """Show on what the CNN runs."""
        self.ui.deviceLabel.text = _("The CNN runs on: {device}.").format(device=device)

    def showFailure(self, message: str) -> None:
        """Say what went wrong and the way out."""
        self.ui.statusLabel.text = message

    def _whatTuningNeeds(self, prepared: bool, corrected: int) -> str:
        if not prepared:
            return _("Prepare the examinations and correct a slice first.")
        if corrected == 0:
            return _("Mark at least one corrected slice; then the CNN can be tuned.")
        return _("The CNN is tuned on {count} corrected slice(s), from the base weights.").format(
            count=corrected
        )

    def _chooseCaseFolder(self, folder: str) -> None:
        if folder != self.logic.parameters().caseFolder:
            self.logic.parameters().caseFolder = folder

    def _startOrCancel(self, start: Callable[[], None]) -> None:
        if self.logic.isBusy:
            self.logic.cancel()
        else:
            self.ui.statusLabel.text = ""
            start()
        self.update()
