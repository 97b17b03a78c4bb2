"""Features of planned patches: the same whether pooled or fresh, kept for the next time, forgotten when not needed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from builders import blob_examination
from builders import tiny_card
from PatientSpecificTuningLib.engine.errors import InputError
from PatientSpecificTuningLib.engine.network.frozen_trunk import FrozenTrunk
from PatientSpecificTuningLib.engine.network.network import DualPathwayNetwork
from PatientSpecificTuningLib.engine.tuning import patch_features
from PatientSpecificTuningLib.engine.tuning.patch_features import FreshPatches
from PatientSpecificTuningLib.engine.tuning.patch_features import counted_pixels
from PatientSpecificTuningLib.engine.tuning.patch_features import forget_patches
from PatientSpecificTuningLib.engine.tuning.patch_features import pool_patches
from PatientSpecificTuningLib.engine.tuning.patch_features import shorten_patches
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
    assert set(slice_patches(organ, 2, 2, SETTINGS)) < set(slice_patches(organ, 2, 5, SETTINGS))
    together = {patch for patch in plan_patches(organ, [0, 2], SETTINGS) if patch.position == 2}
    assert together <= set(slice_patches(organ, 2, 30, SETTINGS))


def test_patches_of_other_slices_are_forgotten(examination, tmp_path):
    pooled(examination, tmp_path, [0, 1, 2], 5)
    forget_patches(tmp_path, besides=[1], settings=SETTINGS)
    assert [path.name[:9] for path in tmp_path.iterdir()] == ["slice0001"]


def test_patches_that_were_made_with_other_settings_or_by_an_earlier_version_are_forgotten(
    examination, tmp_path
):
    pooled(examination, tmp_path, [1], 5)
    (tmp_path / "slice0001-45degrees-32pixels-organ-seed0.npy").write_bytes(b"from before")
    forget_patches(tmp_path, besides=[1], settings=SETTINGS)
    assert len(list(tmp_path.iterdir())) == 1
    forget_patches(tmp_path, besides=[1], settings=replace(SETTINGS, seed=1))
    assert not list(tmp_path.iterdir())


def test_patches_are_shortened_only_where_all_of_them_take_too_much_space(examination, tmp_path, monkeypatch):
    network, images, organ = examination
    long = pooled(examination, tmp_path, [0, 1], 20)
    before = sum(path.stat().st_size for path in tmp_path.iterdir())
    shorten_patches(tmp_path, organ, [0, 1], 2, SETTINGS)
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) == before
    patches = slice_patches(organ, 1, 2, SETTINGS)
    kept = [long.rows(patch, np.arange(5)) for patch in patches]
    monkeypatch.setattr(patch_features, "LARGEST_BYTES", before // 2)
    shorten_patches(tmp_path, organ, [0, 1], 2, SETTINGS)
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) < before / 8
    stages = []
    short = pool_patches(
        network, images, organ, [0, 1], 2, SETTINGS, tmp_path, progress=lambda *values: stages.append(values)
    )
    assert stages == []
    for patch, rows in zip(patches, kept, strict=True):
        assert torch.equal(short.rows(patch, np.arange(5)), rows)


def test_a_patch_keeps_some_of_its_pixels_drawn_alike_from_all(examination):
    _network, _images, organ = examination
    few = replace(SETTINGS, pixels_per_patch=50)
    every = [
        counted_pixels(organ, replace(SETTINGS, pixels_per_patch=None))(p)
        for p in slice_patches(organ, 0, 20, few)
    ]
    kept = [counted_pixels(organ, few)(p) for p in slice_patches(organ, 0, 20, few)]
    assert all(np.count_nonzero(pixels) == 50 for pixels in kept)
    assert not any((pixels & ~all_pixels).any() for pixels, all_pixels in zip(kept, every, strict=True))
    upper = [np.count_nonzero(pixels[:16]) / 50 for pixels in kept]
    expected = [np.count_nonzero(pixels[:16]) / np.count_nonzero(pixels) for pixels in every]
    assert np.mean(upper) == pytest.approx(np.mean(expected), abs=0.05)


def test_of_few_slices_all_pixels_are_kept():
    assert TuningSettings().for_slices(8).pixels_per_patch is None
    assert TuningSettings().for_slices(9).pixels_per_patch == 4096


def test_patches_that_are_met_once_keep_all_pixels(examination):
    _network, _images, organ = examination
    fresh = replace(SETTINGS, patch_pool=None, pixels_per_patch=50)
    patch = slice_patches(organ, 0, 5, fresh)[0]
    assert np.count_nonzero(counted_pixels(organ, fresh)(patch)) > 50


def test_a_slice_without_organ_is_refused(examination, tmp_path):
    with pytest.raises(InputError, match="shows no organ"):
        pooled(examination, tmp_path, [99], 5)


@pytest.mark.parametrize(
    ("slices", "count"), [(1, 20), (2, 20), (3, 15), (8, 5), (32, 5), (40, 4), (135, 1), (500, 1)]
)
def test_the_pool_is_shared_by_the_slices(slices, count):
    assert TuningSettings().patches_per_slice(slices) == count


def test_neighbouring_slices_with_one_patch_each_show_different_windows():
    _images, organ, _ = blob_examination(shape=(5, 48, 44))
    first = [slice_patches(organ, position, 1, SETTINGS)[0] for position in range(5)]
    assert [patch.number for patch in first] == [0] * 5
    assert len({patch.window for patch in first}) == 5


def test_without_a_pool_every_patch_is_used_once(examination):
    _network, _images, organ = examination
    plan = plan_patches(organ, [0, 2], TuningSettings(iterations=7, patch_size=32, patch_pool=None))
    assert len(set(plan)) == len(plan) == 28
