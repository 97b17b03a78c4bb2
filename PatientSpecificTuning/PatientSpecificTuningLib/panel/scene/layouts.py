"""How our two views lie beside each other, as Slicer's layout node is told."""

from __future__ import annotations

import slicer

from ..situation.state import BASELINE
from ..situation.state import FOLLOWUP

VIEW_NAMES = {BASELINE: "Baseline", FOLLOWUP: "Followup"}
LAYOUTS = {"both": 501, BASELINE: 502, FOLLOWUP: 503}
_LABELS = {BASELINE: ("B", "#4C9BE8"), FOLLOWUP: ("F", "#E8A24C")}


def layoutNode():
    """The node that holds the layout; None without a window."""
    if slicer.app.layoutManager() is None:
        return None
    return slicer.mrmlScene.GetFirstNodeByClass("vtkMRMLLayoutNode")


def arrange(node, layout: str) -> None:
    """Show one of our layouts: "both", "baseline" or "followup"."""
    identifier, description = LAYOUTS[layout], _description(layout)
    # Otherwise all views would be laid out twice.
    with slicer.util.NodeModify(node):
        if node.IsLayoutDescription(identifier):
            node.SetLayoutDescription(identifier, description)
        else:
            node.AddLayoutDescription(identifier, description)
        node.SetViewArrangement(identifier)


def _description(layout: str) -> str:
    shown = VIEW_NAMES if layout == "both" else (layout,)
    items = "".join(_item(examination) for examination in shown)
    return f'<layout type="horizontal" split="true">{items}</layout>'


def _item(examination: str) -> str:
    label, color = _LABELS[examination]
    return (
        f'<item splitSize="500"><view class="vtkMRMLSliceNode" singletontag="{VIEW_NAMES[examination]}">'
        '<property name="orientation" action="default">Axial</property>'
        f'<property name="viewlabel" action="default">{label}</property>'
        f'<property name="viewcolor" action="default">{color}</property></view></item>'
    )
