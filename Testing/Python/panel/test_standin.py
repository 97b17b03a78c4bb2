"""The stand-in takes from Slicer what is Slicer's: what fails there fails here."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated
from typing import Union

import pytest
from panel_harness import start_standin


@pytest.fixture(scope="module", autouse=True)
def application():
    return start_standin()


@pytest.fixture(autouse=True)
def _scene() -> Iterator[None]:
    import slicer

    yield
    slicer.mrmlScene.Clear(0)


def _bound(kind: type):
    """A parameter node of a class, a window, and a function that puts a widget into it for a parameter."""
    import qt
    from slicer.ScriptedLoadableModule import ScriptedLoadableModuleLogic

    window, layout = qt.QWidget(), qt.QVBoxLayout()
    window.setLayout(layout)
    logic = type("SomeModuleLogic", (ScriptedLoadableModuleLogic,), {})()
    node = logic.getParameterNode()

    def put(widget, parameter: str):
        widget.setProperty("SlicerParameterName", parameter)
        layout.addWidget(widget)
        return widget

    return kind(node), window, put


@pytest.mark.parametrize(
    "name", ["parameterNodeWrapper", "ScriptedLoadableModule", "util", "i18n", "packaging", "testing"]
)
def test_pure_python_parts_are_the_files_of_the_checkout(name: str) -> None:
    import importlib

    from Standin.slicer_source import PACKAGE
    from Standin.slicer_source import sourceFolder

    file = Path(importlib.import_module(f"slicer.{name}").__file__)
    assert file.is_relative_to(sourceFolder() / PACKAGE)


def test_widgets_and_parameters_follow_each_other_until_they_are_disconnected() -> None:
    import ctk
    import qt
    from slicer.parameterNodeWrapper import Default
    from slicer.parameterNodeWrapper import WithinRange
    from slicer.parameterNodeWrapper import parameterNodeWrapper

    @parameterNodeWrapper
    class Values:
        flag: bool
        number: Annotated[float, WithinRange(0, 5), Default(2.0)]

    values, window, put = _bound(Values)
    box, slider = put(qt.QCheckBox(), "flag"), put(ctk.ctkSliderWidget(), "number")
    tag = values.connectGui(window)
    assert (slider.value, slider.maximum) == (2, 5)
    values.number = 3.5
    assert slider.value == 3.5
    box.click()
    assert values.flag
    values.disconnectGui(tag)
    box.click()
    assert values.flag


def test_a_selector_of_an_abstract_class_is_refused_as_in_slicer() -> None:
    import slicer
    from slicer.parameterNodeWrapper import parameterNodeWrapper

    @parameterNodeWrapper
    class Values:
        image: slicer.vtkMRMLVolumeNode

    values, window, put = _bound(Values)
    put(slicer.qMRMLNodeComboBox(), "image")
    with pytest.raises(TypeError, match="abstract"):
        values.connectGui(window)


def test_a_selector_offers_the_classes_that_its_parameter_may_have() -> None:
    import slicer
    from slicer.parameterNodeWrapper import parameterNodeWrapper

    kinds = Union[slicer.vtkMRMLScalarVolumeNode, slicer.vtkMRMLSegmentationNode, None]  # noqa: UP007

    @parameterNodeWrapper
    class Values:
        image: kinds

    Values.__annotations__["image"] = kinds
    values, window, put = _bound(Values)
    combo = put(slicer.qMRMLNodeComboBox(), "image")
    combo.noneEnabled = True
    combo.setMRMLScene(slicer.mrmlScene)
    values.connectGui(window)
    assert combo.nodeTypes == ("vtkMRMLScalarVolumeNode", "vtkMRMLSegmentationNode")
    first, second = (
        slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", name) for name in ("first", "second")
    )
    values.image = first
    assert combo.currentNode() is first
    slicer.mrmlScene.RemoveNode(first)
    assert combo.currentNode() is second


def test_a_sample_without_addresses_is_refused_by_slicers_sample_data() -> None:
    import SampleData

    with pytest.raises(TypeError):
        SampleData.SampleDataSource(nodeNames=["x"], customDownloader=lambda source: None)


def test_a_volume_is_written_and_read_through_slicers_own_functions(tmp_path: Path) -> None:
    import numpy as np
    import slicer

    volume = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "volume")
    slicer.util.updateVolumeFromArray(volume, np.arange(24, dtype=np.int16).reshape(2, 3, 4))
    path = tmp_path / "Łódź.nii.gz"
    assert slicer.util.exportNode(volume, str(path), {})
    read = slicer.util.loadVolume(str(path))
    assert slicer.util.arrayFromVolume(read).sum() == 276
    with pytest.raises(ValueError, match="no known file format"):
        slicer.util.exportNode(volume, str(tmp_path / "volume"), {})


def test_a_format_that_was_asked_for_once_stays_in_the_default_arguments_of_slicer(tmp_path: Path) -> None:
    import numpy as np
    import slicer

    volume = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "volume")
    slicer.util.updateVolumeFromArray(volume, np.zeros((2, 3, 4), np.int16))
    kept = slicer.util.exportNode.__defaults__[0]
    try:
        assert slicer.util.exportNode(volume, str(tmp_path / "first.nii.gz"))
        assert not slicer.util.exportNode(volume, str(tmp_path / "second.nrrd"))
    finally:
        kept.clear()


def test_a_wrong_signal_a_keyword_and_a_called_property_are_refused() -> None:
    import qt

    button = qt.QPushButton()
    with pytest.raises(AttributeError, match="has no signal 'clicked'"):
        button.connect("clicked", lambda: None)
    with pytest.raises(ValueError, match="keyword"):
        button.setText(text="x")
    with pytest.raises(TypeError):
        button.text()
    with pytest.raises(AttributeError, match="creating new attributes"):
        button.colour = "red"
    assert not isinstance(button, qt.QWidget)
