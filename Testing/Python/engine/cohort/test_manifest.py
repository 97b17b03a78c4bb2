"""The manifest of a cohort: what it may look like, and every problem at once with row and column."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from builders import tiny_card
from cohorts import HEADER
from cohorts import row
from cohorts import write_cohort
from patients import write_image
from PatientSpecificTuningLib.command_line.main import main
from PatientSpecificTuningLib.engine.cohort.manifest import read_cohort
from PatientSpecificTuningLib.engine.cohort.manifest import write_manifest
from PatientSpecificTuningLib.engine.errors import InputError
from PatientSpecificTuningLib.engine.model.card import Pathway

CARD = tiny_card(missing_sequences=("T1",))


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_cohort(tmp_path_factory.mktemp("cohort"), patients=2)


def _manifest(cohort: Path, *rows: str, header: str = HEADER) -> Path:
    path = cohort.with_name("other.csv")
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return path


def _problems(manifest: Path, **options: object) -> list[str]:
    with pytest.raises(InputError) as caught:
        read_cohort(manifest, CARD, **options)
    return [line.strip() for line in str(caught.value).splitlines()[1:]]


def test_a_csv_names_patients_examinations_sequences_and_masks(cohort):
    first, second = read_cohort(cohort, CARD)
    assert (first.identifier, second.identifier) == ("p1", "p2")
    assert first.followup.sequences["T1"] == [cohort.parent / "p1" / "followup_T1.nii.gz"]
    assert first.baseline.organ_mask == cohort.parent / "p1" / "baseline_brain_mask.nii.gz"
    assert second.followup.lesions == cohort.parent / "p2" / "followup_lesion_mask.nii.gz"


def test_semicolons_as_a_spreadsheet_writes_them_and_a_byte_order_mark_are_understood(cohort):
    path = cohort.with_name("semicolons.csv")
    path.write_bytes(b"\xef\xbb\xbf" + cohort.read_bytes().replace(b",", b";"))
    assert read_cohort(path, CARD) == read_cohort(cohort, CARD)


def test_json_says_the_same_as_csv(cohort):
    header, *rows = cohort.read_text(encoding="utf-8").split()
    entries = [dict(zip(header.split(","), line.split(","), strict=True)) for line in rows]
    path = cohort.with_name("manifest.json")
    path.write_text(json.dumps({"examinations": entries}), encoding="utf-8")
    assert read_cohort(path, CARD) == read_cohort(cohort, CARD)


def test_what_is_written_is_read_again(cohort):
    patients = read_cohort(cohort, CARD)
    path = cohort.with_name("written.csv")
    write_manifest(path, patients)
    assert read_cohort(path, CARD) == patients
    assert str(cohort.parent) not in path.read_text(encoding="utf-8")


def test_bids_sessions_become_baseline_and_followup(cohort, tmp_path):
    root = tmp_path / "bids"
    for number in (1, 2):
        for session, name in ((1, "baseline"), (2, "followup")):
            stem = f"sub-{number:02d}_ses-{session}"
            raw, derived = (
                folder / f"sub-{number:02d}" / f"ses-{session}" / "anat"
                for folder in (root, root / "derivatives" / "masks")
            )
            for source, target in (
                ("FLAIR", raw / f"{stem}_FLAIR.nii.gz"),
                ("T1", raw / f"{stem}_T1w.nii.gz"),
                ("brain_mask", derived / f"{stem}_desc-brain_mask.nii.gz"),
                ("lesion_mask", derived / f"{stem}_label-lesion_mask.nii.gz"),
            ):
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(cohort.parent / f"p{number}" / f"{name}_{source}.nii.gz", target)
    patients = read_cohort(root, CARD)
    assert [patient.identifier for patient in patients] == ["01", "02"]
    assert patients[1].followup.sequences["T1"][0].name == "sub-02_ses-2_T1w.nii.gz"
    assert patients[0].baseline.lesions.name == "sub-01_ses-1_label-lesion_mask.nii.gz"
    shutil.rmtree(root / "sub-02" / "ses-2")
    shutil.rmtree(root / "derivatives" / "masks" / "sub-02" / "ses-2")
    assert any(re.match(r"sub-02.*one session", problem) for problem in _problems(root))


def test_all_problems_are_listed_at_once_with_row_and_column(cohort):
    empty = write_image(cohort.parent / "empty.nii.gz", np.zeros((4, 48, 44), np.uint8))
    picture = cohort.parent / "picture.png"
    sitk.WriteImage(sitk.Image(8, 8, sitk.sitkUInt8), str(picture))
    (cohort.parent / "text.nii.gz").write_text("no image", encoding="utf-8")
    manifest = _manifest(
        cohort,
        row("p1", "baseline", FLAIR="nowhere.nii.gz"),
        row("p1", "folowup"),
        row("p2", "baseline", patient="../p2", T1="text.nii.gz", FLAIR="picture.png"),
        row("p2", "followup", lesions="", organ_mask=empty.name),
        row("p2", "followup", lesions=empty.name, T1="p2/followup_FLAIR.nii.gz"),
    )
    text = "\n".join(_problems(manifest))
    for expected in (
        r"row 2, column FLAIR: .*nowhere\.nii\.gz does not exist",
        r"row 3, column examination: 'folowup' is neither",
        r"row 2, column examination: p1 has no followup",
        r"row 4, column patient: '\.\./p2' cannot name a folder",
        r"row 4, column T1: .*text\.nii\.gz cannot be read",
        r"row 4, column FLAIR: .*picture",
        r"row 5, column lesions: is empty",
        r"row 5, column organ_mask: .*empty\.nii\.gz is empty",
        r"row 6, column patient: p2 followup stands in row 5 already",
        r"row 6, column T1: .*followup_FLAIR\.nii\.gz serves in row",
    ):
        assert re.search(expected, text), expected


def test_a_missing_column_is_named_once_and_a_dispensable_one_may_be_missing(cohort):
    header = HEADER.replace("T1", "other")
    manifest = _manifest(cohort, row("p1", "baseline"), row("p1", "followup"), header=header)
    assert _problems(manifest) == ["header, column T1: is missing; add this column."]
    (patient,) = read_cohort(manifest, CARD, missing_sequence="zero")
    assert list(patient.baseline.sequences) == ["FLAIR"]


def test_volumes_of_a_series_may_be_named_and_must_exist(cohort):
    card = tiny_card(pathways=(Pathway("FLAIR", 3), Pathway("T1")))
    header = f"{HEADER},FLAIR_channels"
    rows = [f"{row('p1', name)},1;1;1" for name in ("baseline", "followup")]
    (patient,) = read_cohort(_manifest(cohort, *rows, header=header), card)
    assert patient.followup.channels == {"FLAIR": (1, 1, 1)}
    for wrong in ("1;2;1", "1;1", "one"):
        manifest = _manifest(cohort, f"{row('p1', 'baseline')},{wrong}", rows[1], header=header)
        with pytest.raises(InputError, match=r"row 2, column FLAIR_channels: must name 3 of the 1 volume"):
            read_cohort(manifest, card)
    with pytest.raises(InputError, match="needs 3"):
        read_cohort(cohort, card)


def test_a_mask_that_lies_beside_the_images_is_refused(cohort):
    mask = sitk.ReadImage(str(cohort.parent / "p1" / "baseline_lesion_mask.nii.gz"))
    mask.SetOrigin((500.0, 0.0, 0.0))
    sitk.WriteImage(mask, str(cohort.parent / "moved.nii.gz"))
    manifest = _manifest(cohort, row("p1", "baseline", lesions="moved.nii.gz"), row("p1", "followup"))
    assert any("row 2, column lesions" in p and "beside the images" in p for p in _problems(manifest))


def test_a_baseline_without_lesion_is_refused_and_a_followup_without_is_not(cohort):
    empty = write_image(cohort.parent / "none.nii.gz", np.zeros((4, 48, 44), np.uint8)).name
    refused = _manifest(cohort, row("p1", "baseline", lesions=empty), row("p1", "followup"))
    assert len(_problems(refused)) == 1
    assert read_cohort(_manifest(cohort, row("p1", "baseline"), row("p1", "followup", lesions=empty)), CARD)


def test_single_examinations_need_no_column_examination(cohort):
    header = HEADER.replace("examination,", "")
    line = row("p1", "baseline").replace("p1,baseline,", "p1,")
    (patient,) = read_cohort(_manifest(cohort, line, header=header), CARD, single=True)
    assert list(patient.examinations) == ["baseline"]


@pytest.mark.parametrize(
    ("name", "content"),
    [("a.csv", ""), ("b.csv", HEADER), ("c.json", "{"), ("d.json", '{"examinations": 3}'), ("e.csv", "\xff")],
)
def test_a_manifest_that_cannot_be_understood_gets_one_sentence(tmp_path, name, content):
    (tmp_path / name).write_bytes(content.encode("latin-1"))
    with pytest.raises(InputError, match=name):
        read_cohort(tmp_path / name, CARD)


def test_the_command_ends_with_exit_code_2_and_leaves_nothing(cohort, tmp_path, capsys):
    manifest = _manifest(cohort, row("p1", "baseline", T1="nowhere.nii.gz"), row("p1", "followup", FLAIR=""))
    output = tmp_path / "study"
    assert main(["study", str(manifest), "--output", str(output), "--quiet"]) == 2
    complaint = capsys.readouterr().err
    assert "2 problems" in complaint
    assert "row 2, column T1" in complaint
    assert "row 3, column FLAIR" in complaint
    assert not output.exists()


def test_check_tells_that_all_is_well_and_runs_nothing(cohort, tmp_path, capsys):
    output = tmp_path / "study"
    assert main(["study", str(cohort), "--output", str(output), "--check", "--json", "--quiet"]) == 0
    assert json.loads(capsys.readouterr().out)["patients"] == 2
    assert not output.exists()
