"""A corrected slice teaches as much as it shows of lesions."""

from __future__ import annotations

import numpy as np
import pytest
from builders import blob_examination
from builders import tiny_card
from PatientSpecificTuningLib.engine.network.network import DualPathwayNetwork
from PatientSpecificTuningLib.engine.tuning.evidence import PIXELS_OF_A_WHOLE_SLICE
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
