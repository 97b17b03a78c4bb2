"""What the panel keeps in the scene: chosen nodes and settings, but no path."""

from __future__ import annotations

from typing import Annotated
from typing import Union

from slicer import vtkMRMLLabelMapVolumeNode
from slicer import vtkMRMLScalarVolumeNode
from slicer import vtkMRMLSegmentationNode
from slicer import vtkMRMLSequenceNode
from slicer import vtkMRMLVectorVolumeNode
from slicer.parameterNodeWrapper import Choice
from slicer.parameterNodeWrapper import Default
from slicer.parameterNodeWrapper import WithinRange
from slicer.parameterNodeWrapper import parameterNodeWrapper

from ..engine.model.card_check import MOTION_CORRECTIONS
from ..engine.model.card_check import REGISTRATIONS
from ..engine.tuning.plan import DEFAULT
from ..engine.tuning.plan import NAMED_SETTINGS
from ..engine.tuning.slice_proposal import DISTANCE_MM
from ..engine.tuning.slice_proposal import GAIN
from ..engine.tuning.slice_proposal import PAPER
from .situation.overlay_state import LARGEST_SD
from .situation.state import SCANS

BY_MODEL = "as the model says"
WEIGHTINGS = ("none", "segmentation", "detection")
# A wrapped parameter makes a node of every type to ask for its class, so each must be one that can be made.
Image = Union[vtkMRMLScalarVolumeNode, vtkMRMLVectorVolumeNode, vtkMRMLSequenceNode, None]  # noqa: UP007
Mask = Union[vtkMRMLLabelMapVolumeNode, vtkMRMLSegmentationNode, vtkMRMLScalarVolumeNode, None]  # noqa: UP007


@parameterNodeWrapper
class PanelParameters:
    """Chosen nodes and settings; names are those of the `SlicerParameterName` properties in the .ui files.

    `model` is the folder name of a shipped model, or the hash of another; empty is the default one. `proposedSlices` 0
    is what the model card says, `shownChannel` counts from 1, 0 is the key channel of the model card. `result` is the
    number of the shown version, `comparedResult` that of the version it is compared with, empty for the base CNN.
    """

    baselineFirst: Image
    baselineSecond: Image
    baselineMask: Mask
    baselineLesions: Mask
    followupFirst: Image
    followupSecond: Image
    followupMask: Mask
    followupLesions: Mask
    corrections: vtkMRMLSegmentationNode
    step: Annotated[str, Default(SCANS)]
    model: str
    registration: Annotated[str, Choice([BY_MODEL, *REGISTRATIONS]), Default(BY_MODEL)]
    motionCorrection: Annotated[str, Choice([BY_MODEL, *MOTION_CORRECTIONS]), Default(BY_MODEL)]
    tuningSettings: Annotated[str, Choice(list(NAMED_SETTINGS)), Default(DEFAULT)]
    iterations: Annotated[int, WithinRange(50, 1000), Default(100)]
    criterion: Annotated[str, Choice([PAPER, GAIN]), Default(PAPER)]
    distance: Annotated[float, WithinRange(0, 100), Default(DISTANCE_MM)]
    learnWhileCorrecting: Annotated[bool, Default(True)]
    proposedSlices: Annotated[int, WithinRange(0, 50), Default(0)]
    shownChannel: Annotated[int, Default(0)]
    weighting: Annotated[str, Choice(list(WEIGHTINGS)), Default("none")]
    rotation: Annotated[float, WithinRange(0, 180), Default(45.0)]
    seed: Annotated[int, WithinRange(0, 99999), Default(0)]
    repetitions: Annotated[int, WithinRange(0, 200), Default(25)]
    result: str
    comparedResult: str
    sideBySide: Annotated[bool, Default(True)]
    showOutlines: Annotated[bool, Default(True)]
    showCompared: Annotated[bool, Default(False)]
    showDetections: Annotated[bool, Default(True)]
    outlinesOpacity: Annotated[float, WithinRange(0, 1), Default(1.0)]
    comparedOpacity: Annotated[float, WithinRange(0, 1), Default(1.0)]
    showUncertainty: Annotated[bool, Default(True)]
    showWorkingImages: Annotated[bool, Default(False)]
    uncertaintyOpacity: Annotated[float, WithinRange(0, 1), Default(0.7)]
    uncertaintyThreshold: Annotated[float, WithinRange(0, LARGEST_SD), Default(0.03)]
    alignmentBlend: Annotated[float, WithinRange(0, 1), Default(0.5)]
