"""Which view shows what: two views of our own, one for each examination, so that neither can show the other's images.

The user's views and layers are never touched; leaving the module brings the layout back that was there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import qt
import slicer
import vtk
from numpy.typing import NDArray
from slicer.util import VTKObservationMixin

from ..situation.state import BASELINE
from ..situation.state import FOLLOWUP
from ..situation.state import Place
from ..turns import Steps
from .layouts import LAYOUTS
from .layouts import VIEW_NAMES
from .layouts import arrange
from .layouts import layoutNode

MILLISECONDS_TO_SETTLE, LATER_MILLISECONDS = 100, 500


@dataclass(frozen=True)
class Shown:
    """What the views of an examination show.

    Attributes:
        volumeId: the background.
        plane: SliceToRAS (4, 4) as bytes of float64, in which its voxels are seen as they were acquired.
        overlayId: the foreground, empty without.
        labelId: a labelmap whose outlines are drawn, empty without.
    """

    volumeId: str
    plane: bytes
    overlayId: str = ""
    overlayOpacity: float = 0.0
    labelId: str = ""


def sliceNodeId(examination: str) -> str:
    """The id of the slice node of an examination's view, by which a display node can be kept to it."""
    return f"vtkMRMLSliceNode{VIEW_NAMES[examination]}"


