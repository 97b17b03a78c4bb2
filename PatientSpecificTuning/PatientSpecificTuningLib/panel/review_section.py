"""Section 6: the lesions of the follow-up, base against patient-specific, their uncertainty, and export."""

from __future__ import annotations

import csv
import json
import math
import shutil
from collections.abc import Callable
from pathlib import Path

import qt
import slicer
from slicer.i18n import tr as _

from ..engine.judging.evaluation import EVALUATION
from ..engine.lesions.results import LESION_TABLE
from ..engine.lesions.results import Result
from . import result_nodes
from .logic import TuningLogic
from .views import BASELINE_VIEW
from .views import FOLLOWUP_VIEW
from .views import VIEWS
from .views import CompareLayout
from .views import jumpTo
from .views import linkViews
from .views import showOverlay
from .views import showVolume
from .views import sliceNodeId

COLUMNS = {
    "label": ("Lesion", 0),
    "volume_mm3": ("mm\u00b3", 0),
    "z_mm": ("S (mm)", 0),
    "mean_probability": ("Softmax", 2),
    "mean_sd": ("SD", 3),
    "max_sd": ("Max SD", 3),
}
METRICS = {
    "dice": ("Dice", ".2f"),
    "avd": ("AVD %", ".2f"),
    "hd95": ("Hausdorff 95 mm", ".2f"),
    "recall": ("lesion TPR", ".2f"),
    "tpr": ("TPR", ".2f"),
    "fpc": ("false positives", ".0f"),
    "f1": ("F1", ".2f"),
}
SMALLEST_SHOWN_SD = 1e-6
PLACE = qt.Qt.UserRole
LESION_FILES = "NIfTI (*.nii.gz);;NRRD (*.nrrd);;Segmentation (*.seg.nrrd)"


