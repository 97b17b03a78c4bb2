"""From a manifest of single examinations to a model folder, by one process and by two that train together."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from cohorts import HEADER
from cohorts import row
from cohorts import write_cohort
from patients import write_tiny_model
from PatientSpecificTuningLib.command_line.main import main
from PatientSpecificTuningLib.engine.cohort.model_training import annotated_files
from PatientSpecificTuningLib.engine.cohort.model_training import read_examinations
from PatientSpecificTuningLib.engine.cohort.model_training import train_model
from PatientSpecificTuningLib.engine.errors import InputError
from PatientSpecificTuningLib.engine.model.card import read_model_card
from PatientSpecificTuningLib.engine.network.model_folder import load_model
from PatientSpecificTuningLib.engine.training.base_training import BaseTraining
from PatientSpecificTuningLib.engine.training.group import TrainingGroup
from PatientSpecificTuningLib.engine.training.group import training_group
from PatientSpecificTuningLib.engine.training.settings import TrainingSettings
from torch import nn

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A card to train for, a manifest to learn from and one to judge by."""
    folder = tmp_path_factory.mktemp("training")
    write_tiny_model(folder / "card")
    write_cohort(folder, patients=3)
    header = HEADER.replace("examination,", "")
    for name, patients in (("learn.csv", ("p1", "p2")), ("judge.csv", ("p3",))):
        rows = [row(patient, "baseline").replace(",baseline,", ",") for patient in patients]
        (folder / name).write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return folder


def test_a_manifest_becomes_a_model_folder_with_its_figures(folder, tmp_path):
    output = tmp_path / "mine"
    answer = train_model(
        output,
        [folder / "learn.csv"],
        validation=[folder / "judge.csv"],
        card_folder=folder / "card",
        settings={"iterations": 2},
    )
    card, _network = load_model(output)
    assert card.name == "mine"
    assert card.training["examinations"] == ["p1 baseline", "p2 baseline"]
    assert card.training["processes"] == 1
    assert list(card.results) == ["p3 baseline"]
    assert set(answer["summary"]) == {"dice", "avd", "hd95", "recall", "f1"}


def test_all_problems_of_a_manifest_come_before_any_training(folder, tmp_path, capsys):
    manifest = folder / "bad.csv"
    lines = [HEADER, row("p1", "baseline", T1="nowhere.nii.gz", lesions="")]
    manifest.write_text("\n".join(lines), encoding="utf-8")
    arguments = ["train", tmp_path / "mine", "--examinations", manifest, "--card", folder / "card", "--quiet"]
    assert main([str(argument) for argument in arguments]) == 2
    complaint = capsys.readouterr().err
    assert "row 2, column T1" in complaint
    assert "row 2, column lesions" in complaint
    assert not (tmp_path / "mine").exists()


def test_two_processes_take_the_mean_of_their_gradients(folder, tmp_path):
    output = tmp_path / "together"
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    options = ["--card", folder / "card", "--iterations", 1, "--learning-rate", 1e-3, "--quiet", "--json"]
    verb = [
        "-m",
        "PatientSpecificTuningLib",
        "train",
        output,
        "--examinations",
        folder / "learn.csv",
        *options,
    ]
    done = subprocess.run(
        [*launcher, *map(str, verb)], capture_output=True, text=True, check=False, timeout=240
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["iterations"] == 1
    card, trained = load_model(output)
    assert card.training["processes"] == 2
    for name, expected in _one_step_by_hand(folder).items():
        # The first step of Adam is as large for a gradient of nearly 0, where rounding decides about its sign.
        certain = expected.grad.abs() > 0.02 * expected.grad.abs().max()
        assert certain.any()
        torch.testing.assert_close(trained.get_parameter(name)[certain], expected[certain])


def _one_step_by_hand(folder: Path) -> dict[str, nn.Parameter]:
    """Weights and gradients after one step of Adam on the mean of the gradients of two processes, computed one by one."""

    class Alone(TrainingGroup):
        def shared(self, network: nn.Module) -> nn.Module:
            return network

    card = read_model_card(folder / "card")
    files = annotated_files([folder / "learn.csv"], card)
    examinations = [examination for examination, _ in read_examinations(files, card)]
    settings = TrainingSettings(iterations=1, learning_rate=1e-3)
    runs = [BaseTraining(card, examinations, settings, group=Alone(rank, 2)) for rank in (0, 1)]
    network = copy.deepcopy(runs[0].network)
    for run in runs:
        run.step()
    gradients = [dict(run.network.named_parameters()) for run in runs]
    for name, parameter in network.named_parameters():
        parameter.grad = torch.stack([found[name].grad for found in gradients]).mean(dim=0)
    torch.nn.utils.clip_grad_norm_(network.parameters(), 5.0)
    torch.optim.AdamW(network.parameters(), lr=1e-3, weight_decay=0.0).step()
    return dict(network.named_parameters())


@pytest.mark.skipif(torch.cuda.is_available(), reason="this computer has a GPU")
def test_a_gpu_that_is_not_there_gets_one_sentence():
    with pytest.raises(InputError, match="--device cpu"), training_group("cuda"):
        pass
