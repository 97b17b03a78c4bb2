"""Tuning on several examinations learns from the slices of each as they are."""

from __future__ import annotations

import numpy as np
import torch
from builders import blob_examination
from builders import tiny_card
from PatientSpecificTuningLib.engine.network.network import DualPathwayNetwork
from PatientSpecificTuningLib.engine.tuning.examinations import TuningExamination
from PatientSpecificTuningLib.engine.tuning.examinations import stacked
from PatientSpecificTuningLib.engine.tuning.plan import TuningSettings
from PatientSpecificTuningLib.engine.tuning.tuning import tune
from scipy import ndimage


def examination(seed: int, shape: tuple[int, int, int], slices: tuple[int, ...]) -> TuningExamination:
    images, organ, lesions = blob_examination(seed=seed, shape=shape)
    return TuningExamination(images, organ, lesions, slices, lesions)


FIRST, SECOND = examination(1, (4, 48, 44), (0, 2)), examination(2, (3, 40, 52), (1,))


def test_every_slice_of_every_examination_is_found_again_in_the_stack() -> None:
    both = stacked([FIRST, SECOND])
    assert both.slices == (0, 2, 6)
    assert both.images.dtype == np.float32
    assert both.images.shape == (2, 9, 48, 52)
    for part, start in ((FIRST, 0), (SECOND, 5)):
        z, y, x = part.organ_mask.shape
        there = (slice(start, start + z), slice(y), slice(x))
        assert np.array_equal(both.images[:, *there], part.images)
        for name in ("organ_mask", "labels", "base_prediction"):
            assert np.array_equal(getattr(both, name)[there], getattr(part, name))
    for name in ("organ_mask", "labels"):
        expected = sum(np.count_nonzero(getattr(part, name)) for part in (FIRST, SECOND))
        assert np.count_nonzero(getattr(both, name)) == expected


def test_one_examination_stays_as_it_is() -> None:
    assert stacked([FIRST]) is FIRST


def test_nothing_is_connected_from_one_examination_to_the_next() -> None:
    full = np.ones((2, 5, 5), dtype=bool)
    block = TuningExamination(np.ones((1, 2, 5, 5), np.float32), full, full, (0,), full)
    assert ndimage.label(stacked([block, block]).labels, np.ones((3, 3, 3)))[1] == 2


def test_the_other_examination_is_learned_from() -> None:
    torch.manual_seed(0)
    network = DualPathwayNetwork(tiny_card()).eval()
    settings = TuningSettings(iterations=4, patch_size=32, learning_rate=1e-2)

    def learned(*parts: TuningExamination) -> dict[str, torch.Tensor]:
        scan = stacked(parts)
        return tune(network, scan.images, scan.organ_mask, scan.labels, scan.slices, settings).state

    alone, together = learned(FIRST), learned(FIRST, SECOND)
    assert not all(torch.equal(value, together[name]) for name, value in alone.items())
