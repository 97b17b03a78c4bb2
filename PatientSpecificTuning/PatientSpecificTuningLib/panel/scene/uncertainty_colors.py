"""A perceptually ordered colour table: lightness rises evenly, so that more uncertain always looks brighter."""

from __future__ import annotations

import numpy as np
import slicer
from numpy.typing import NDArray

NAME = "Uncertainty (even lightness)"
# CIE L*a*b* from dark violet over red to pale yellow; lightness is linear in the position.
_ANCHORS = np.array([(18, 22, -38), (38, 52, -28), (58, 58, 32), (78, 20, 72), (96, -8, 45)], dtype=float)
_WHITE = np.array([0.95047, 1.0, 1.08883])
_XYZ_TO_RGB = np.array([[3.2406, -1.5372, -0.4986], [-0.9689, 1.8758, 0.0415], [0.0557, -0.2040, 1.0570]])


def uncertaintyColors(count: int = 256) -> NDArray[np.float64]:
    """sRGB 0 to 1, (count, 3), from certain to uncertain."""
    position = np.linspace(0, len(_ANCHORS) - 1, count)
    lab = np.stack([np.interp(position, range(len(_ANCHORS)), _ANCHORS[:, i]) for i in range(3)], axis=1)
    middle = (lab[:, 0] + 16) / 116
    axes = np.stack([middle + lab[:, 1] / 500, middle, middle - lab[:, 2] / 200], axis=1)
    xyz = _WHITE * np.where(axes > 6 / 29, axes**3, 3 * (6 / 29) ** 2 * (axes - 4 / 29))
    linear = np.clip(xyz @ _XYZ_TO_RGB.T, 0, 1)
    return np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)


def uncertaintyColorNode():
    """The colour table node of the scene, made where it is not there yet."""
    existing = slicer.mrmlScene.GetFirstNodeByName(NAME)
    if existing is not None:
        return existing
    colors = uncertaintyColors()
    node = slicer.vtkMRMLColorTableNode()
    node.SetName(NAME)
    node.SetTypeToUser()
    node.SetNumberOfColors(len(colors))
    for i, (red, green, blue) in enumerate(colors):
        node.SetColor(i, str(i), float(red), float(green), float(blue), 1.0)
    node.SetSaveWithScene(False)
    return slicer.mrmlScene.AddNode(node)
