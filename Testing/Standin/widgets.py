"""Stand-ins of the CTK and MRML widgets that .ui files name; FACTS says whose rules each follows."""

from __future__ import annotations

import slicer
from PySide6 import QtCore
from PySide6 import QtGui
from PySide6 import QtWidgets
from PySide6.QtCore import Property
from PySide6.QtCore import Signal


class CollapsibleButton(QtWidgets.QWidget):
    """A titled section that opens and closes."""

    FACTS = "ctk.ctkCollapsibleButton"
    contentsCollapsed = Signal(bool)

    def __init__(self, parent=None) -> None:
        super().__init__(parent)
        self._text, self._collapsed = "", False
        self._hidden: list[QtWidgets.QWidget] = []

    def _setText(self, text: str) -> None:
        self._text = text
        self.update()

    def _setCollapsed(self, collapsed: bool) -> None:
        self._collapsed = collapsed
        self._showContents()
        self.contentsCollapsed.emit(collapsed)

    def _showContents(self) -> None:
        layout = self.layout()
        contents = [layout.itemAt(i).widget() for i in range(layout.count())] if layout else []
        if self._collapsed:
            # What the module has hidden itself stays hidden when the section opens.
            self._hidden += [widget for widget in contents if widget is not None and not widget.isHidden()]
            for widget in self._hidden:
                widget.setVisible(False)
        else:
            while self._hidden:
                self._hidden.pop().setVisible(True)
        self.setMaximumHeight(26 if self._collapsed else 16777215)

    def showEvent(self, event) -> None:
        if self.layout() is not None:
            self.layout().setContentsMargins(8, 28, 8, 8)
        self._showContents()
        super().showEvent(event)

    def paintEvent(self, event) -> None:
        del event
        painter = QtGui.QPainter(self)
        painter.fillRect(0, 0, self.width(), 24, QtGui.QColor("#d7dde5"))
        arrow = "\u25b8" if self._collapsed else "\u25be"
        painter.drawText(8, 17, f"{arrow}  {self._text}")

    text = Property(str, lambda self: self._text, _setText)
    collapsed = Property(bool, lambda self: self._collapsed, _setCollapsed)


def _forwarded(kind, part: str, getter: str, setter: str):
    """A property of a part of a widget."""
    return Property(
        kind,
        lambda self: getattr(getattr(self, part), getter)(),
        lambda self, value: getattr(getattr(self, part), setter)(value),
    )


class SliderWidget(QtWidgets.QWidget):
    """A slider with a spin box."""

    FACTS = "ctk.ctkSliderWidget"
    valueChanged = Signal(float)

    def __init__(self, parent=None) -> None:
        super().__init__(parent)
        self._box, self._bar = QtWidgets.QDoubleSpinBox(), QtWidgets.QSlider(QtCore.Qt.Orientation.Horizontal)
        layout = QtWidgets.QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._bar)
        layout.addWidget(self._box)
        self._bar.setRange(0, 1000)
        self._box.valueChanged.connect(self._changed)

    def _changed(self, value: float) -> None:
        low, high = self._box.minimum(), self._box.maximum()
        self._bar.setValue(round(1000 * (value - low) / max(high - low, 1e-9)))
        self.valueChanged.emit(value)

    value = _forwarded(float, "_box", "value", "setValue")
    minimum = _forwarded(float, "_box", "minimum", "setMinimum")
    maximum = _forwarded(float, "_box", "maximum", "setMaximum")
    singleStep = _forwarded(float, "_box", "singleStep", "setSingleStep")
    decimals = _forwarded(int, "_box", "decimals", "setDecimals")


class PathLineEdit(QtWidgets.QWidget):
    """A line with a path."""

    FACTS = "ctk.ctkPathLineEdit"
    currentPathChanged = Signal(str)

    def __init__(self, parent=None) -> None:
        super().__init__(parent)
        self._line = QtWidgets.QLineEdit()
        layout = QtWidgets.QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._line)
        self._line.textChanged.connect(self.currentPathChanged)

    currentPath = _forwarded(str, "_line", "text", "setText")


