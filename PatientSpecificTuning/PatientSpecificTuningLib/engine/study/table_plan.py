"""Which tables a study has: rows, columns and captions, numbered as in the paper."""

from __future__ import annotations

from dataclasses import dataclass

from .design import Design
from .design import Setting
from .statistics import T_TEST
from .statistics import WILCOXON


@dataclass(frozen=True)
class Column:
    """A measure: where it stands in an outcome, its title, which way is better, and how it is printed."""

    key: str
    title: str
    higher_is_better: bool
    digits: int = 2


@dataclass(frozen=True)
class PlannedRow:
    """A CNN in a table: its key there (as in `published`), its label, its setting."""

    key: str
    label: str
    setting: Setting


@dataclass(frozen=True)
class PlannedTable:
    """One table: measures, CNNs, and the test against the base CNN, which is the first row.

    Attributes:
        task: the task whose measures it shows.
    """

    key: str
    title: str
    task: str
    columns: tuple[Column, ...]
    rows: tuple[PlannedRow, ...]

    @property
    def test(self) -> str:
        """Detection measures are not normally distributed, so their ranks are tested (paper, "Experiments")."""
        return WILCOXON if self.task == "detection" else T_TEST


DETECTION = (
    Column("tpr", "TPR", higher_is_better=True),
    Column("fpc", "FPC", higher_is_better=False, digits=1),
    Column("f1", "F1 score", higher_is_better=True),
)
SEGMENTATION = (
    Column("dice", "Dice score", higher_is_better=True, digits=3),
    Column("avd", "AVD (%)", higher_is_better=False, digits=1),
)
CHALLENGE = (
    Column("hd95", "modified Hausdorff (mm)", higher_is_better=False),
    Column("recall", "lesion TPR", higher_is_better=True),
    Column("f1", "lesion F1", higher_is_better=True),
)
BY_SIZE = (
    Column("tpr_small", "TPR, lesions < 1.0 cm³", higher_is_better=True),
    Column("tpr_large", "TPR, lesions ≥ 1.0 cm³", higher_is_better=True),
)


def planned_tables(design: Design, task: str, organ: str) -> list[PlannedTable]:
    """Tables 1 to 5, the numbers of iterations by segmentation measures, and the figures that the text gives.

    Tables 1 to 3 show detection and 4 and 5 segmentation, whatever the task of the model: the measures of the other
    task say more about the same lesions.
    """
    iterations, slices, weighting = _iterations(design), _slices(design, organ), _weighting(design, task)
    base_and_tuned = weighting[:2]
    return [
        PlannedTable("table1", "Number of iterations", "detection", DETECTION, iterations),
        PlannedTable("table2", "Number of slices", "detection", DETECTION, slices),
        PlannedTable("table3", "Weighting", "detection", DETECTION, weighting),
        PlannedTable("iterations", "Number of iterations", "segmentation", SEGMENTATION, iterations),
        PlannedTable("table4", "Number of slices", "segmentation", SEGMENTATION, slices),
        PlannedTable("table5", "Weighting", "segmentation", SEGMENTATION, weighting),
        PlannedTable("challenge", "Measures of the WMH challenge", "segmentation", CHALLENGE, base_and_tuned),
        PlannedTable("sizes", "Small and large lesions", task, BY_SIZE, base_and_tuned),
    ]


def _iterations(design: Design) -> tuple[PlannedRow, ...]:
    rows = [
        PlannedRow(f"{s.iterations} iterations", f"{s.iterations} iter.", s) for s in design.by_iterations()
    ]
    return (_base(design), *rows)


def _slices(design: Design, organ: str) -> tuple[PlannedRow, ...]:
    rows = []
    for setting in design.by_slices():
        what = "lesion" if setting.among == "lesion" else organ
        if setting.slices is None:
            key, label = f"{setting.among}-all", f"All {what} slices"
        else:
            plural = "slice" if setting.slices == 1 else "slices"
            key = f"{setting.among}-{setting.slices}"
            label = f"{setting.slices} {plural}, selected among {what} slices"
        rows.append(PlannedRow(key, label, setting))
    return (_base(design), *rows)


def _weighting(design: Design, task: str) -> tuple[PlannedRow, ...]:
    plain, weighted = design.by_weighting()
    return (
        _base(design),
        PlannedRow("unweighted", "FT CNN", plain),
        PlannedRow("weighted", f"Weighted FT CNN ({task} weights)", weighted),
    )


def _base(design: Design) -> PlannedRow:
    return PlannedRow("base", "Base CNN", design.base)
