"""Stored features are those of the plain trunk, complete or absent, and know their voxels."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from builders import blob_examination
from builders import tiny_card
from PatientSpecificTuningLib.engine.errors import Cancelled
from PatientSpecificTuningLib.engine.errors import InputError
from PatientSpecificTuningLib.engine.network.features import compute_features
from PatientSpecificTuningLib.engine.network.features import open_features
from PatientSpecificTuningLib.engine.network.network import DualPathwayNetwork


@pytest.fixture
def network():
    torch.manual_seed(0)
    network = DualPathwayNetwork(tiny_card())
    # Statistics as after training, so that folding has something to fold.
    for module in network.trunk.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.3)
            module.running_var.uniform_(0.5, 2)
            torch.nn.init.uniform_(module.weight, 0.5, 1.5)
            torch.nn.init.normal_(module.bias, 0, 0.3)
    return network.eval()


@torch.inference_mode()
def plain_rows(network, images, organ):
    maps = network.trunk(torch.from_numpy(np.ascontiguousarray(images.transpose(1, 0, 2, 3))))
    return maps.permute(0, 2, 3, 1)[torch.from_numpy(organ)]


def test_float32_features_equal_the_plain_trunk(network, tmp_path):
    images, organ, _ = blob_examination()
    store = compute_features(network, images, organ, tmp_path / "f.npy", precision="float32")
    assert len(store) == organ.sum()
    torch.testing.assert_close(
        store.rows(0, len(store)), plain_rows(network, images, organ), atol=1e-5, rtol=1e-5
    )


@pytest.mark.parametrize("place", [(40, 30), (0, 30), (3, 66), (78, 0)], ids=str)
def test_cropping_to_the_organ_changes_nothing_when_the_outside_is_not_empty(network, tmp_path, place):
    images, organ, _ = blob_examination(shape=(2, 90, 80))
    small = np.zeros_like(organ)
    row, column = place
    small[:, row : row + 10, column : column + 12] = True
    images = images + np.random.default_rng(1).normal(size=images.shape).astype(np.float32)
    store = compute_features(network, images, small, tmp_path / "f.npy", precision="float32")
    torch.testing.assert_close(
        store.rows(0, len(store)), plain_rows(network, images, small), atol=1e-5, rtol=1e-5
    )


def test_bfloat16_features_are_close_and_half_the_size(network, tmp_path):
    images, organ, _ = blob_examination()
    exact = compute_features(network, images, organ, tmp_path / "a.npy", precision="float32")
    half = compute_features(network, images, organ, tmp_path / "b.npy", precision="bfloat16")
    assert half.words.itemsize * 2 == exact.words.itemsize
    a, b = exact.rows(0, len(exact)), half.rows(0, len(half)).float()
    assert ((a - b).abs().mean() / a.abs().mean()) < 0.02


def test_slice_ranges_partition_the_voxels(network, tmp_path):
    images, organ, _ = blob_examination()
    organ[1] = False
    store = compute_features(network, images, organ, tmp_path / "f.npy")
    ranges = [store.slice_range(z) for z in range(organ.shape[0])]
    assert ranges[0][0] == 0
    assert ranges[-1][1] == len(store)
    assert ranges[1][0] == ranges[1][1]
    assert all(before[1] == after[0] for before, after in itertools.pairwise(ranges))


def test_values_return_to_their_voxels(network, tmp_path):
    images, organ, _ = blob_examination()
    store = compute_features(network, images, organ, tmp_path / "f.npy")
    values = np.arange(1, len(store) + 1, dtype=np.float32)
    volume = store.volume(values)
    assert np.array_equal(volume[organ], values)
    assert (volume[~organ] == 0).all()


def test_cancelling_leaves_no_file(network, tmp_path):
    images, organ, _ = blob_examination()
    calls = iter([False, True])
    with pytest.raises(Cancelled):
        compute_features(network, images, organ, tmp_path / "f.npy", cancelled=lambda: next(calls))
    assert list(tmp_path.iterdir()) == []


def test_features_of_another_organ_mask_are_refused(network, tmp_path):
    images, organ, _ = blob_examination()
    compute_features(network, images, organ, tmp_path / "f.npy")
    other = organ.copy()
    other[0] = False
    with pytest.raises(InputError, match="do not belong"):
        open_features(tmp_path / "f.npy", other)


def test_damaged_and_missing_features_are_refused(tmp_path):
    (tmp_path / "f.npy").write_bytes(b"no array")
    for name in ("f.npy", "missing.npy"):
        with pytest.raises(InputError, match="prepare the scan again"):
            open_features(tmp_path / name, np.ones((1, 2, 2), dtype=bool))


def test_empty_organ_mask_and_unknown_precision_are_refused(network, tmp_path):
    images, organ, _ = blob_examination()
    with pytest.raises(InputError, match="empty"):
        compute_features(network, images, organ & False, tmp_path / "f.npy")
    with pytest.raises(InputError, match="precision"):
        compute_features(network, images, organ, tmp_path / "f.npy", precision="int8")
