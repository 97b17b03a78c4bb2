"""Every reader of a file or message that somebody else may have made, with a valid example to damage."""

from __future__ import annotations

import json
import random
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from builders import blob_examination
from builders import tiny_card
from dicom_series import write_plain_series
from mutations import mutated_bytes
from mutations import mutated_compressed
from mutations import mutated_json
from mutations import mutated_text
from mutations import with_damaged_values
from patients import write_image
from patients import write_tiny_model
from PatientSpecificTuningLib.engine import workflow
from PatientSpecificTuningLib.engine.case.annotation import load_annotation
from PatientSpecificTuningLib.engine.case.annotation import save_annotation
from PatientSpecificTuningLib.engine.case.case import Case
from PatientSpecificTuningLib.engine.case.examination_record import ExaminationRecord
from PatientSpecificTuningLib.engine.cohort.manifest import read_cohort
from PatientSpecificTuningLib.engine.cohort.patient import CohortPatient
from PatientSpecificTuningLib.engine.files.content_hash import ContentHash
from PatientSpecificTuningLib.engine.images.geometry import Grid
from PatientSpecificTuningLib.engine.images.scan_files import ExaminationFiles
from PatientSpecificTuningLib.engine.images.volumes import count_volumes
from PatientSpecificTuningLib.engine.images.volumes import read_labelmap
from PatientSpecificTuningLib.engine.images.volumes import read_volume
from PatientSpecificTuningLib.engine.lesions.alignment import TRANSFORM
from PatientSpecificTuningLib.engine.lesions.change import ChangeRow
from PatientSpecificTuningLib.engine.lesions.change import write_change_table
from PatientSpecificTuningLib.engine.model.card import read_model_card
from PatientSpecificTuningLib.engine.report.content import read_change
from PatientSpecificTuningLib.engine.report.content import verdict_sentence
from PatientSpecificTuningLib.engine.study.design import Cohort
from PatientSpecificTuningLib.engine.study.design import Design
from PatientSpecificTuningLib.engine.study.design import Preparation
from PatientSpecificTuningLib.engine.study.study_folder import Study
from PatientSpecificTuningLib.engine.study.study_folder import open_study
from PatientSpecificTuningLib.engine.verdict.verdict import read_decision
from PatientSpecificTuningLib.engine.verdict.verdict import read_verdict
from PatientSpecificTuningLib.jobs import messages
from PatientSpecificTuningLib.jobs.worker import Worker

Mutate = Callable[[bytes, random.Random], bytes]
GRID = Grid((4, 5, 6), (1.0, 1.0, 3.0), (0.0, 0.0, 0.0), (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0))


@dataclass(frozen=True)
class Target:
    """A reader: the file that it reads, how that is damaged, and how it is read."""

    name: str
    path: Path
    mutate: Mutate
    read: Callable[[], object]

    def valid(self) -> bytes:
        """The content of the valid file."""
        return self.path.read_bytes()


def targets(folder: Path) -> list[Target]:
    """All readers, with valid files in a folder."""
    from fuzz_case_targets import finished_case
    from fuzz_case_targets import finished_case_targets
    from fuzz_case_targets import outcome_target
    from fuzz_dicom_targets import dicom_export_targets

    folder.mkdir(parents=True, exist_ok=True)
    found = [
        *_model(folder),
        *_case(folder),
        *_trust(folder),
        *_cohort(folder),
        *_images(folder),
        *_arrays(folder),
        _worker(folder),
        Target("study outcome", *outcome_target(folder / "study outcome")),
    ]
    of_cases = [*finished_case_targets(folder / "finished"), *dicom_export_targets(folder / "export")]
    return [*found, *(Target(*values) for values in of_cases), _verbs(finished_case(folder / "verbs"))]


def _model(folder: Path) -> list[Target]:
    from PatientSpecificTuningLib.engine.network.model_folder import load_model
    from PatientSpecificTuningLib.engine.training.base_training import BaseTraining
    from PatientSpecificTuningLib.engine.training.patch_sampler import TrainingExamination
    from PatientSpecificTuningLib.engine.training.settings import TrainingSettings

    blobs = [TrainingExamination("blobs", *blob_examination())]
    settings, checkpoint = TrainingSettings(iterations=1), folder / "checkpoint.safetensors"
    training = BaseTraining(tiny_card(), blobs, settings)
    training.run(checkpoint=checkpoint)
    card, weights = write_tiny_model(folder / "card"), write_tiny_model(folder / "weights")
    return [
        Target("model card", card / "model.json", mutated_json, lambda: read_model_card(card)),
        Target("weights", weights / "weights.safetensors", mutated_bytes, lambda: load_model(weights)),
        Target("checkpoint", checkpoint, mutated_bytes, lambda: training.load_checkpoint(checkpoint)),
    ]


