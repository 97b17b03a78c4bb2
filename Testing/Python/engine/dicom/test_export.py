"""Results as DICOM, read back: every lesion is a segment on its source images, with coded measurements."""

from __future__ import annotations

import csv
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from dicom_series import write_dicom_series
from patients import write_patient
from patients import write_tiny_model
from PatientSpecificTuningLib.command_line.main import main
from PatientSpecificTuningLib.engine import review
from PatientSpecificTuningLib.engine import workflow
from PatientSpecificTuningLib.engine.case.case import Case
from PatientSpecificTuningLib.engine.dicom import export
from PatientSpecificTuningLib.engine.dicom import library
from PatientSpecificTuningLib.engine.dicom.codes import BASELINE_VOLUME
from PatientSpecificTuningLib.engine.errors import InputError
from write_points import POINTS
from write_points import Killed
from write_points import as_processes
from write_points import killed_at

pytestmark = pytest.mark.skipif(
    find_spec("highdicom") is None or find_spec("pydicom") is None,
    reason="highdicom and pydicom are not installed (Testing/requirements-dicom.txt)",
)
DATES = {"baseline": "20200131", "followup": "20210131"}


@pytest.fixture(scope="module")
def patient(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """DICOM folders of both examinations of a tiny patient."""
    folder = write_patient(tmp_path_factory.mktemp("dicom") / "patient")
    for number, (name, sequence) in enumerate(
        ((n, s) for n in ("baseline", "followup") for s in ("FLAIR", "T1")), start=1
    ):
        file = folder / f"{name}_{sequence}.nii.gz"
        write_dicom_series(file, folder / f"{name}_{sequence}", number, StudyDate=DATES[name])
    return folder


def _files(patient: Path, name: str) -> dict[str, Path]:
    return {sequence: patient / f"{name}_{sequence}" for sequence in ("FLAIR", "T1")}


@pytest.fixture(scope="module")
def case(patient: Path) -> Case:
    """A case that was prepared from DICOM folders, with a result of the follow-up."""
    case = workflow.prepare(
        patient.parent / "case",
        baseline=_files(patient, "baseline"),
        followup=_files(patient, "followup"),
        baseline_mask=patient / "baseline_brain_mask.nii.gz",
        followup_mask=patient / "followup_brain_mask.nii.gz",
        model=write_tiny_model(patient.parent / "model"),
        registration="none",
    )
    workflow.segment(case, repetitions=2)
    return case


@pytest.fixture(scope="module")
def written(case: Case) -> Path:
    """The folder of both DICOM objects, written by the command line."""
    folder = case.folder.parent / "export"
    assert main(["export", str(case.folder), "--dicom", str(folder), "--quiet"]) == 0
    return folder


def test_dates_come_from_the_headers(case: Case) -> None:
    assert case.dates.as_dict()["baseline"] == "2020-01-31"
    assert case.dates.years == pytest.approx(1.0, abs=0.01)


def test_the_segmentation_read_back_is_the_labelmap_on_the_source_images(
    case: Case, patient: Path, written: Path
) -> None:
    import highdicom as hd

    segmentation = hd.seg.segread(written / "lesions.dcm")
    labels = sitk.GetArrayFromImage(
        sitk.ReadImage(str(workflow.result(case).folder / "lesion_labels.nii.gz"))
    )
    assert segmentation.number_of_segments == labels.max()
    sources = [f"1.2.826.0.1.3680043.8.498.1.3.{z + 1}" for z in range(labels.shape[0])]
    read = segmentation.get_pixels_by_source_instance(
        sources, combine_segments=True, assert_missing_frames_are_empty=True
    )
    assert (read == labels).all()
    assert segmentation.StudyInstanceUID == "1.2.826.0.1.3680043.8.498.1"
    assert segmentation.PatientID == "P1"
    assert segmentation.ReferencedSeriesSequence[0].SeriesInstanceUID == "1.2.826.0.1.3680043.8.498.1.3"


def test_finding_and_anatomy_are_coded(written: Path) -> None:
    import highdicom as hd

    segment = hd.seg.segread(written / "lesions.dcm").get_segment_description(1)
    assert (segment.segmented_property_type.value, segment.segmented_property_type.meaning) == (
        "52988006",
        "Lesion",
    )
    assert segment.segmented_property_category.value == "49755003"
    assert [region.value for region in segment.anatomic_regions] == ["12738006"]
    assert segment.algorithm_identification.family.value == "123110"


def test_the_report_read_back_has_the_measurements_of_every_lesion(case: Case, written: Path) -> None:
    import highdicom as hd
    from highdicom.sr import CodedConcept

    report = hd.sr.srread(written / "measurements.dcm")
    segmentation = hd.seg.segread(written / "lesions.dcm")
    assert report.ContentTemplateSequence[0].TemplateIdentifier == "1500"
    with (workflow.result(case).folder / "lesions.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    groups = report.content.get_volumetric_roi_measurement_groups()
    assert len(groups) == len(rows) > 0
    for number, (group, row) in enumerate(zip(groups, rows, strict=True), start=1):
        volume = group.get_measurements(name=CodedConcept("118565006", "SCT", "Volume"))
        assert volume[0].value == pytest.approx(float(row["volume_mm3"]))
        assert volume[0].unit.value == "mm3"
        assert group.reference_type.meaning == "Referenced Segment"
        assert group.tracking_uid == segmentation.get_segment_description(number).tracking_uid
        assert group.finding_type.value == "52988006"
        assert len(group.finding_sites) == 1
        probability = [m for m in group.get_measurements() if m.name.value == "mean-probability"]
        assert probability[0].value == pytest.approx(float(row["mean_probability"]))
        assert len(group.get_measurements(name=CodedConcept(*BASELINE_VOLUME))) == 1
    (scheme,) = report.CodingSchemeIdentificationSequence
    assert scheme.CodingSchemeDesignator == BASELINE_VOLUME[1]
    referenced = {
        image.ReferencedSOPInstanceUID
        for study in report.CurrentRequestedProcedureEvidenceSequence
        for series in study.ReferencedSeriesSequence
        for image in series.ReferencedSOPSequence
    }
    assert segmentation.SOPInstanceUID in referenced
    assert "1.2.826.0.1.3680043.8.498.1.3.1" in referenced


def test_images_that_changed_since_are_not_referred_to(case: Case, patient: Path, tmp_path: Path) -> None:
    image = patient / "followup_FLAIR" / "000.dcm"
    content = image.read_bytes()
    image.write_bytes(content[:-2] + b"\x01\x01")
    try:
        with pytest.raises(InputError, match="not as it was when the followup was prepared"):
            review.export(case, tmp_path)
    finally:
        image.write_bytes(content)
    assert list(tmp_path.iterdir()) == []


def test_a_missing_package_is_said_in_one_sentence(
    case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(library, "find_spec", lambda name: None if name == "highdicom" else object())
    with pytest.raises(InputError, match=r"pip install --no-deps highdicom$"):
        review.export(case, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_case_of_other_files_has_nothing_to_refer_to(tmp_path: Path) -> None:
    patient = write_patient(tmp_path / "patient")
    case = workflow.prepare(
        tmp_path / "case",
        followup={s: patient / f"followup_{s}.nii.gz" for s in ("FLAIR", "T1")},
        followup_mask=patient / "followup_brain_mask.nii.gz",
        model=write_tiny_model(tmp_path / "model"),
        registration="none",
    )
    workflow.segment(case, repetitions=0)
    with pytest.raises(InputError, match="was not given as a DICOM folder"):
        review.export(case, tmp_path / "out")


def test_images_can_be_given_for_a_case_of_other_files(case: Case, patient: Path, tmp_path: Path) -> None:
    import highdicom as hd

    images = sorted((patient / "followup_FLAIR").iterdir(), reverse=True)
    other = workflow.prepare(
        tmp_path / "case",
        followup={s: patient / f"followup_{s}.nii.gz" for s in ("FLAIR", "T1")},
        followup_mask=patient / "followup_brain_mask.nii.gz",
        model=patient.parent / "model",
        registration="none",
    )
    workflow.segment(other, repetitions=0)
    written = review.export(other, tmp_path / "out", images=images)
    segmentation = hd.seg.segread(written["segmentation"])
    assert segmentation.ReferencedSeriesSequence[0].SeriesInstanceUID == "1.2.826.0.1.3680043.8.498.1.3"
    for wrong in (images[1:], [*images, images[0]], sorted((patient / "baseline_FLAIR").iterdir())[:2]):
        with pytest.raises(InputError, match="do not lie on the grid of the result"):
            review.export(other, tmp_path / "wrong", images=wrong)
    with pytest.raises(InputError, match="no DICOM images of the followup"):
        review.export(other, tmp_path / "wrong", images=[])
    assert not (tmp_path / "wrong").exists()


@pytest.mark.parametrize(
    ("headers", "complaint"),
    [
        ({"PatientID": "P2"}, "are of different patients"),
        ({"PatientBirthDate": "19800101"}, "are of different patients"),
        ({"StudyDate": "20190101"}, r"baseline \(2020-01-31\) was made after the follow-up \(2019-01-01\)"),
    ],
)
def test_examinations_that_do_not_belong_together_are_refused_before_any_work(
    patient: Path, tmp_path: Path, headers: dict[str, str], complaint: str
) -> None:
    flair = write_dicom_series(patient / "followup_FLAIR.nii.gz", tmp_path / "other", 9, **headers)
    followup = {"FLAIR": flair, "T1": patient / "followup_T1.nii.gz"}
    with pytest.raises(InputError, match=complaint):
        workflow.prepare(
            tmp_path / "case",
            baseline=_files(patient, "baseline"),
            followup=followup,
            baseline_mask=patient / "baseline_brain_mask.nii.gz",
            followup_mask=patient / "followup_brain_mask.nii.gz",
            model=patient.parent / "model",
            registration="none",
        )
    assert not (tmp_path / "case").exists()


def test_sequences_of_different_days_are_no_examination(patient: Path, tmp_path: Path) -> None:
    mixed = {"FLAIR": patient / "baseline_FLAIR", "T1": patient / "followup_T1"}
    with pytest.raises(InputError, match=r"of different days \(2020-01-31 and 2021-01-31\)"):
        workflow.prepare(
            tmp_path / "case",
            baseline=mixed,
            baseline_mask=patient / "baseline_brain_mask.nii.gz",
            model=patient.parent / "model",
            registration="none",
        )


def test_a_follow_up_of_another_patient_is_refused_also_when_it_comes_later(
    case: Case, patient: Path, tmp_path: Path
) -> None:
    alone = workflow.prepare(
        tmp_path / "case",
        baseline=_files(patient, "baseline"),
        baseline_mask=patient / "baseline_brain_mask.nii.gz",
        model=patient.parent / "model",
        registration="none",
    )
    flair = write_dicom_series(patient / "followup_FLAIR.nii.gz", tmp_path / "other", 9, PatientID="P2")
    with pytest.raises(InputError, match="are of different patients"):
        workflow.prepare(
            alone.folder,
            followup={"FLAIR": flair, "T1": patient / "followup_T1"},
            followup_mask=patient / "followup_brain_mask.nii.gz",
            model=patient.parent / "model",
            registration="none",
        )
    assert list(Case.open(alone.folder).examinations) == ["baseline"]


def test_the_same_name_in_another_spelling_is_the_same_patient(patient: Path, tmp_path: Path) -> None:
    from PatientSpecificTuningLib.engine.images.dicom_identity import dicom_identity
    from PatientSpecificTuningLib.engine.images.dicom_identity import require_one_patient

    spelled = {"PatientID": "", "PatientBirthDate": "", "PatientName": "PHANTOM PATIENT"}
    folders = [
        write_dicom_series(patient / "followup_FLAIR.nii.gz", tmp_path / name, number, **headers)
        for number, (name, headers) in enumerate({"one": {}, "two": spelled}.items(), start=20)
    ]
    identities = [identity for identity in map(dicom_identity, folders) if identity is not None]
    assert len(identities) == 2
    require_one_patient(identities)
    assert np.isin([i.patient for i in identities], ["P1", ""]).all()


def test_a_report_never_stands_beside_a_segmentation_that_it_does_not_refer_to(
    case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pydicom import dcmread

    review.export(case, tmp_path)
    with POINTS.listening(tmp_path):
        review.export(case, tmp_path)
    points = list(POINTS.names)
    assert len(points) >= 5
    found = set()
    with as_processes(monkeypatch) as next_process:
        for number in range(len(points)):
            next_process()
            with POINTS.listening(tmp_path, killed_at(number)), pytest.raises(Killed):
                review.export(case, tmp_path)
            segmentation = dcmread(tmp_path / "lesions.dcm").SOPInstanceUID
            there = (tmp_path / "measurements.dcm").is_file()
            found.add(there)
            if there:
                report = dcmread(tmp_path / "measurements.dcm")
                (study,) = report.CurrentRequestedProcedureEvidenceSequence
                referred = {
                    image.ReferencedSOPInstanceUID
                    for series in study.ReferencedSeriesSequence
                    for image in series.ReferencedSOPSequence
                }
                assert segmentation in referred, f"killed at {points[number]}"
        next_process()
        review.export(case, tmp_path)
    assert found == {True, False}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["lesions.dcm", "measurements.dcm"]


@pytest.mark.parametrize(
    ("keyword", "value"),
    [
        ("SOPClassUID", "1&2.840.10008"),
        ("ImageOrientationPatient", None),
        ("PixelSpacing", None),
        ("Rows", None),
    ],
)
def test_a_header_that_no_standard_allows_is_one_sentence(
    case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, keyword: str, value: str | None
) -> None:
    real = export.source_images

    def odd(*arguments: object) -> list[object]:
        images = real(*arguments)
        for image in images:
            if value is None:
                delattr(image, keyword)
            else:
                setattr(image, keyword, value)
        return images

    monkeypatch.setattr(export, "source_images", odd)
    with pytest.raises(InputError, match="cannot be referred to") as raised:
        review.export(case, tmp_path)
    assert len(str(raised.value).splitlines()) == 1
    assert list(tmp_path.iterdir()) == []