class DirectoryButton(QtWidgets.QPushButton):
    """A button that chooses a folder."""

    FACTS = "ctk.ctkDirectoryButton"
    directoryChanged = Signal(str)
    directorySelected = Signal(str)

    def __init__(self, parent=None) -> None:
        super().__init__(parent)
        self._directory = ""

    def _setDirectory(self, directory: str) -> None:
        changed, self._directory = directory != self._directory, directory
        self.setText(directory)
        if changed:
            self.directoryChanged.emit(directory)

    directory = Property(str, lambda self: self._directory, _setDirectory)


class MRMLWidget(QtWidgets.QWidget):
    """A widget that passes the scene on to its children."""

    FACTS = "slicer.qMRMLWidget"
    mrmlSceneChanged = Signal(object)

    def setMRMLScene(self, scene) -> None:
        for child in self.findChildren(QtWidgets.QWidget):
            if isinstance(child, NodeComboBox | SegmentEditorWidget):
                child.setMRMLScene(scene)
        self.mrmlSceneChanged.emit(scene)


def _kept(kind, name: str, initial):
    """A property that is remembered and does nothing here."""
    return Property(
        kind,
        lambda self: self.__dict__.get(name, initial),
        lambda self, value: self.__dict__.update({name: value}),
    )


class NodeComboBox(QtWidgets.QWidget):
    """The nodes of some classes of the scene."""

    FACTS = "slicer.qMRMLNodeComboBox"
    currentNodeChanged = Signal(object)
    currentNodeIDChanged = Signal(str)

    def __init__(self, parent=None) -> None:
        super().__init__(parent)
        self._combo = QtWidgets.QComboBox()
        layout = QtWidgets.QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._combo)
        self._types, self._children, self._none, self._noneEnabled = [], True, "None", False
        self._scene = None
        self._combo.currentIndexChanged.connect(lambda index: self._announce())

    def _set(self, name: str, value) -> None:
        setattr(self, name, value)
        self._refill()

    nodeTypes = Property("QStringList", lambda s: s._types, lambda s, v: s._set("_types", list(v)))
    noneEnabled = Property(bool, lambda s: s._noneEnabled, lambda s, v: s._set("_noneEnabled", v))
    noneDisplay = Property(str, lambda s: s._none, lambda s, v: s._set("_none", v))
    showChildNodeTypes = Property(bool, lambda s: s._children, lambda s, v: s._set("_children", v))
    addEnabled = _kept(bool, "add", True)
    removeEnabled = _kept(bool, "remove", True)
    renameEnabled = _kept(bool, "rename", False)

    def setMRMLScene(self, scene) -> None:
        self._scene = scene
        for event in (
            scene.NodeAddedEvent,
            scene.NodeRemovedEvent,
            scene.EndCloseEvent,
            scene.EndImportEvent,
        ):
            scene.AddObserver(event, lambda caller, name: self._refill())
        self._refill()

    def currentNode(self):
        identifier = self._combo.currentData()
        return self._scene.GetNodeByID(identifier) if self._scene is not None and identifier else None

    def setCurrentNode(self, node) -> None:
        self._refill((node if isinstance(node, str | None) else node.GetID()) or "")

    setCurrentNodeID = setCurrentNode

    def _nodes(self) -> list:
        if self._scene is None:
            return []
        nodes = [
            n for kind in self._types for n in slicer.util.getNodesByClass(kind) if not n.GetHideFromEditors()
        ]
        return [n for n in nodes if self._children or n.GetClassName() in self._types]

    def _refill(self, wanted: str | None = None) -> None:
        combo, before, row = self._combo, self._combo.currentData(), self._combo.currentIndex()
        wanted = before if wanted is None else wanted
        blocker = QtCore.QSignalBlocker(combo)
        combo.clear()
        if self._noneEnabled:
            combo.addItem(self._none, "")
        for node in self._nodes():
            combo.addItem(node.GetName(), node.GetID())
        # As Qt does: what stood at the place of a node that is removed moves up, and is chosen without a word.
        found, moved = combo.findData(wanted), min(max(row, 0), combo.count() - 1)
        combo.setCurrentIndex(found if found >= 0 else moved)
        blocker.unblock()
        if combo.currentData() != before:
            self._announce()

    def _announce(self) -> None:
        node = self.currentNode()
        self.currentNodeChanged.emit(node)
        self.currentNodeIDChanged.emit(node.GetID() if node else "")


