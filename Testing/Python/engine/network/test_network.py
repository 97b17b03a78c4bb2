"""The network has the paper's layers, receptive field and trainable part."""

from __future__ import annotations

import pytest
import torch
from builders import tiny_card
from PatientSpecificTuningLib.engine.model.card import ModelCard
from PatientSpecificTuningLib.engine.model.card import Pathway
from PatientSpecificTuningLib.engine.network.network import DualPathwayNetwork

LIVER = (Pathway("DCE", 16), Pathway("DWI", 3))


def full_size_network() -> DualPathwayNetwork:
    return DualPathwayNetwork(ModelCard()).eval()


def test_brain_network_has_the_parameters_of_two_pathways_and_a_head():
    network = full_size_network()
    assert sum(p.numel() for p in network.parameters()) == 971_650
    assert sum(p.numel() for p in network.head.parameters()) == 82_434


def test_each_pathway_has_thirteen_convolutions_of_which_eleven_are_dilated():
    convolutions = [
        m for m in full_size_network().trunk.pathways[0].modules() if isinstance(m, torch.nn.Conv2d)
    ]
    assert len(convolutions) == 13
    assert all(c.kernel_size == (3, 3) and c.out_channels == 64 for c in convolutions)
    assert sum(c.dilation == (1, 1) for c in convolutions) == 2


def test_gradient_support_of_one_output_pixel_is_123_by_123():
    network = full_size_network()
    # Positive weights and inputs keep every path alive through the ReLUs.
    with torch.no_grad():
        for parameter in network.trunk.parameters():
            parameter.abs_().add_(1e-3)
    image = torch.ones(1, 2, 151, 151, requires_grad=True)
    network.trunk(image)[0, :, 75, 75].sum().backward()
    for channel in image.grad[0]:
        rows, columns = torch.nonzero(channel, as_tuple=True)
        assert (rows.min(), rows.max(), columns.min(), columns.max()) == (14, 136, 14, 136)


def test_receptive_field_of_the_card_agrees_with_the_paper():
    assert ModelCard().receptive_field == 123


def test_trunk_gives_640_maps_of_the_size_of_the_image():
    maps = full_size_network().trunk(torch.randn(1, 2, 20, 24))
    assert maps.shape == (1, 640, 20, 24)


@pytest.mark.parametrize("pathways", [(Pathway("FLAIR"), Pathway("T1")), LIVER, (Pathway("FLAIR"),)])
def test_any_number_of_channels_and_pathways_gives_two_classes(pathways):
    card = tiny_card(pathways=pathways)
    logits = DualPathwayNetwork(card).eval()(torch.randn(2, card.channels, 16, 18))
    assert logits.shape == (2, 2, 16, 18)


def test_pathways_see_only_their_own_channels():
    card = tiny_card(pathways=LIVER)
    trunk = DualPathwayNetwork(card).eval().trunk
    images = torch.randn(1, 19, 16, 16)
    changed = images.clone()
    changed[:, 16:] += 1
    maps_per_pathway = card.feature_maps // 2
    before, after = trunk(images), trunk(changed)
    assert torch.equal(before[:, :maps_per_pathway], after[:, :maps_per_pathway])
    assert not torch.equal(before[:, maps_per_pathway:], after[:, maps_per_pathway:])


def test_head_on_rows_of_pixels_equals_the_network_on_the_image():
    network = DualPathwayNetwork(tiny_card()).eval()
    images = torch.randn(1, 2, 12, 14)
    rows = network.trunk(images)[0].flatten(1).T
    torch.testing.assert_close(network.head(rows).T.reshape(2, 12, 14), network(images)[0])


def test_dropout_sits_before_and_after_the_second_last_layer_at_the_card_s_rate():
    head = full_size_network().head
    assert head.dropout_before.p == head.dropout_after.p == 0.2
    assert sum(isinstance(m, torch.nn.Dropout) for m in full_size_network().modules()) == 2