class ReviewSection:
    """Versions, overlays, and the table of lesions."""

    def __init__(self, ui, logic: TuningLogic, guarded: Callable) -> None:
        self.ui = ui
        self.logic = logic
        self.layout = CompareLayout()
        table = ui.lesionTable
        table.setColumnCount(len(COLUMNS))
        table.setHorizontalHeaderLabels([_(title) for title, _digits in COLUMNS.values()])
        table.verticalHeader().setVisible(False)
        table.horizontalHeader().setStretchLastSection(True)
        table.connect("currentCellChanged(int,int,int,int)", guarded(self._lesionChosen))
        ui.resultSelector.connect("activated(int)", guarded(self._chooseResult))
        ui.comparedSelector.connect("activated(int)", guarded(self._chooseCompared))
        ui.removeResultButton.connect("clicked()", guarded(self._remove))
        ui.compareButton.connect("clicked(bool)", guarded(self._compare))
        ui.evaluateButton.connect("clicked()", guarded(self.logic.evaluate))
        ui.exportTableButton.connect("clicked()", guarded(self._exportTable))
        ui.exportLabelmapButton.connect("clicked()", guarded(self._exportLesions))

    def update(self) -> None:
        """Show the chosen version: list, sentence, table, overlays."""
        results, shown = self.logic.results(), self.logic.shownResult()
        self._fillSelector(results, shown)
        for button in (self.ui.removeResultButton, self.ui.exportTableButton, self.ui.exportLabelmapButton):
            button.enabled = shown is not None
        self.ui.compareButton.enabled = shown is not None
        if shown is None:
            self.ui.resultLabel.text = _("There is no result yet.")
            self.ui.lesionTable.setRowCount(0)
            self.updateOverlays()
            return
        self.ui.resultLabel.text = "\n".join(filter(None, (_summary(shown), self._howTuned(shown))))
        self.ui.evaluateButton.enabled = self.logic.parameters().followupLesions is not None
        self._fillTable(shown)
        self.updateOverlays()

    def updateOverlays(self) -> None:
        """Show or hide outlines and uncertainty as the check boxes say."""
        shown, parameters = self.logic.shownResult(), self.logic.parameters()
        earlier = result_nodes.resultNodes()
        for node in earlier:
            if node.IsA("vtkMRMLSegmentationNode"):
                node.GetDisplayNode().SetVisibility(False)
        if shown is None or parameters.followupFirst is None:
            if earlier:
                self._showUncertainty(None)
            return
        nodes = self.logic.review(shown)
        comparing = self.ui.compareButton.checked
        views = [sliceNodeId(FOLLOWUP_VIEW)] if comparing else []
        if parameters.corrections is not None:
            drawn = parameters.corrections.GetDisplayNode()
            drawn.SetViewNodeIDs([sliceNodeId(BASELINE_VIEW)] if comparing else [])
        shown_roles = {
            "outlines": parameters.showOutlines,
            "compared": parameters.showCompared,
            "detections": parameters.showDetections,
        }
        self.ui.detectionsCheckBox.visible = "detections" in nodes
        for role, visible in shown_roles.items():
            if role in nodes:
                display = nodes[role].GetDisplayNode()
                display.SetVisibility(visible)
                display.SetViewNodeIDs(views)
        self._showUncertainty(nodes.get("uncertainty") if parameters.showUncertainty else None)

    def _showUncertainty(self, node) -> None:
        parameters = self.logic.parameters()
        views = [FOLLOWUP_VIEW] if self.ui.compareButton.checked else VIEWS
        for view in VIEWS:
            showOverlay(node if view in views else None, view, parameters.uncertaintyOpacity)
        if node is None:
            return
        node.GetDisplayNode().SetLowerThreshold(max(parameters.uncertaintyThreshold, SMALLEST_SHOWN_SD))
        node.GetDisplayNode().SetUpperThreshold(1.0)
        legend = slicer.modules.colors.logic().AddDefaultColorLegendDisplayNode(node)
        if legend is not None:
            legend.SetAndObserveColorNodeID(node.GetDisplayNode().GetColorNodeID())
            legend.SetTitleText(_("SD of softmax"))
            legend.SetLabelFormat("%.2f")
            legend.SetSize(0.10, 0.40)
            legend.SetVisibility(True)

    def _compare(self, on: bool) -> None:
        if on:
            self.layout.show()
            showVolume(self.logic.shownVolume("baseline"), BASELINE_VIEW)
            showVolume(self.logic.shownVolume("followup"), FOLLOWUP_VIEW)
            linkViews(BASELINE_VIEW, FOLLOWUP_VIEW)
        else:
            self.layout.restore()
            showVolume(self.logic.shownVolume("followup"))
        self.updateOverlays()

    def _fillSelector(self, results: list[Result], shown: Result | None) -> None:
        selector = self.ui.resultSelector
        selector.clear()
        for result in results:
            selector.addItem(_title(result), result.number)
        compared = self.ui.comparedSelector
        compared.clear()
        if shown is None:
            return
        selector.setCurrentIndex(selector.findData(shown.number))
        for result in results:
            if result.number != shown.number:
                compared.addItem(_title(result), result.number)
        chosen = self.logic.comparedResult(shown)
        if chosen is not None:
            compared.setCurrentIndex(compared.findData(chosen.number))

    def _chooseResult(self, index: int) -> None:
        self.logic.parameters().result = self.ui.resultSelector.itemData(index)
        self.update()

    def _chooseCompared(self, index: int) -> None:
        self.logic.parameters().comparedResult = self.ui.comparedSelector.itemData(index)

    def _remove(self) -> None:
        shown = self.logic.shownResult()
        question = _("Remove version {number} from the case folder? This cannot be undone.")
        if shown is not None and slicer.util.confirmOkCancelDisplay(question.format(number=shown.number)):
            result_nodes.removeResultNodes(result_nodes.runOf(shown))
            self.logic.removeResult(shown.number)

    def _howTuned(self, shown: Result) -> str:
        """The settings that made a version; nothing for the base CNN."""
        if shown.run["tuned"] is None:
            return ""
        info = self.logic.case().version_info("tuned", shown.run["tuned"])
        settings = info["settings"]
        text = _(
            "Tuned on {count} slice(s), {iterations} iterations, weighting {weighting}, rotation {rotation:.0f}\u00b0,"
            " seed {seed}."
        )
        return text.format(
            count=len(info["slices"]),
            iterations=settings["iterations"],
            weighting=settings["weighting"] or _("none"),
            rotation=settings["rotation_degrees"],
            seed=settings["seed"],
        )

    def _fillTable(self, shown: Result) -> None:
        rows = _lesionRows(shown)
        table = self.ui.lesionTable
        table.setSortingEnabled(False)
        table.setRowCount(len(rows))
        for i, row in enumerate(rows):
            for column, (name, (_heading, digits)) in enumerate(COLUMNS.items()):
                item = qt.QTableWidgetItem()
                # A number, not its text, so that the column sorts by value.
                known = math.isfinite(row[name])
                item.setData(qt.Qt.DisplayRole, round(row[name], digits) if known else _("n/a"))
                item.setData(PLACE, f"{-row['x_mm']} {-row['y_mm']} {row['z_mm']}")
                table.setItem(i, column, item)
        table.setSortingEnabled(True)
        table.resizeColumnsToContents()

    def _lesionChosen(self, row: int, *_rest: int) -> None:
        item = self.ui.lesionTable.item(row, 0)
        if item is not None:
            right, anterior, superior = (float(value) for value in item.data(PLACE).split())
            jumpTo((right, anterior, superior))

    def _exportTable(self) -> None:
        path = qt.QFileDialog.getSaveFileName(None, _("Save the lesion table"), "lesions.csv", "CSV (*.csv)")
        if path:
            shutil.copyfile(self.logic.shownResult().folder / LESION_TABLE, path)

    def _exportLesions(self) -> None:
        path = qt.QFileDialog.getSaveFileName(None, _("Save the lesions"), "lesions.nii.gz", LESION_FILES)
        if path:
            exportLesions(self.logic.shownResult(), self.logic.shownVolume("followup"), Path(path))