def _case(folder: Path) -> list[Target]:
    found = []
    for name, file, read in (
        ("case", "case.json", Case.open),
        ("corrections", "baseline/annotation/slices.json", lambda case: load_annotation(Case.open(case))),
        ("result", "results/0001/run.json", workflow.result),
        ("tuned version", "tuned/0001/provenance.json", _tuned_of),
    ):
        case = _finished_case(folder / name)
        found.append(Target(name, case / file, mutated_json, lambda read=read, case=case: read(case)))
    return found


def _trust(folder: Path) -> list[Target]:
    """What surrounds a result: the verdict, the decision and the table of change."""
    root = folder / "trust"
    root.mkdir()
    (root / "verdict.json").write_text(json.dumps(VERDICT))
    (root / "decision.json").write_text(json.dumps(DECISION))
    row = ChangeRow("grown", (1, 2), (3,), 20.0, 60.0, 40.0, 9.0, None, 0.99, 1, "merged", *[1.5] * 6)
    write_change_table([row], root / "change.csv")
    return [
        Target("verdict", root / "verdict.json", mutated_json, lambda: _told(read_verdict(root))),
        Target("decision", root / "decision.json", mutated_json, lambda: _decided(read_decision(root))),
        Target("change table", root / "change.csv", mutated_text, lambda: read_change(root / "change.csv")),
    ]


VERDICT = {
    "known": True,
    "better": True,
    "recommended": "tuned",
    "sentence": "It finds 2 of 3.",
    "slices": [1, 2],
    "injected": {"rows": [], "loses_too_many": False, "sentence": "Of 4 lesions it finds 3."},
}
DECISION = {"choice": "base", "by": "Reader", "at": "2026-01-31T10:00:00+00:00", "tuned": "0001"}


def _told(verdict: dict | None) -> str:
    return verdict_sentence("0001", verdict)


def _decided(decision: dict | None) -> str:
    return "" if decision is None else decision["choice"] + decision["by"] + decision["at"]


def _tuned_of(case: Path) -> object:
    opened = Case.open(case)
    return opened.version_info("tuned", "0001"), opened.made_before("tuned", {"seed": 2})


def _finished_case(folder: Path) -> Path:
    case = Case.create(folder, model={"name": "tiny", "version": "1", "folder": "m", "sha256": "a" * 64})
    record = ExaminationRecord({"FLAIR": ContentHash(["f.nii"], "1")}, None, GRID, GRID, {})
    with case.new_examination("baseline", record):
        pass
    labels = np.zeros(GRID.shape, dtype=bool)
    labels[1, 2, 2] = True
    save_annotation(case, labels, [1])
    run = {"examination": "baseline", "tuned": None, "lesions": 1, "volume_ml": 0.5, "repetitions": 0}
    for kind, name, values in (("tuned", "provenance.json", {"seed": 1}), ("results", "run.json", run)):
        with case.new_version(kind) as version:
            (version / name).write_text(json.dumps(values))
    return folder


def _cohort(folder: Path) -> list[Target]:
    chance, rows = np.random.default_rng(0), []
    for name in ("baseline", "followup"):
        files = {"FLAIR": f"{name}.nii", "T1": f"{name}_T1.nii", "lesions": f"{name}_lesions.nii"}
        for role, file in files.items():
            values = chance.random((3, 8, 8))
            values = (values > 0.7).astype(np.uint8) if role == "lesions" else values.astype(np.float32)
            scan = write_image(folder / "cohort" / file, values)
        rows.append({"patient": "p1", "examination": name, **files})
    as_json, as_csv = scan.parent / "manifest.json", scan.parent / "manifest.csv"
    as_json.write_text(json.dumps({"examinations": rows}))
    lines = [",".join(rows[0]), *(",".join(row.values()) for row in rows)]
    as_csv.write_text("\n".join(lines) + "\n")
    card = tiny_card()
    files = ExaminationFiles({"FLAIR": [scan], "T1": [scan]}, None, scan)
    patient = CohortPatient("p1", {"baseline": files, "followup": files})
    study = Study(folder / "study", Cohort("test"), Design(), Preparation(), (patient,))
    study.save()
    return [
        Target("manifest JSON", as_json, mutated_json, lambda: read_cohort(as_json, card)),
        Target("manifest CSV", as_csv, mutated_bytes, lambda: read_cohort(as_csv, card)),
        Target("study", study.folder / "study.json", mutated_json, lambda: open_study(study.folder)),
    ]


