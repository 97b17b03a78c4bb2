"""The Python example of the README runs as it stands there."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from patients import write_patient
from patients import write_tiny_model
from PatientSpecificTuningLib.engine.network import model_choice


def test_the_python_example_of_the_readme_runs(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (repository / "README.md").read_text(encoding="utf-8")
    example = re.search(r"```python\n(from PatientSpecificTuningLib.*?)```", text, re.DOTALL)
    assert example
    write_patient(tmp_path)
    shutil.move(tmp_path / "baseline_brain_mask.nii.gz", tmp_path / "brain_mask.nii.gz")
    shutil.move(tmp_path / "baseline_lesion_mask.nii.gz", tmp_path / "baseline_lesions.nii.gz")
    shutil.move(tmp_path / "followup_lesion_mask.nii.gz", tmp_path / "followup_lesions.nii.gz")
    write_tiny_model(tmp_path / "models" / model_choice.DEFAULT_MODEL)
    monkeypatch.setattr(model_choice, "MODELS", tmp_path / "models")
    monkeypatch.chdir(tmp_path)
    # Fewer iterations than the README advises: the test asks whether the lines run, not how well they learn.
    exec(example[1].replace("iterations=100", "iterations=2"), {})
    assert "dice" in capsys.readouterr().out
    assert (tmp_path / "case" / "results" / "0001" / "run.json").is_file()