class SegmentEditorWidget(QtWidgets.QWidget):
    """The Segment Editor without effects; it keeps track of what it is told."""

    FACTS = "slicer.qMRMLSegmentEditorWidget"
    currentSegmentIDChanged = Signal(str)

    def __init__(self, parent=None) -> None:
        super().__init__(parent)
        label = QtWidgets.QLabel("Segment Editor")
        label.setStyleSheet("border: 1px solid #b0b0b0; padding: 6px; color: #505050;")
        layout = QtWidgets.QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(label)
        self._node = self._segmentation = self._volume = self._effect = None
        self._segment, self.observed, self.keys = "", False, False

    segmentationNodeSelectorVisible = _kept(bool, "segmentationSelector", True)
    sourceVolumeNodeSelectorVisible = _kept(bool, "volumeSelector", True)
    addRemoveSegmentButtonsVisible = _kept(bool, "addRemove", True)
    switchToSegmentationsButtonVisible = _kept(bool, "switch", True)
    maximumNumberOfUndoStates = _kept(int, "undoStates", 0)
    unorderedEffectsVisible = _kept(bool, "unorderedEffects", True)
    maskingSectionVisible = _kept(bool, "maskingSection", True)
    effectColumnCount = _kept(int, "effectColumns", 5)
    effectButtonStyle = _kept(int, "effectStyle", 0)
    readOnly = _kept(bool, "isReadOnly", False)

    def setMRMLScene(self, scene) -> None:
        self._scene = scene

    def setEffectNameOrder(self, names) -> None:
        self.effects = list(names)

    def updateEffectList(self) -> None:
        """There are no effects."""

    def segmentationNodeSelectorAddAttribute(self, kind: str, attribute: str) -> None:
        """There is no selector to restrict."""

    def setReadOnly(self, readOnly: bool) -> None:
        self.readOnly = readOnly

    def setMRMLSegmentEditorNode(self, node) -> None:
        self._node = node

    def mrmlSegmentEditorNode(self):
        return self._node

    def setSegmentationNode(self, node) -> None:
        self._segmentation = node

    def segmentationNode(self):
        return self._segmentation

    def setSourceVolumeNode(self, node) -> None:
        self._volume = node

    def sourceVolumeNode(self):
        return self._volume

    def segmentationNodeID(self) -> str:
        return self._segmentation.GetID() if self._segmentation is not None else ""

    def sourceVolumeNodeID(self) -> str:
        return self._volume.GetID() if self._volume is not None else ""

    def setCurrentSegmentID(self, identifier: str) -> None:
        self._segment = identifier
        self.currentSegmentIDChanged.emit(identifier)

    def currentSegmentID(self) -> str:
        return self._segment

    def setActiveEffect(self, effect) -> None:
        self._effect = effect

    def setActiveEffectByName(self, name: str) -> None:
        self._effect = name

    def activeEffect(self):
        return self._effect

    def setupViewObservations(self) -> None:
        self.observed = True

    def removeViewObservations(self) -> None:
        self.observed = False

    def installKeyboardShortcuts(self) -> None:
        self.keys = True

    def uninstallKeyboardShortcuts(self) -> None:
        self.keys = False

    def updateWidgetFromMRML(self) -> None:
        """Nothing is shown that could be out of date."""


CUSTOM = {
    "ctkCollapsibleButton": CollapsibleButton,
    "ctkSliderWidget": SliderWidget,
    "ctkDirectoryButton": DirectoryButton,
    "ctkPathLineEdit": PathLineEdit,
    "qMRMLWidget": MRMLWidget,
    "qMRMLNodeComboBox": NodeComboBox,
    "qMRMLSegmentEditorWidget": SegmentEditorWidget,
}