def _images(folder: Path) -> list[Target]:
    values = (np.random.default_rng(0).random((4, 9, 8)) * 100).astype(np.float32)
    found = []
    for suffix, mutate in (
        (".nii", mutated_bytes),
        (".nii.gz", mutated_compressed),
        (".nrrd", mutated_bytes),
        (".mha", mutated_bytes),
    ):
        path = write_image(folder / "images" / f"scan{suffix}", values)
        found.append(Target(f"image {suffix}", path, mutate, lambda path=path: _read_all(path)))
    return [*found, _dicom(folder / "dicom")]


def _read_all(path: Path) -> None:
    count_volumes(path, "FLAIR")
    read_labelmap(path, "mask")
    read_volume(path, "FLAIR")


def _dicom(folder: Path) -> Target:
    write_plain_series(folder)
    return Target("DICOM", folder / "001.dcm", mutated_bytes, lambda: read_volume(folder, "FLAIR"))


def _arrays(folder: Path) -> list[Target]:
    from PatientSpecificTuningLib.engine.network.features import open_features

    mask = np.ones((2, 3, 3), dtype=bool)
    path = folder / "features.npy"
    # 18 voxels, and before those of each of two slices four rows that hold the scales.
    np.save(path, np.zeros((26, 4), dtype=np.uint8))

    def read() -> None:
        for _voxels, rows in open_features(path, mask).chunks():
            rows.sum()

    return [Target("features", path, mutated_bytes, read)]


class _Nowhere:
    def write(self, data: bytes) -> None:
        """Nobody listens."""

    def flush(self) -> None:
        """Nobody listens."""


def _worker(folder: Path) -> Target:
    path = folder / "messages"
    requests = [
        {"id": 1, "verb": "propose", "arguments": {"case": "c", "count": 2}},
        {"id": 2, "verb": "cancel", "arguments": {"id": 1}},
    ]
    path.write_bytes(b"".join(map(messages.encode, requests)))

    def hear() -> None:
        worker = Worker(_Nowhere(), _Nowhere())  # type: ignore[arg-type]
        for message in messages.LineReader().feed(path.read_bytes() + b"\n")[0]:
            if message.get("verb") != "stop":
                worker._heard(message)

    return Target("worker messages", path, _mutated_messages, hear)


def _verbs(case: Path) -> Target:
    """What the worker is asked to do with a finished case, in other words than the panel's."""
    path, labels = case.parent / "requests", case.parent / "patient" / "baseline_lesion_mask.nii.gz"
    transform = case / TRANSFORM
    requests = {
        "learn": {"labels": str(labels), "slices": [0], "seed": 0, "criterion": "paper", "distance_mm": 10.0},
        "set_registration": {"transform": str(transform)},
        "decide": {"choice": "tuned", "by": "a reader", "number": "0001"},
        "remove": {"kind": "results", "number": "0009"},
        "evaluate": {"reference": str(labels), "number": "0001"},
        "annotate": {"labels": str(labels), "slices": [0, 1]},
        "propose": {"count": 2, "criterion": "gain"},
    }
    path.write_text(json.dumps(requests), encoding="utf-8")

    def mutate(content: bytes, chance: random.Random) -> bytes:
        verb, arguments = chance.choice(list(json.loads(content).items()))
        return json.dumps([verb, with_damaged_values(arguments, chance)]).encode()

    def ask() -> None:
        verb, arguments = json.loads(path.read_bytes())
        if not isinstance(arguments, dict):
            return
        if verb == "learn":
            arguments["iterations"] = 1
        # Whatever it is asked, the worker answers and goes on; only its own process must not end.
        Worker(_Nowhere(), _Nowhere())._answer(  # type: ignore[arg-type]
            {"id": 1, "verb": verb, "arguments": {**arguments, "case": str(case)}}
        )

    return Target("worker verbs", path, mutate, ask)


def _mutated_messages(content: bytes, chance: random.Random) -> bytes:
    lines = content.splitlines()
    number = chance.randrange(len(lines))
    mark, text = messages.MARK.encode(), lines[number][len(messages.MARK) :]
    lines[number] = mark + mutated_json(text, chance) + struct.pack("B", chance.choice((10, 13, 32)))
    return b"\n".join(lines)
