"""Step 3: lesions, table and report as files."""

from __future__ import annotations

import re

import qt
import slicer
from slicer.i18n import tr as _

from ..situation.state import PanelState
from .drawing import allow

LESION_FILES = ("NIfTI (*.nii.gz)", "NRRD (*.nrrd)", "Segmentation (*.seg.nrrd)")


class ExportSection:
    """Four buttons, each with a dialog for the file or the folder."""

    def __init__(self, ui, logic) -> None:
        self.logic = logic
        self.buttons = (ui.exportLesionsButton, ui.exportTableButton, ui.reportButton)
        for button, save in zip(self.buttons, (self._lesions, self._table, self._report), strict=True):
            button.connect("clicked()", logic.guarded(save))
        self.dicomButton = ui.dicomButton
        self.dicomButton.connect("clicked()", logic.guarded(self._dicom))

    def update(self, state: PanelState) -> None:
        """Offer files where there is a result."""
        for button in self.buttons:
            allow(button, state.canExport)
        allow(self.dicomButton, state.canExportDicom)

    def _lesions(self) -> None:
        path, suffix = askForFile(_("Save the lesions"), "lesions.nii.gz", LESION_FILES)
        if path:
            self.logic.exportLesions(path, suffix)

    def _table(self) -> None:
        path, _suffix = askForFile(_("Save the table of lesions"), "lesions.csv", ("CSV (*.csv)",))
        if path:
            self.logic.exportTable(path)

    def _report(self) -> None:
        path, _suffix = askForFile(_("Save the report"), "report.html", ("HTML (*.html)",))
        if path:
            self.logic.exportReport(path)

    def _dicom(self) -> None:
        title = _("Folder for the DICOM files")
        folder = qt.QFileDialog.getExistingDirectory(slicer.util.mainWindow(), title)
        if folder:
            self.logic.exportDicom(folder)


def askForFile(title: str, name: str, filters: tuple[str, ...]) -> tuple[str, str]:
    """A file to write and the ending of the chosen kind; an empty path where the user thought better of it.

    The dialog appends the ending itself before it asks whether to overwrite.
    """
    dialog = qt.QFileDialog(slicer.util.mainWindow(), title, name, ";;".join(filters))
    dialog.setAcceptMode(qt.QFileDialog.AcceptSave)
    dialog.selectFile(name)
    dialog.setDefaultSuffix(_ending(filters[0]))
    dialog.connect("filterSelected(QString)", lambda chosen: dialog.setDefaultSuffix(_ending(chosen)))
    if not dialog.exec_():
        return "", ""
    return dialog.selectedFiles()[0], f".{_ending(dialog.selectedNameFilter())}"


def _ending(kind: str) -> str:
    """The ending that a name filter of a dialog stands for, without its first dot."""
    found = re.search(r"\*\.([\w.]+)", kind)
    return found[1] if found else ""
