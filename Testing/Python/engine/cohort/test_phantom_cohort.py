"""Cohorts that ship as recipes: files and manifest, made once, each patient with its own appearance."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from builders import tiny_card
from patients import write_examination
from PatientSpecificTuningLib.engine.cohort import brain_recipe
from PatientSpecificTuningLib.engine.cohort.brain_anatomy import shipped_anatomy
from PatientSpecificTuningLib.engine.cohort.brain_recipe import write_brain_patient
from PatientSpecificTuningLib.engine.cohort.liver_recipe import write_liver_patient
from PatientSpecificTuningLib.engine.cohort.manifest import read_cohort
from PatientSpecificTuningLib.engine.cohort.recipes import RECIPES
from PatientSpecificTuningLib.engine.cohort.recipes import Recipe
from PatientSpecificTuningLib.engine.cohort.recipes import make_cohort
from PatientSpecificTuningLib.engine.errors import InputError
from PatientSpecificTuningLib.engine.images.scan_files import find_examinations
from PatientSpecificTuningLib.engine.images.volumes import read_labelmap
from PatientSpecificTuningLib.engine.judging.metrics import dice
from PatientSpecificTuningLib.engine.phantoms.brain.phantom import Anatomy

pytestmark = pytest.mark.long


def _tiny(folder: Path, number: int, quick: bool) -> dict:
    for seed, name in enumerate(("baseline", "followup")):
        write_examination(folder, name, seed=10 * number + seed)
    return {"made": f"{number} {quick}"}


TINY = Recipe("brain", _tiny, 2, 1)


def test_a_recipe_becomes_files_with_a_manifest_that_passes_every_check(tmp_path):
    manifest = make_cohort(TINY, tmp_path, 2)
    patients = read_cohort(manifest, tiny_card())
    assert [patient.identifier for patient in patients] == ["brain-phantom-01", "brain-phantom-02"]
    assert patients[0].followup.lesions == tmp_path / "brain-phantom-01" / "followup_lesion_mask.nii.gz"
    description = json.loads((tmp_path / "brain-phantom-01" / "phantom.json").read_text(encoding="utf-8"))
    assert description["what"].startswith("phantom")


def test_patients_that_are_there_are_kept_and_another_size_is_refused(tmp_path):
    make_cohort(TINY, tmp_path, 1)
    file = tmp_path / "brain-phantom-01" / "baseline_FLAIR.nii.gz"
    before = file.stat().st_mtime_ns
    make_cohort(TINY, tmp_path, 2)
    assert file.stat().st_mtime_ns == before
    with pytest.raises(InputError, match="another size"):
        make_cohort(TINY, tmp_path, 2, quick=True)


def test_the_shipped_anatomy_is_a_brain():
    anatomy = shipped_anatomy()
    litres = np.count_nonzero(anatomy.t1) / 1e6
    assert 1.5 < litres < 2.3
    assert 0.9 < anatomy.white_matter.max() <= 1.0
    assert np.median(anatomy.t1[anatomy.white_matter > 0.9]) > np.median(
        anatomy.t1[anatomy.grey_matter > 0.9]
    )


def test_brain_phantoms_differ_in_appearance_and_share_their_lesions_between_examinations(
    tmp_path, monkeypatch
):
    whole = shipped_anatomy()
    coarse = Anatomy(*(volume[::2, ::2, ::2] for volume in (whole.t1, whole.white_matter, whole.grey_matter)))
    monkeypatch.setattr(brain_recipe, "shipped_anatomy", lambda: coarse)
    first, second = (write_brain_patient(tmp_path / str(n), n, False) for n in (1, 2))
    assert first["appearance"] != second["appearance"]
    found = find_examinations(tmp_path / "1")
    assert set(found.followup.sequences) == {"FLAIR", "T1"}
    masks = [_mask(examination.lesions) for examination in (found.baseline, found.followup)]
    assert 0.05 < dice(*masks) < 1


def test_a_small_liver_phantom_has_every_channel_and_mask(tmp_path):
    write_liver_patient(tmp_path, 1, True)
    found = find_examinations(tmp_path)
    assert set(found.baseline.sequences) == {"DCE", "DWI"}
    liver, lesions = _mask(found.followup.organ_mask), _mask(found.followup.lesions)
    assert lesions.any()
    assert not (lesions & ~liver).any()


def test_recipes_for_both_organs_ship():
    assert set(RECIPES) == {"brain", "liver"}
    assert all(recipe.patients >= 16 > recipe.quick_patients for recipe in RECIPES.values())


def _mask(path: Path) -> np.ndarray:
    import SimpleITK as sitk

    return sitk.GetArrayFromImage(read_labelmap(path, "mask")) > 0
