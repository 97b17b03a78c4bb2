"""The state of the panel that is kept in the scene."""

from __future__ import annotations

from typing import Annotated

from slicer import vtkMRMLNode
from slicer import vtkMRMLSegmentationNode
from slicer.parameterNodeWrapper import Choice
from slicer.parameterNodeWrapper import Default
from slicer.parameterNodeWrapper import WithinRange
from slicer.parameterNodeWrapper import parameterNodeWrapper

from ..engine.model.card import MOTION_CORRECTIONS
from ..engine.model.card import REGISTRATIONS

EXAMINATIONS = ("baseline", "followup")
TITLES = {"baseline": "Baseline", "followup": "Follow-up"}
# The sequences of an examination, in the order of the model's pathways.
PARTS = ("First", "Second")
BY_MODEL = "as the model says"
WEIGHTINGS = ("none", "segmentation", "detection")


@parameterNodeWrapper
class PanelParameters:
    """Chosen nodes and settings; names are those of the `SlicerParameterName` properties in the .ui file.

    `model` is the folder of a base model, empty for the shipped one. `correctedSlices` and `addedSlices` are
    indices on the baseline's working grid. `proposedSlices` 0 is what the model card says, `shownChannel` counts from
    1, 0 is the key channel of the model card. `result` is the number of the shown version, `comparedResult` that of the
    version it is compared with, empty for the base CNN.
    """

    baselineFirst: vtkMRMLNode
    baselineSecond: vtkMRMLNode
    baselineMask: vtkMRMLNode
    baselineLesions: vtkMRMLNode
    followupFirst: vtkMRMLNode
    followupSecond: vtkMRMLNode
    followupMask: vtkMRMLNode
    followupLesions: vtkMRMLNode
    corrections: vtkMRMLSegmentationNode
    model: str
    caseFolder: str
    prepareAutomatically: bool
    registration: Annotated[str, Choice([BY_MODEL, *REGISTRATIONS]), Default(BY_MODEL)]
    motionCorrection: Annotated[str, Choice([BY_MODEL, *MOTION_CORRECTIONS]), Default(BY_MODEL)]
    iterations: Annotated[int, WithinRange(50, 1000), Default(100)]
    proposedSlices: Annotated[int, WithinRange(0, 50), Default(0)]
    shownChannel: Annotated[int, Default(0)]
    weighting: Annotated[str, Choice(list(WEIGHTINGS)), Default("none")]
    rotation: Annotated[float, WithinRange(0, 180), Default(45.0)]
    seed: Annotated[int, WithinRange(0, 99999), Default(0)]
    repetitions: Annotated[int, WithinRange(0, 200), Default(25)]
    correctedSlices: list[int]
    addedSlices: list[int]
    result: str
    comparedResult: str
    showOutlines: Annotated[bool, Default(True)]
    showCompared: Annotated[bool, Default(True)]
    showDetections: Annotated[bool, Default(True)]
    showUncertainty: Annotated[bool, Default(True)]
    uncertaintyOpacity: Annotated[float, WithinRange(0, 1), Default(0.7)]
    uncertaintyThreshold: Annotated[float, WithinRange(0, 0.25), Default(0.03)]
