"""Who has deepbet gets its brain mask in whole heads, and is told; nobody needs it."""

from __future__ import annotations

import importlib.util
import sys
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk
from PatientSpecificTuningLib.engine.images import deepbet_mask
from PatientSpecificTuningLib.engine.images.deepbet_mask import deepbet_brain_mask
from PatientSpecificTuningLib.engine.images.organ_mask import estimate_brain
from PatientSpecificTuningLib.engine.images.preprocessing import preprocess_examination
from PatientSpecificTuningLib.engine.model.card import ModelCard

nibabel = pytest.importorskip("nibabel", reason="nibabel is not available here, so neither is deepbet.")

SHAPE = (64, 120, 110)
SPACING = (2.0, 2.0, 3.0)


def _sphere(radius: float) -> np.ndarray:
    offsets = [
        (axis - n // 2) * s for axis, n, s in zip(np.indices(SHAPE), SHAPE, SPACING[::-1], strict=True)
    ]
    return np.sqrt(sum(offset**2 for offset in offsets)) < radius


BRAIN = _sphere(68)


def _whole_head() -> sitk.Image:
    noise = np.random.default_rng(0).normal(0, 5, SHAPE)
    scalp = _sphere(87) & ~_sphere(80)
    fluid = _sphere(80) & ~BRAIN
    image = np.abs(400 * BRAIN + 90 * fluid + 600 * scalp + noise)
    volume = sitk.GetImageFromArray(image.astype(np.float32))
    volume.SetSpacing(SPACING)
    # A patient who lies tilted: rows, columns and slices point nowhere near the axes of NIfTI.
    turn = sitk.Euler3DTransform()
    turn.SetRotation(0.3, -0.2, 3.0)
    volume.SetDirection(turn.GetMatrix())
    volume.SetOrigin((12.0, -80.0, 33.0))
    return volume


@pytest.fixture
def finds(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A stand-in of deepbet, whose answer the test sets and whose question it reads."""
    exchange: dict[str, Any] = {"mask": BRAIN}

    class BrainExtraction:
        def __init__(self, no_gpu: bool) -> None:
            assert no_gpu

        def run(self, volume: Any) -> tuple[Any, Any, float]:
            exchange["volume"] = volume
            if isinstance(exchange["mask"], Exception):
                raise exchange["mask"]
            return volume, nibabel.Nifti1Image(exchange["mask"].T.astype(np.uint8), volume.affine), 0.0

    package = ModuleType("deepbet")
    package.__spec__ = importlib.util.spec_from_loader("deepbet", loader=None)
    package.BrainExtraction = BrainExtraction  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "deepbet", package)
    return exchange


def _array(mask: sitk.Image) -> np.ndarray:
    return sitk.GetArrayFromImage(mask) > 0


def test_its_mask_is_taken_in_a_whole_head(finds: dict[str, Any]) -> None:
    estimate = estimate_brain(_whole_head())
    assert estimate.package == "deepbet"
    assert np.array_equal(_array(estimate.mask), BRAIN)


def test_it_is_shown_the_head_where_it_lies(finds: dict[str, Any]) -> None:
    head = _whole_head()
    mask = deepbet_brain_mask(head)
    assert mask is not None
    assert mask.GetDirection() == head.GetDirection()
    assert mask.GetOrigin() == head.GetOrigin()
    voxel = (20, 70, 11)
    right, front, up = (finds["volume"].affine @ (*voxel, 1))[:3]
    assert head.TransformIndexToPhysicalPoint(voxel) == pytest.approx((-right, -front, up))
    assert finds["volume"].get_fdata()[voxel] == pytest.approx(head[voxel], rel=1e-5)


@pytest.mark.parametrize(
    "answer", [_sphere(15), np.ones(SHAPE, dtype=bool), AssertionError("Not enough foreground")]
)
def test_what_cannot_be_a_brain_is_not_believed(finds: dict[str, Any], answer: Any) -> None:
    finds["mask"] = answer
    estimate = estimate_brain(_whole_head())
    assert estimate.package is None
    assert 500_000 < _array(estimate.mask).sum() * np.prod(SPACING) < 2_300_000


def test_nobody_needs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deepbet_mask, "find_spec", lambda _: None)
    assert deepbet_brain_mask(_whole_head()) is None
    assert estimate_brain(_whole_head()).package is None


def test_who_found_the_brain_is_said(finds: dict[str, Any]) -> None:
    head = _whole_head()
    result = preprocess_examination(
        "baseline", [[head], [head * 0.5 + 3]], None, ModelCard(bias_correction=False), registration="none"
    )
    assert any("The brain mask of the baseline was estimated by deepbet" in note for note in result.notes)
