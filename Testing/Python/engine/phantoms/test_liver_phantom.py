"""Phantom liver patients: enhancement and diffusion as radiology knows them, truth where the images show it."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import SimpleITK as sitk
from PatientSpecificTuningLib.engine.files.resources import RESOURCES
from PatientSpecificTuningLib.engine.images.volumes import read_labelmap
from PatientSpecificTuningLib.engine.images.volumes import read_sequence
from PatientSpecificTuningLib.engine.phantoms.liver.appearance import METASTASES
from PatientSpecificTuningLib.engine.phantoms.liver.appearance import MIMICS
from PatientSpecificTuningLib.engine.phantoms.liver.appearance import LiverAppearance
from PatientSpecificTuningLib.engine.phantoms.liver.perfusion import PHASE_TIMES_S
from PatientSpecificTuningLib.engine.phantoms.liver.phantom import LiverExamination
from PatientSpecificTuningLib.engine.phantoms.liver.phantom import LiverPatient
from PatientSpecificTuningLib.engine.phantoms.liver.phantom import make_liver_patient
from PatientSpecificTuningLib.engine.phantoms.liver.phantom import standard_grid
from PatientSpecificTuningLib.engine.phantoms.liver.tissue_signal import B_VALUES
from PatientSpecificTuningLib.engine.phantoms.liver.tissue_signal import dce_signal
from PatientSpecificTuningLib.engine.phantoms.liver.tissue_signal import dwi_signal
from PatientSpecificTuningLib.engine.phantoms.liver.tissues import healthy_tissues
from PatientSpecificTuningLib.engine.phantoms.liver.tissues import lesion_tissues
from scipy import ndimage

SAMPLE = RESOURCES / "SampleData" / "Liver"
COARSE = standard_grid((96, 72, 18), (3.086, 3.086, 7.5))
ARTERIAL, PORTAL, LATE = slice(2, 5), slice(7, 10), slice(15, 16)
HYPOVASCULAR = LiverAppearance(kinds={"hypovascular": 1.0}, mimics={"cyst": 2, "scar": 2}, noise=0.006)


@pytest.fixture(scope="module")
def patient() -> LiverPatient:
    return make_liver_patient(2, appearance=HYPOVASCULAR, metastasis_count=9, grid=COARSE, breathing_mm=0)


def _arrays(examination: LiverExamination) -> dict[str, np.ndarray]:
    return {
        "dce": np.stack([sitk.GetArrayFromImage(volume) for volume in examination.dce]),
        "dwi": np.stack([sitk.GetArrayFromImage(volume) for volume in examination.dwi]),
        "liver": sitk.GetArrayFromImage(examination.liver_mask) > 0,
        "lesions": sitk.GetArrayFromImage(examination.lesions) > 0,
    }


def _examinations(patient: LiverPatient) -> list[dict[str, np.ndarray]]:
    return [_arrays(patient.baseline), _arrays(patient.followup)]


def test_the_same_seed_gives_the_same_voxels_and_another_seed_others(patient: LiverPatient) -> None:
    options = {"appearance": HYPOVASCULAR, "metastasis_count": 9, "grid": COARSE, "breathing_mm": 0}
    again, other = make_liver_patient(2, **options), make_liver_patient(3, **options)
    for first, second in zip(_examinations(patient), _examinations(again), strict=True):
        assert all(np.array_equal(first[name], second[name]) for name in first)
    assert not np.array_equal(_arrays(patient.baseline)["liver"], _arrays(other.baseline)["liver"])


def test_an_examination_has_sixteen_phases_and_three_b_values_on_one_grid(patient: LiverPatient) -> None:
    for examination in (patient.baseline, patient.followup):
        assert (len(examination.dce), len(examination.dwi)) == (len(PHASE_TIMES_S), len(B_VALUES)) == (16, 3)
        volumes = [*examination.dce, *examination.dwi, examination.liver_mask, examination.lesions]
        for volume in volumes:
            assert volume.GetSize() == COARSE.size
            assert volume.GetSpacing() == pytest.approx(COARSE.spacing)
        assert {volume.GetPixelID() for volume in volumes[:-2]} == {sitk.sitkInt16}


@pytest.mark.parametrize("seed", [11, 12, 13])
def test_the_liver_is_of_adult_size_and_in_one_piece(seed: int) -> None:
    liver = _arrays(make_liver_patient(seed, metastasis_count=3, grid=COARSE).baseline)["liver"]
    assert 700 < liver.sum() * COARSE.voxel_volume_mm3 / 1000 < 2000
    pieces, count = ndimage.label(liver)
    assert np.bincount(pieces.ravel())[1:].max() > 0.99 * liver.sum(), count
    # The patient's right is on the left side of the array.
    assert np.argwhere(liver)[:, 2].mean() < 0.45 * liver.shape[2]


def test_the_artery_peaks_first_then_the_spleen_then_the_liver() -> None:
    tissues = healthy_tissues(LiverAppearance())
    peaks = [int(np.argmax(dce_signal(tissues[name]))) for name in ("artery", "spleen", "liver")]
    assert peaks == sorted(peaks)
    assert peaks[0] in range(1, 6)
    assert peaks[2] >= 6


def test_no_tissue_enhances_before_the_bolus_arrives() -> None:
    for tissue in healthy_tissues(LiverAppearance()).values():
        unenhanced = dce_signal(replace(tissue, perfusion=type(tissue.perfusion)()))
        assert dce_signal(tissue)[0] == pytest.approx(unenhanced[0])
        assert (dce_signal(tissue) >= unenhanced - 1e-6).all()


def test_diffusion_weighting_decays_with_the_apparent_diffusion_coefficient() -> None:
    for tissue in healthy_tissues(LiverAppearance()).values():
        signal = dwi_signal(tissue).astype(float)
        for b, value in zip(B_VALUES[1:], signal[1:], strict=True):
            assert value == pytest.approx(
                signal[0] * np.exp(-(b - B_VALUES[0]) * tissue.adc * 1e-3), rel=1e-4
            )


def test_kinds_of_metastasis_enhance_as_their_names_say() -> None:
    appearance = LiverAppearance()
    liver = dce_signal(healthy_tissues(appearance)["liver"])
    hypovascular, hypervascular, necrotic = (
        lesion_tissues(kind, appearance) for kind in ("hypovascular", "hypervascular", "necrotic")
    )
    assert dce_signal(hypovascular.core)[PORTAL].mean() < 0.8 * liver[PORTAL].mean()
    assert (
        dce_signal(hypovascular.rim)[ARTERIAL].mean() > 1.2 * dce_signal(hypovascular.core)[ARTERIAL].mean()
    )
    assert dce_signal(hypervascular.core)[ARTERIAL].mean() > 1.2 * liver[ARTERIAL].mean()
    assert dce_signal(hypervascular.core)[LATE].mean() < liver[LATE].mean()
    core = dce_signal(necrotic.core)
    assert core.max() < 1.3 * core[0]


def test_cysts_and_cystic_metastases_fade_in_strong_diffusion_weighting() -> None:
    appearance = LiverAppearance()
    liver = dwi_signal(healthy_tissues(appearance)["liver"])
    for kind in ("cyst", "cystic"):
        core = dwi_signal(lesion_tissues(kind, appearance).core)
        assert core[0] > 2 * liver[0]
        assert core[2] / core[0] < 0.5 * liver[2] / liver[0]


def test_metastases_show_where_their_labels_are(patient: LiverPatient) -> None:
    for arrays in _examinations(patient):
        lesions, liver = arrays["lesions"], arrays["liver"]
        around = ndimage.binary_dilation(lesions, iterations=3) & ~lesions & liver
        portal = arrays["dce"][PORTAL].mean(axis=0)
        assert portal[lesions].mean() < 0.9 * portal[around].mean()
        assert arrays["dwi"][2][lesions].mean() > 1.2 * arrays["dwi"][2][around].mean()


def test_labels_lie_inside_the_liver_and_mimics_carry_none(patient: LiverPatient) -> None:
    none = LiverAppearance(mimics=dict.fromkeys(MIMICS, 2))
    only_mimics = make_liver_patient(5, appearance=none, metastasis_count=1, grid=COARSE)
    for examinations in (_examinations(patient), _examinations(only_mimics)):
        for arrays in examinations:
            assert not arrays["lesions"][~arrays["liver"]].any()
    _, found = ndimage.label(_arrays(only_mimics.baseline)["lesions"], structure=np.ones((3, 3, 3)))
    assert len(only_mimics.before.mimics) > 6
    assert found <= 1


def test_metastases_keep_their_place_and_shape_and_change_their_size_by_their_fate(
    patient: LiverPatient,
) -> None:
    before, after = patient.before.metastases, patient.after.metastases
    for early, late in zip(before, after, strict=False):
        assert (late.centre_mm, late.shape_seed, late.kind) == (
            early.centre_mm,
            early.shape_seed,
            early.kind,
        )
        factor = late.radius_mm / early.radius_mm
        low, high = {"stable": (0.9, 1.1), "grown": (1.15, 1.7), "shrunk": (0.5, 0.85)}.get(late.fate, (0, 0))
        assert low <= factor <= high
    assert {lesion.fate for lesion in after[len(before) :]} == {"new"}


def test_every_fate_occurs_and_ablation_leaves_an_unlabelled_scar() -> None:
    fates: list[str] = []
    for seed in range(3):
        small = standard_grid((12, 10, 4), (24, 22, 34))
        patient = make_liver_patient(seed, metastasis_count=14, grid=small)
        fates += [lesion.fate for lesion in patient.after.metastases]
        ablated = {lesion.centre_mm for lesion in patient.after.metastases if lesion.fate == "ablated"}
        scars = {lesion.centre_mm for lesion in patient.after.mimics if lesion.kind == "scar"}
        assert ablated <= scars
    assert set(fates) == {"stable", "grown", "shrunk", "vanished", "ablated", "new"}


def test_both_examinations_share_the_appearance_and_patients_differ_in_it() -> None:
    drawn = [LiverAppearance.random(np.random.default_rng(seed)) for seed in range(40)]
    assert len({appearance.adc for appearance in drawn}) == 40
    prevailing = {max(appearance.kinds, key=lambda kind: appearance.kinds[kind]) for appearance in drawn}
    assert prevailing == set(METASTASES)
    patient = make_liver_patient(4, grid=COARSE)
    assert patient.appearance == LiverAppearance.random(np.random.default_rng(4))
    liver_levels = [np.median(a["dce"][:, a["liver"]], axis=1) for a in _examinations(patient)]
    assert np.allclose(*liver_levels, rtol=0.08)


def test_breathing_moves_the_phases_of_one_breath_hold_together_and_the_marked_ones_not_at_all() -> None:
    still, moved = (
        make_liver_patient(6, appearance=HYPOVASCULAR, grid=COARSE, breathing_mm=mm).baseline
        for mm in (0.0, 12.0)
    )
    edges = [_top_of_liver(volume) for volume in moved.dce]
    calm = [_top_of_liver(volume) for volume in still.dce]
    shifts = np.subtract(edges, calm)
    assert not shifts[6:10].any()
    assert np.ptp(shifts[1:6]) < 0.35
    assert np.abs(shifts).max() > 0.5
    assert np.array_equal(sitk.GetArrayFromImage(still.liver_mask), sitk.GetArrayFromImage(moved.liver_mask))


def _top_of_liver(volume: sitk.Image) -> float:
    """Slice at which the signal under the right lung falls to half of the liver's, in fractions of a slice."""
    column = sitk.GetArrayFromImage(volume)[:, 28:40, 24:34].mean(axis=(1, 2))
    below = np.flatnonzero(column > 0.5 * column[6:10].mean())[-1]
    if below + 1 == column.size:
        return float(below)
    return float(below + (column[below] - 0.5 * column[6:10].mean()) / (column[below] - column[below + 1]))


@pytest.mark.parametrize("examination", ["baseline", "followup"])
def test_the_liver_sample_case_is_complete_small_and_called_a_phantom(examination: str) -> None:
    dce, dwi = (read_sequence([SAMPLE / f"{examination}_{name}.nii.gz"], name) for name in ("DCE", "DWI"))
    mask, lesions = (
        read_labelmap(SAMPLE / f"{examination}_{name}.nii.gz", name) for name in ("liver_mask", "lesions")
    )
    assert (len(dce), len(dwi)) == (16, 3)
    assert {volume.GetSize() for volume in [*dce, *dwi, mask, lesions]} == {mask.GetSize()}
    inside = sitk.GetArrayFromImage(mask) > 0
    assert sitk.GetArrayFromImage(lesions)[inside].any()
    # The darkest phase is the native one: the liver takes up contrast agent.
    levels = [sitk.GetArrayFromImage(volume)[inside].mean() for volume in dce]
    assert max(levels) > 1.3 * levels[0]
    assert sum(file.stat().st_size for file in SAMPLE.iterdir()) < 6_000_000
    assert "phantom" in json.loads((SAMPLE / "sample.json").read_text(encoding="utf-8"))["what"]
