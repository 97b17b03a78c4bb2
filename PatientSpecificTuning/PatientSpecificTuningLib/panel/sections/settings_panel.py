"""Slicer's settings: where cases are kept, how much they hold, and deleting one."""

from __future__ import annotations

from pathlib import Path

import ctk
import qt
import slicer
from slicer.i18n import tr as _

from ...engine.errors import InputError
from ..case_folder import casesFolder
from ..case_folder import setCasesFolder
from ..situation.cases import deleteCase
from ..situation.cases import listCases
from .drawing import prepareTable
from .drawing import setCell
from .drawing import show

TITLE = "Patient-specific tuning"
MODULE = "PatientSpecificTuning"


def addSettingsPanel(file: str) -> None:
    """Add the panel to Slicer's settings.

    Args:
        file: the .ui file of the panel.
    """
    dialog, panel = slicer.app.settingsDialog(), ctk.ctkSettingsPanel()
    cases = CasesSettings(panel, file)
    dialog.addPanel(TITLE, panel)
    # Python is not told that a panel comes into sight, but that another is chosen in the list of panels.
    for panels in slicer.util.findChildren(dialog, className="QTreeWidget"):
        panels.connect("itemSelectionChanged()", cases.showCases)


class CasesSettings:
    """A table of all cases; lives as long as the widgets that are connected to it."""

    def __init__(self, panel, file: str) -> None:
        self.panel = panel
        contents = slicer.util.loadUI(file)
        layout = qt.QVBoxLayout(panel)
        layout.addWidget(contents)
        self.ui = slicer.util.childWidgetVariables(contents)
        prepareTable(self.ui.casesTable, [_("Case"), _("CNN"), _("Last used"), _("Size")], 1)
        self.ui.allCasesFolderButton.connect("directoryChanged(QString)", self._choose)
        self.ui.refreshCasesButton.connect("clicked()", self.showCases)
        self.ui.openCaseButton.connect("clicked()", self._open)
        self.ui.deleteCaseButton.connect("clicked()", self._delete)
        self.ui.casesTable.connect("itemSelectionChanged()", self._allow)
        self.showCases()

    def showCases(self) -> None:
        """Read anew what is there."""
        folder, table = casesFolder(), self.ui.casesTable
        self.ui.allCasesFolderButton.directory = str(folder)
        cases = listCases(folder, _openCase())
        table.setRowCount(len(cases))
        for i, case in enumerate(cases):
            size = _("{size:.1f} GB").format(size=case.gigabytes)
            name = _("{name} (open)").format(name=case.id) if case.isOpen else case.id
            for column, text in enumerate((name, case.name, case.date, size)):
                setCell(table, i, column, text)
            table.item(i, 0).setData(qt.Qt.UserRole, case.id)
        total = _("Cases: {count}, {size:.1f} GB")
        show(self.ui.casesTotal, total.format(count=len(cases), size=sum(case.gigabytes for case in cases)))
        self._allow()

    def _chosen(self) -> str:
        item = self.ui.casesTable.item(self.ui.casesTable.currentRow(), 0)
        return item.data(qt.Qt.UserRole) if item is not None and item.isSelected() else ""

    def _allow(self) -> None:
        chosen = self._chosen()
        self.ui.openCaseButton.enabled = bool(chosen)
        self.ui.deleteCaseButton.enabled = bool(chosen) and chosen != _openCase()

    def _choose(self, folder: str) -> None:
        if Path(folder) != casesFolder():
            setCasesFolder(Path(folder))
            self.showCases()

    def _open(self) -> None:
        qt.QDesktopServices.openUrl(qt.QUrl.fromLocalFile(str(casesFolder() / self._chosen())))

    def _delete(self) -> None:
        question = _("Delete this case with its corrections and results? This cannot be undone.")
        if not slicer.util.confirmOkCancelDisplay(question):
            return
        try:
            deleteCase(casesFolder(), self._chosen())
        except InputError as error:
            slicer.util.errorDisplay(str(error))
        self.showCases()


def _openCase() -> str:
    """The case that the module works on, empty while it was not opened."""
    widget = getattr(slicer.modules, f"{MODULE}Widget", None)
    return Path(widget.logic.state.caseFolder).name if widget is not None else ""