def exportLesions(result: Result, volumeNode, path: Path) -> None:
    """Write the lesions of a result; .seg.nrrd keeps the terminology, the others one label for each lesion."""
    segmentation = path.name.endswith(".seg.nrrd")
    make = result_nodes.outlines if segmentation else result_nodes.lesionLabelmap
    slicer.util.exportNode(make(result, volumeNode), str(path))


def _lesionRows(result: Result) -> list[dict[str, float]]:
    with (result.folder / LESION_TABLE).open(encoding="utf-8", newline="") as file:
        return [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]


def _title(result: Result) -> str:
    tuned = result.run["tuned"]
    who = _("base CNN") if tuned is None else _("patient-specific CNN {number}").format(number=tuned)
    text = _("{number}: {who}, {lesions} lesions, {volume:.1f} ml")
    return text.format(number=result.number, who=who, lesions=result.lesions, volume=result.volume_ml)


def _summary(result: Result) -> str:
    change, judged = result.run.get("change", {}), _judged(result)
    parts = ", ".join(f"{count} {_(kind)}" for kind, count in change.items())
    text = _("{lesions} lesions, {volume:.1f} ml.").format(lesions=result.lesions, volume=result.volume_ml)
    return " ".join(filter(None, (text, f"{_('Since the baseline:')} {parts}." if parts else "", judged)))


def _judged(result: Result) -> str:
    """How a result agrees with the known lesions, where it was compared with them."""
    path = result.folder / EVALUATION
    if not path.is_file():
        return ""
    values = json.loads(path.read_text(encoding="utf-8"))
    known = [(values.get(key), title, form) for key, (title, form) in METRICS.items()]
    parts = [f"{_(title)} {value:{form}}" for value, title, form in known if value is not None]
    return _("Against the known lesions: {metrics}.").format(metrics=", ".join(parts))