class Views(VTKObservationMixin):
    """Lays out and fills the two views while the module is shown.

    Args:
        moved: called when a view moved to another place.
        layoutChanged: called when the user chose another layout.
    """

    def __init__(self, moved: Callable[[], None], layoutChanged: Callable[[], None]) -> None:
        VTKObservationMixin.__init__(self)
        self._moved, self._layoutChanged = moved, layoutChanged
        self.isEntered = False
        self._usersLayout: int | None = None
        self._layout = ""
        # Laid out, but not filled since.
        self.isNew = False
        self._filled: dict[str, tuple[str, bool]] = {}
        # Views that show all of their volume since nobody moved them, and the last size of each.
        self._fitted: set[str] = set()
        self._sizes: dict[str, tuple[int, ...]] = {}
        self._toBaseline: NDArray[np.float64] | None = None
        self._isFollowing = False
        # Slicer's slider above a new view takes its range late, and moves the view when it does.
        self._settling = qt.QTimer()
        self._settling.setSingleShot(True)
        self._settling.setInterval(MILLISECONDS_TO_SETTLE)
        self._settling.connect("timeout()", self._settle)
        self._wanted: dict[str, tuple[Shown, Place | None]] = {}
        self._resizing = qt.QTimer()
        self._resizing.setSingleShot(True)
        self._resizing.setInterval(0)
        self._resizing.connect("timeout()", self._fitResized)
        self._resized: set[str] = set()

    # The life of the module -------------------------------------------------------------------------------------

    def enter(self) -> None:
        """The module is shown; the next `show` lays out."""
        self.isEntered, self._layout = True, ""

    def exit(self) -> None:
        """The module is left: the user's layout comes back."""
        self.isEntered = False
        self.release()

    def release(self) -> None:
        """Give the user's layout back, unless another was chosen since."""
        node = layoutNode()
        if (
            node is not None
            and self._usersLayout is not None
            and node.GetViewArrangement() in LAYOUTS.values()
        ):
            node.SetViewArrangement(self._usersLayout)
        self._usersLayout, self._layout, self.isNew = None, "", False
        self._filled.clear()
        self._fitted.clear()
        self._wanted.clear()
        self._settling.stop()
        self._resizing.stop()
        self._resized.clear()
        self.removeObservers()

    @property
    def isUsersLayout(self) -> bool:
        """Whether the user chose another layout than ours while the module is shown."""
        node = layoutNode()
        return bool(self._layout) and node is not None and node.GetViewArrangement() not in LAYOUTS.values()

    def takeBack(self) -> None:
        """Lay out again although the user chose another layout."""
        self._layout = ""

    # What is shown ----------------------------------------------------------------------------------------------

    def layOut(self, layout: str) -> bool:
        """Lay out the views, where they are not laid out so already.

        Args:
            layout: "both", "baseline", "followup" or "" for none of ours.

        Returns:
            whether anything was laid out.
        """
        if not self.isEntered or layoutNode() is None or not layout or layout == self._layout:
            return False
        self.isNew = True
        self._layOut(layout)
        return True

    def show(self, layout: str, shown: dict[str, Shown], toBaseline: NDArray[np.float64] | None) -> Steps:
        """Show volumes and overlays, one view in each step; what is shown already is not touched, so that users keep
        zoom and place.

        Args:
            layout: as it was laid out; "" gives the user's layout back.
            toBaseline: 4 x 4, brings places of the follow-up to the baseline, RAS mm; None while that is unknown.
        """
        if not self.isEntered or layoutNode() is None:
            return
        self._toBaseline = toBaseline
        if not layout:
            self.release()
            return
        for examination in VIEW_NAMES:
            isWanted = examination in shown and self._isVisible(examination)
            if isWanted and self._fill(examination, shown[examination]):
                yield
        isNew, self.isNew = self.isNew, False
        if isNew or self._filled:
            self._observe()
        self._align()

    def jump(self, examination: str, place: Place) -> None:
        """Bring a place of an examination into its view, and what corresponds to it on the other side."""
        node = _sliceNode(examination)
        if node is not None:
            self._want(examination, place)
            node.JumpSliceByOffsetting(*place)
            if not _isInside(node, place):
                node.JumpSliceByCentering(*place)
            self._follow(examination)

    def offsetTo(self, examination: str, place: Place) -> None:
        """Move a view to the slice of a place; zoom and what is in the middle stay."""
        node = _sliceNode(examination)
        if node is not None:
            self._want(examination, place)
            node.JumpSliceByOffsetting(*place)
            self._follow(examination)

    def _want(self, examination: str, place: Place) -> None:
        """Go there once more when a new view has settled."""
        if examination in self._wanted:
            self._wanted[examination] = (self._wanted[examination][0], place)

    def place(self, examination: str) -> Place | None:
        """The middle of the view of an examination; None where it is not shown in its own plane."""
        node = _sliceNode(examination)
        if node is None or not self._isVisible(examination) or self._filled.get(examination, ("", True))[1]:
            return None
        matrix = node.GetSliceToRAS()
        return tuple(matrix.GetElement(i, 3) for i in range(3))

    def _layOut(self, layout: str) -> None:
        node = layoutNode()
        if node.GetViewArrangement() not in LAYOUTS.values():
            self._usersLayout = node.GetViewArrangement()
        self._layout = layout
        arrange(node, layout)

    def _isVisible(self, examination: str) -> bool:
        return self._layout in ("both", examination) and not self.isUsersLayout

    def _isMapped(self, examination: str) -> bool:
        """Whether a view is in the plane of the other examination."""
        return examination == BASELINE and self._layout == "both" and self._toBaseline is not None

    def _fill(self, examination: str, shown: Shown) -> bool:
        """Fill a view; returns whether it was moved or fitted, too."""
        composite, node = _compositeNode(examination), _sliceNode(examination)
        if composite is None or node is None:
            return False
        # They are made and filled anew, and Slicer cannot read the plane of an oblique one back.
        for made in (node, composite):
            if made.GetSaveWithScene():
                made.SetSaveWithScene(False)
        key = (shown.volumeId, self._isMapped(examination))
        earlier = self._filled.get(examination)
        if composite.GetBackgroundVolumeID() != shown.volumeId:
            composite.SetBackgroundVolumeID(shown.volumeId)
        # A mask that was just loaded would otherwise cover the image, in every view of Slicer.
        composite.SetDoPropagateVolumeSelection(False)
        composite.SetLabelVolumeID(shown.labelId or None)
        node.SetUseLabelOutline(bool(shown.labelId))
        composite.SetForegroundVolumeID(shown.overlayId or None)
        composite.SetForegroundOpacity(shown.overlayOpacity)
        self._filled[examination] = key
        if earlier is None or earlier != key:
            self._place(examination, shown, keepsPlace=earlier is not None and earlier[0] == shown.volumeId)
        elif self.isNew and not self._isMapped(examination):
            self._fit(examination, keepsPlace=True)
        else:
            return False
        return True

    def _place(self, examination: str, shown: Shown, *, keepsPlace: bool) -> None:
        before = _middle(_sliceNode(examination)) if keepsPlace else None
        self._wanted[examination] = (shown, before)
        self._putInPlane(examination)
        self._settling.setInterval(MILLISECONDS_TO_SETTLE)
        self._settling.start()

    def _settle(self) -> None:
        for examination in list(self._wanted):
            if self._isVisible(examination):
                self._putInPlane(examination)
        self._align()
        if self._settling.interval == MILLISECONDS_TO_SETTLE:
            # A slow computer lays out later still.
            self._settling.setInterval(LATER_MILLISECONDS)
            self._settling.start()
            return
        self._wanted.clear()
        self._moved()

    def _putInPlane(self, examination: str) -> None:
        """Show the plane of the voxels, all of it, at the wanted place or in the middle of the volume."""
        node, (shown, place) = _sliceNode(examination), self._wanted[examination]
        if node is None or self._isMapped(examination):
            return
        plane = np.frombuffer(shown.plane).reshape(4, 4)
        node.GetSliceToRAS().DeepCopy(slicer.util.vtkMatrixFromArray(plane))
        node.UpdateMatrices()
        self._fit(examination, keepsPlace=False)
        if place is not None:
            node.JumpSliceByOffsetting(*place)

    def _fit(self, examination: str, *, keepsPlace: bool) -> None:
        """Let the whole volume be seen; only a view that changed is fitted."""
        manager = slicer.app.layoutManager()
        widget = None if manager is None else manager.sliceWidget(VIEW_NAMES[examination])
        if widget is None:
            return
        node = _sliceNode(examination)
        before = _middle(node)
        # Slicer fits by what it heard of the view last, so its events must not be held back here.
        widget.sliceLogic().FitSliceToBackground()
        if keepsPlace:
            node.JumpSliceByOffsetting(*before)
        self._fitted.add(examination)
        self._sizes[examination] = tuple(node.GetDimensions())

    # Corresponding places ---------------------------------------------------------------------------------------

    def _observe(self) -> None:
        self.removeObservers()
        for examination in VIEW_NAMES:
            node = _sliceNode(examination)
            if node is not None:
                self.addObserver(node, vtk.vtkCommand.ModifiedEvent, self._sliceMoved)
        self.addObserver(layoutNode(), vtk.vtkCommand.ModifiedEvent, self._layoutModified)

    def _layoutModified(self, caller, event) -> None:
        del caller, event
        self._layoutChanged()

    def _sliceMoved(self, caller, event) -> None:
        del event
        # What a new layout does to a view that is not filled yet is nobody's move.
        if self._isFollowing or self.isNew:
            return
        examination = next(e for e, name in VIEW_NAMES.items() if caller.GetLayoutName() == name)
        # Of two views that belong together the follow-up's leads when they get another size.
        leader = FOLLOWUP if self._isMapped(BASELINE) else examination
        size = tuple(caller.GetDimensions())
        if self._sizes.get(examination) != size:
            self._sizes[examination] = size
            self._resized.add(leader)
            self._resizing.start()
        else:
            if not self._wanted:
                self._fitted.discard(leader)
            self._follow(examination)
        self._moved()

    def _fitResized(self) -> None:
        """Not within the event: a slice node that is changed while it tells of a change keeps the former matrices."""
        leaders, self._resized = self._resized, set()
        for leader in leaders:
            if self.isEntered and _sliceNode(leader) is not None:
                if leader in self._fitted:
                    self._fitQuietly(leader)
                self._follow(leader)
        self._moved()

    def _fitQuietly(self, examination: str) -> None:
        self._isFollowing = True
        try:
            self._fit(examination, keepsPlace=True)
        finally:
            self._isFollowing = False

    def _align(self) -> None:
        if self._isMapped(BASELINE):
            self._follow(FOLLOWUP)

    def _follow(self, examination: str) -> None:
        """Let the other view show what corresponds to this one: same anatomy, same zoom."""
        if not self._isMapped(BASELINE) or self._isFollowing or not self._isVisible(examination):
            return
        other = FOLLOWUP if examination == BASELINE else BASELINE
        source, target = _sliceNode(examination), _sliceNode(other)
        if source is None or target is None:
            return
        to = self._toBaseline if other == BASELINE else np.linalg.inv(self._toBaseline)
        plane = to @ slicer.util.arrayFromVTKMatrix(source.GetSliceToRAS())
        current = slicer.util.arrayFromVTKMatrix(target.GetSliceToRAS())
        width, _height, depth = source.GetFieldOfView()
        perPixel = width / max(source.GetDimensions()[0], 1)
        across, down = target.GetDimensions()[:2]
        wanted = (perPixel * across, perPixel * down, depth)
        isThere = np.allclose(plane, current, atol=1e-6) and np.allclose(
            wanted, target.GetFieldOfView(), rtol=1e-6
        )
        if isThere and _isUpToDate(target):
            return
        self._isFollowing = True
        try:
            with slicer.util.NodeModify(target):
                target.GetSliceToRAS().DeepCopy(slicer.util.vtkMatrixFromArray(plane))
                target.SetFieldOfView(*wanted)
                target.UpdateMatrices()
        finally:
            self._isFollowing = False


def _isInside(node, place: Place) -> bool:
    """Whether a place lies well within what a view shows."""
    toXy = np.linalg.inv(slicer.util.arrayFromVTKMatrix(node.GetXYToRAS()))
    xy = (toXy @ [*place, 1.0])[:2]
    size = np.array(node.GetDimensions()[:2])
    return bool((xy > 0.1 * size).all() and (xy < 0.9 * size).all())


def _isUpToDate(node) -> bool:
    """Whether a view is drawn at its present size; while it is being resized Slicer keeps the scale of the former one."""
    across = slicer.util.arrayFromVTKMatrix(node.GetXYToRAS())[:3, 0]
    return bool(
        np.isclose(np.linalg.norm(across) * node.GetDimensions()[0], node.GetFieldOfView()[0], rtol=1e-3)
    )


def _middle(node) -> Place:
    matrix = node.GetSliceToRAS()
    return tuple(matrix.GetElement(i, 3) for i in range(3))


def _sliceNode(examination: str):
    return slicer.mrmlScene.GetNodeByID(sliceNodeId(examination))


def _compositeNode(examination: str):
    composites = slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode")
    return next((n for n in composites if n.GetLayoutName() == VIEW_NAMES[examination]), None)
