"""Stored features are those of the plain trunk, complete or absent, and know their voxels."""

from __future__ import annotations

import errno
import itertools

import numpy as np
import pytest
import torch
from builders import blob_examination
from builders import tiny_card
from PatientSpecificTuningLib.engine.errors import Cancelled
from PatientSpecificTuningLib.engine.errors import InputError
from PatientSpecificTuningLib.engine.network import feature_words
from PatientSpecificTuningLib.engine.network import features
from PatientSpecificTuningLib.engine.network import frozen_trunk
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


def everything(store):
    return torch.cat([rows for _voxels, rows in store.chunks()])


@torch.inference_mode()
def plain_rows(network, images, organ):
    maps = network.trunk(torch.from_numpy(np.ascontiguousarray(images.transpose(1, 0, 2, 3))))
    return maps.permute(0, 2, 3, 1)[torch.from_numpy(organ)]


def test_float32_features_equal_the_plain_trunk(network, tmp_path):
    images, organ, _ = blob_examination()
    store = compute_features(network, images, organ, tmp_path / "f.npy", precision="float32")
    assert len(store) == organ.sum()
    torch.testing.assert_close(everything(store), plain_rows(network, images, organ), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("precision", ["auto", "float32"])
def test_only_chosen_voxels_are_kept_and_have_the_features_that_they_would_have_among_all(
    network, tmp_path, precision
):
    images, organ, _ = blob_examination()
    every = compute_features(network, images, organ, tmp_path / "a.npy", precision="float32")
    chosen = organ & (np.random.default_rng(0).random(organ.shape) < 0.01)
    chosen[0] = False
    store = compute_features(
        network,
        images,
        organ,
        tmp_path / "b.npy",
        precision=precision,
        choose=lambda position, rows: chosen[position][organ[position]],
    )
    np.testing.assert_array_equal(store.kept, chosen)
    wanted = every.picked(np.flatnonzero(chosen[organ]))
    found = everything(open_features(tmp_path / "b.npy", chosen)).float()
    assert found.shape == wanted.shape
    assert ((wanted - found).abs() <= (0.02 if precision == "auto" else 0) * wanted.max()).all()


@pytest.mark.parametrize("precision", ["auto", "float32"])
def test_in_another_order_of_the_slices_every_voxel_has_the_same_features(network, tmp_path, precision):
    images, organ, _ = blob_examination()
    organ[1] = False
    order, worked = features.middle_first(len(organ)), []

    def choose(position, rows):
        worked.append(position)
        return np.arange(len(rows)) % 3 > 0

    usual = compute_features(network, images, organ, tmp_path / "a.npy", precision=precision, choose=choose)
    worked.clear()
    options = {"precision": precision, "choose": choose, "order": order}
    compute_features(network, images, organ, tmp_path / "b.npy", **options)
    assert worked == [z for z in order if z != 1]
    found = open_features(tmp_path / "b.npy", usual.kept, order)
    assert torch.equal(everything(found), everything(usual))
    some = np.arange(0, len(usual), 7)
    assert torch.equal(found.picked(some), usual.picked(some))


@pytest.mark.parametrize(("slices", "order"), [(1, [0]), (4, [2, 1, 3, 0]), (5, [2, 1, 3, 0, 4])])
def test_the_middle_slice_comes_first_and_the_outermost_last(slices, order):
    assert features.middle_first(slices).tolist() == order


def test_a_scan_on_which_no_lesion_is_possible_is_kept_as_nothing(network, tmp_path):
    images, organ, _ = blob_examination()
    nothing = np.zeros_like(organ)
    store = compute_features(
        network,
        images,
        organ,
        tmp_path / "a.npy",
        choose=lambda position, rows: nothing[position][organ[position]],
    )
    assert len(store) == 0
    assert list(store.chunks()) == []
    assert not store.volume(np.zeros(0, dtype=np.float32)).any()


@pytest.mark.parametrize("place", [(40, 30), (0, 30), (3, 66), (78, 0)], ids=str)
def test_cropping_to_the_organ_changes_nothing_when_the_outside_is_not_empty(network, tmp_path, place):
    images, organ, _ = blob_examination(shape=(2, 90, 80))
    small = np.zeros_like(organ)
    row, column = place
    small[:, row : row + 10, column : column + 12] = True
    images = images + np.random.default_rng(1).normal(size=images.shape).astype(np.float32)
    store = compute_features(network, images, small, tmp_path / "f.npy", precision="float32")
    torch.testing.assert_close(everything(store), plain_rows(network, images, small), atol=1e-5, rtol=1e-5)


def test_bfloat16_features_are_close_and_half_the_size(network, tmp_path):
    images, organ, _ = blob_examination()
    exact = compute_features(network, images, organ, tmp_path / "a.npy", precision="float32")
    half = compute_features(network, images, organ, tmp_path / "b.npy", precision="bfloat16")
    assert half.words.itemsize * 2 == exact.words.itemsize
    a, b = everything(exact), everything(half).float()
    assert ((a - b).abs().mean() / a.abs().mean()) < 0.02


def test_a_byte_for_each_feature_is_right_to_a_510th_of_the_largest_in_its_slice(
    network, tmp_path, monkeypatch
):
    for module in (frozen_trunk, feature_words):
        monkeypatch.setattr(module, "has_fast_bfloat16", lambda _device: False)
    images, organ, _ = blob_examination()
    organ[2] = False
    exact = compute_features(network, images, organ, tmp_path / "a.npy", precision="float32")
    bytes_ = compute_features(network, images, organ, tmp_path / "b.npy")
    assert bytes_.words.dtype == np.uint8
    assert len(bytes_) == len(exact) == organ.sum()
    for position in (0, 1, 3):
        first, last = exact.slice_range(position)
        wanted, found = (store.picked(np.arange(first, last)).float() for store in (exact, bytes_))
        assert ((wanted - found).abs() <= wanted.amax(dim=0) / 509 + 1e-6).all()


@pytest.mark.parametrize("fast", [False, True], ids=["float32", "bfloat16"])
def test_both_number_formats_keep_the_same_features(network, tmp_path, monkeypatch, fast):
    for module in (frozen_trunk, feature_words):
        monkeypatch.setattr(module, "has_fast_bfloat16", lambda _device: fast)
    images, organ, _ = blob_examination()
    exact = compute_features(network, images, organ, tmp_path / "a.npy", precision="float32")
    store = compute_features(network, images, organ, tmp_path / "b.npy")
    rows = everything(store)
    assert rows.dtype == (torch.bfloat16 if fast else torch.float32)
    wanted = everything(exact)
    assert ((wanted - rows.float()).abs().mean() / wanted.abs().mean()) < 0.02


@pytest.mark.parametrize("precision", ["auto", "bfloat16", "float32"])
def test_picked_voxels_are_those_of_the_chunks(network, tmp_path, precision):
    images, organ, _ = blob_examination()
    organ[1] = False
    store = compute_features(network, images, organ, tmp_path / "f.npy", precision=precision)
    voxels = np.flatnonzero(np.random.default_rng(0).random(len(store)) < 0.1)
    assert torch.equal(store.picked(voxels), everything(store)[torch.from_numpy(voxels)])
    assert store.picked(voxels[:0]).shape == (0, store.words.shape[1])


def test_chunks_cover_all_voxels_in_order_and_never_two_slices(network, tmp_path, monkeypatch):
    monkeypatch.setattr(features, "ROWS_AT_ONCE", 100)
    images, organ, _ = blob_examination()
    store = compute_features(network, images, organ, tmp_path / "f.npy")
    places = [place for place, _rows in store.chunks()]
    assert places[0].start == 0
    assert places[-1].stop == len(store)
    assert all(before.stop == after.start for before, after in itertools.pairwise(places))
    slices = np.flatnonzero(organ)[[place.start for place in places]] // organ[0].size
    assert (slices == np.flatnonzero(organ)[[place.stop - 1 for place in places]] // organ[0].size).all()


@pytest.mark.parametrize("word", [np.float32, np.uint16])
def test_features_of_an_earlier_version_are_read(tmp_path, word):
    organ = np.ones((2, 3, 3), dtype=bool)
    kept = np.random.default_rng(0).random((18, 4)).astype(np.float32)
    bits = torch.from_numpy(kept).bfloat16().view(torch.int16).numpy().view(np.uint16)
    np.save(tmp_path / "f.npy", kept if word is np.float32 else bits)
    rows = everything(open_features(tmp_path / "f.npy", organ)).float()
    np.testing.assert_allclose(rows.numpy(), kept, rtol=0.01)


def test_an_error_of_the_disk_in_the_background_is_told_and_leaves_no_file(network, tmp_path, monkeypatch):
    images, organ, _ = blob_examination()
    monkeypatch.setattr(features, "SYNCED_AT_ONCE", 0)

    def full(_descriptor):
        raise OSError(errno.ENOSPC, "no space")

    monkeypatch.setattr(features.os, "fsync", full)
    with pytest.raises(InputError, match="disk is full"):
        compute_features(network, images, organ, tmp_path / "f.npy")
    assert not list(tmp_path.iterdir())


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
