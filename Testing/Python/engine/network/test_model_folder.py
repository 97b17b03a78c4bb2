"""Models on disk come back as they were saved, and damage is told in one sentence."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from builders import detection_card
from builders import tiny_card
from patients import write_tiny_model
from PatientSpecificTuningLib.engine.case.case import Case
from PatientSpecificTuningLib.engine.errors import InputError
from PatientSpecificTuningLib.engine.model.card import ModelCard
from PatientSpecificTuningLib.engine.model.card import Pathway
from PatientSpecificTuningLib.engine.model.card import PostProcessing
from PatientSpecificTuningLib.engine.model.card import read_model_card
from PatientSpecificTuningLib.engine.network import model_choice
from PatientSpecificTuningLib.engine.network.model_choice import choose_model
from PatientSpecificTuningLib.engine.network.model_choice import model_identity
from PatientSpecificTuningLib.engine.network.model_choice import model_of_case
from PatientSpecificTuningLib.engine.network.model_folder import load_model
from PatientSpecificTuningLib.engine.network.model_folder import save_model
from PatientSpecificTuningLib.engine.network.model_folder import shipped_models
from PatientSpecificTuningLib.engine.network.network import DualPathwayNetwork


@pytest.fixture
def saved(tmp_path):
    card = tiny_card(post_processing=PostProcessing(opening=True), limits=("research only",))
    network = DualPathwayNetwork(card).eval()
    save_model(tmp_path, card, network)
    return tmp_path, card, network


def test_saved_model_comes_back_with_the_same_card_and_output(saved):
    folder, card, network = saved
    loaded_card, loaded = load_model(folder)
    assert loaded_card == card
    images = torch.randn(1, 2, 12, 12)
    assert torch.equal(loaded(images), network(images))


def test_folder_without_a_card_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"has no model\.json"):
        load_model(tmp_path)


def test_truncated_weights_are_refused(saved):
    folder = saved[0]
    weights = folder / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:-50])
    with pytest.raises(InputError, match="damaged"):
        load_model(folder)


def test_weights_of_another_network_are_refused(saved):
    folder, card, _ = saved
    values = card.to_dict() | {"kernels": 5}
    (folder / "model.json").write_text(json.dumps(values), encoding="utf-8")
    with pytest.raises(InputError, match="do not fit"):
        load_model(folder)


def test_weights_with_nan_are_refused(saved):
    folder, card, network = saved
    with torch.no_grad():
        network.head.output.bias[0] = float("nan")
    save_model(folder, card, network)
    with pytest.raises(InputError, match="do not fit"):
        load_model(folder)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"format_version": 99}, "update the extension"),
        ({"task": "classification"}, "task"),
        ({"pathways": []}, "channel"),
        ({"dilation_rates": [1, 2]}, "dilation rates"),
        ({"dropout": 1.5}, "dropout"),
        ({"registration": "affine"}, "registration"),
        ({"proposed_slices": 0}, "proposed slices, 0 is no whole number"),
        ({"tuning_learning_rate": 0}, "tuning learning rate, 0 is"),
        ({"tuning_base_slices": -1}, "tuning base slices, -1 is"),
        (
            {"normalization": {"clip_percentiles": [0, 100], "shared_scale": True, "method": "x"}},
            "normalization, 'x' is none of",
        ),
        (
            {"pathways": [{"sequence": "DWI", "channels": 3, "channel_labels": ["b10"]}]},
            "3 channels but 1 labels",
        ),
        (
            {"pathways": [{"sequence": "DCE", "channels": 4, "key_channel": 5}]},
            "key channel of DCE is 5 of 4",
        ),
        ({"pathways": [{"sequence": "DCE", "motion_correction": "pairwise"}]}, "motion correction of DCE"),
        ({"kernels": 0}, "kernels, 0 is no whole number from 1"),
        ({"colour": "blue"}, "cannot be understood"),
    ],
)
def test_card_that_cannot_be_used_is_refused_with_its_reason(change, reason):
    with pytest.raises(InputError, match=reason):
        ModelCard.from_dict(ModelCard().to_dict() | change)


def test_card_that_is_not_json_is_refused(tmp_path):
    (tmp_path / "model.json").write_text("{", encoding="utf-8")
    with pytest.raises(InputError, match="JSON"):
        load_model(tmp_path)


@pytest.mark.parametrize("name", sorted(shipped_models()))
def test_shipped_model_loads_and_is_under_five_megabytes(name):
    folder = shipped_models()[name]
    card, network = load_model(folder)
    assert network(torch.zeros(1, card.channels, 16, 16)).shape == (1, 2, 16, 16)
    assert sum(file.stat().st_size for file in folder.iterdir()) < 5_000_000
    assert card.training
    assert card.results
    assert card.licence
    assert card.attribution
    assert card.limits


def test_the_brain_model_is_shipped_and_the_default_among_several():
    assert "BrainWhiteMatterLesions" in shipped_models()
    assert choose_model().name == "BrainWhiteMatterLesions"


def test_what_a_card_says_of_its_channels_comes_back(tmp_path):
    card = detection_card(registration="bspline")
    save_model(tmp_path, card, DualPathwayNetwork(card).eval())
    assert load_model(tmp_path)[0] == card


def test_a_card_of_an_earlier_version_is_read_with_the_ways_of_that_version():
    values = tiny_card().to_dict()
    for name in ("registration", "proposed_slices"):
        del values[name]
    values["pathways"] = [{"sequence": "FLAIR", "channels": 1}, {"sequence": "T1", "channels": 1}]
    card = ModelCard.from_dict(values)
    assert card == tiny_card()
    assert (card.registration, card.proposed_slices) == ("rigid", 2)
    assert {pathway.motion_correction for pathway in card.pathways} == {"none"}


@pytest.mark.parametrize(
    ("channels", "key", "index"), [(1, None, 0), (3, None, 1), (16, None, 8), (16, 10, 9)]
)
def test_the_key_channel_is_the_middle_one_unless_the_card_names_it(channels, key, index):
    assert Pathway("DCE", channels, key_channel=key).key_index == index


def test_the_liver_model_detects_metastases_and_says_that_it_saw_phantoms_only():
    card = read_model_card(shipped_models()["LiverMetastases"])
    assert (card.task, card.organ, card.post_processing.opening) == ("detection", "liver", True)
    assert [(p.sequence, p.channels) for p in card.pathways] == [("DCE", 16), ("DWI", 3)]
    assert "phantom" in card.training["data"]
    assert "phantom" in card.results["summary"]
    assert any("phantom" in limit for limit in card.limits)


def test_a_recorded_folder_that_may_not_be_read_does_not_hide_an_equal_model_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorded = write_tiny_model(tmp_path / "recorded")
    elsewhere = shutil.copytree(recorded, tmp_path / "models" / "tiny")
    case = Case.create(tmp_path / "case", model=model_identity(recorded))
    is_file = Path.is_file

    def forbidden(path: Path) -> bool:
        if path.parent == recorded.resolve():
            raise PermissionError(13, "Permission denied", str(path))
        return is_file(path)

    monkeypatch.setattr(model_choice, "MODELS", elsewhere.parent)
    monkeypatch.setattr(Path, "is_file", forbidden)
    assert model_of_case(case) == elsewhere
    shutil.rmtree(elsewhere)
    with pytest.raises(InputError, match="bring it back"):
        model_of_case(case)
