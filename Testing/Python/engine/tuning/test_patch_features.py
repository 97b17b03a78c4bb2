"""Features of planned patches: the same whether pooled or fresh, kept for the next time, forgotten when not needed."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from builders import blob_examination
from builders import tiny_card
from PatientSpecificTuningLib.engine.errors import InputError
from PatientSpecificTuningLib.engine.network.frozen_trunk import FrozenTrunk
from PatientSpecificTuningLib.engine.network.network import DualPathwayNetwork
from PatientSpecificTuningLib.engine.tuning.patch_features import FreshPatches
from PatientSpecificTuningLib.engine.tuning.patch_features import counted_pixels
from PatientSpecificTuningLib.engine.tuning.patch_features import forget_patches
from PatientSpecificTuningLib.engine.tuning.patch_features import pool_patches
from PatientSpecificTuningLib.engine.tuning.plan import TuningSettings
from PatientSpecificTuningLib.engine.tuning.plan import plan_patches
from PatientSpecificTuningLib.engine.tuning.plan import slice_patches

SETTINGS = TuningSettings(patch_size=32, patch_pool=10)


@pytest.fixture
def examination():
    torch.manual_seed(0)
    images, organ, _ = blob_examination()
    return DualPathwayNetwork(tiny_card()).eval(), images, organ


def pooled(examination, folder, slices, count, **options):
    return pool_patches(*examination, slices, count, SETTINGS, folder, **options)


def test_pooled_features_are_those_of_the_patch_when_it_is_met(examination, tmp_path):
    network, images, organ = examination
    pool = pooled(examination, tmp_path, [0, 2], 5, precision="float32")
    counted = counted_pixels(organ, SETTINGS)
    fresh = FreshPatches(FrozenTrunk(network, precision="float32"), images, counted)
    for patch in slice_patches(organ, 2, 5, SETTINGS):
        pixels = np.arange(0, np.count_nonzero(counted(patch)), 3)
        torch.testing.assert_close(pool.rows(patch, pixels), fresh.rows(patch, pixels))


def test_what_is_kept_is_not_computed_again_and_serves_fewer_patches_too(examination, tmp_path):
    first = pooled(examination, tmp_path, [0], 10)
    network, images, organ = examination
    stages = []
    second = pool_patches(
        network, images * 0, organ, [0], 5, SETTINGS, tmp_path, progress=lambda *values: stages.append(values)
    )
    patch = slice_patches(organ, 0, 5, SETTINGS)[4]
    pixels = np.arange(7)
    assert stages == []
    assert torch.equal(first.rows(patch, pixels), second.rows(patch, pixels))


def test_more_patches_than_are_kept_are_computed(examination, tmp_path):
    _network, _images, organ = examination
    pooled(examination, tmp_path, [0], 5)
    more = pooled(examination, tmp_path, [0], 10)
    last = slice_patches(organ, 0, 10, SETTINGS)[9]
    assert more.rows(last, np.arange(3)).shape[0] == 3


def test_patches_of_a_slice_do_not_depend_on_how_many_or_which_others_are_planned(examination):
    _network, _images, organ = examination
    assert slice_patches(organ, 2, 5, SETTINGS) == slice_patches(organ, 2, 30, SETTINGS)[:5]
    together = {patch for patch in plan_patches(organ, [0, 2], SETTINGS) if patch.position == 2}
    assert together <= set(slice_patches(organ, 2, 30, SETTINGS))


def test_patches_of_other_slices_are_forgotten(examination, tmp_path):
    pooled(examination, tmp_path, [0, 1, 2], 5)
    forget_patches(tmp_path, besides=[1])
    assert [path.name[:9] for path in tmp_path.iterdir()] == ["slice0001"]


def test_a_slice_without_organ_is_refused(examination, tmp_path):
    with pytest.raises(InputError, match="shows no organ"):
        pooled(examination, tmp_path, [99], 5)


@pytest.mark.parametrize(("slices", "count"), [(1, 20), (2, 20), (3, 15), (8, 5), (40, 5)])
def test_the_pool_is_shared_by_the_slices(slices, count):
    assert TuningSettings().patches_per_slice(slices) == count


def test_without_a_pool_every_patch_is_used_once(examination):
    _network, _images, organ = examination
    plan = plan_patches(organ, [0, 2], TuningSettings(iterations=7, patch_size=32, patch_pool=None))
    assert len(set(plan)) == len(plan) == 28
