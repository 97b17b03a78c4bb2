"""A corrected slice teaches as much as it shows of lesions that the base CNN does not know."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from builders import blob_examination
from builders import tiny_card
from PatientSpecificTuningLib.engine.network.features import compute_features
from PatientSpecificTuningLib.engine.network.network import DualPathwayNetwork
from PatientSpecificTuningLib.engine.network.prediction import predict_probability
from PatientSpecificTuningLib.engine.tuning.evidence import PIXELS_OF_A_WHOLE_SLICE
from PatientSpecificTuningLib.engine.tuning.evidence import left_to_teach
from PatientSpecificTuningLib.engine.tuning.evidence import of_baseline
from PatientSpecificTuningLib.engine.tuning.evidence import taught_slices
from PatientSpecificTuningLib.engine.tuning.plan import TuningSettings
from PatientSpecificTuningLib.engine.tuning.tuning import tune


def lesions_of(*pixels: int) -> np.ndarray:
    """Slices of 10 x 10 pixels with so many lesion pixels each."""
    flat = np.arange(100)[None] < np.array(pixels)[:, None]
    return flat.reshape(-1, 10, 10)


def test_slices_with_lesions_count_each_and_small_specks_in_part():
    lesions = lesions_of(PIXELS_OF_A_WHOLE_SLICE, 90, PIXELS_OF_A_WHOLE_SLICE // 4, 0)
    assert taught_slices(lesions, [0, 1]) == 2
    assert taught_slices(lesions, [1, 2]) == pytest.approx(1.25)
    assert taught_slices(lesions, [3]) == 0


def test_the_less_the_slices_show_the_more_of_the_base_cnn_is_kept():
    images, organ, lesions = blob_examination()
    network = DualPathwayNetwork(tiny_card()).eval()
    speck = np.zeros_like(lesions)
    speck[0].flat[np.flatnonzero(organ[0])[:2]] = True
    settings = TuningSettings(iterations=1, base_slices=2)
    width = network.card.head_kernels
    for labels, taught in ((lesions, taught_slices(lesions & organ, [0])), (speck, 0.1)):
        output = tune(network, images, organ, labels, [0], settings).state["output.weight"][:, :width]
        share = 2 / (2 + taught)
        np.testing.assert_allclose(output, share * network.head.output.weight.detach(), rtol=1e-5)


def test_slices_that_the_base_cnn_has_right_teach_half_and_what_it_has_wrong_in_full():
    found = lesions_of(50, 50)
    part_of_it, others = lesions_of(30, 30), ~found
    assert left_to_teach(found, found, [0, 1]) == 0.5
    assert left_to_teach(found, others, [0, 1]) == 1
    assert left_to_teach(found, part_of_it, [0, 1]) == pytest.approx(np.interp(0.75, (0.7, 0.85), (1, 0.5)))
    assert left_to_teach(found, others & found, [0, 1]) == 1


def test_slices_of_an_earlier_baseline_do_not_say_what_the_base_cnn_knows():
    found = lesions_of(50, 50)
    stack = np.pad(np.concatenate([found, ~found]), [(0, 0), (0, 3), (0, 2)])
    assert left_to_teach(found, *of_baseline(stack, [0, 1, 3], found.shape)) == 0.5
    assert left_to_teach(found, *of_baseline(stack, [3], found.shape)) == 1


def test_the_base_head_keeps_more_where_it_is_right_already(tmp_path):
    images, organ, lesions = blob_examination()
    network = DualPathwayNetwork(tiny_card()).eval()
    store = compute_features(network, images, organ, tmp_path / "features.npy")
    probability = predict_probability(network.head, store)
    middle = torch.tensor(np.median(probability[organ]))
    with torch.no_grad():
        network.head.output.bias[1] -= torch.logit(middle)
    found = organ & (probability >= float(middle))
    settings = TuningSettings(iterations=1, base_slices=2)
    shares = []
    for labels in (found, lesions & organ):
        taught = taught_slices(labels, [0]) * left_to_teach(found, labels, [0])
        tuned = tune(network, images, organ, labels, [0], settings, stored=store)
        shares.append(2 / (2 + taught))
        output = shares[-1] * network.head.output.weight.detach()
        np.testing.assert_allclose(
            tuned.state["output.weight"][:, : network.card.head_kernels], output, rtol=1e-5
        )
    assert shares[0] > shares[1]
