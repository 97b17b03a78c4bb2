"""What a user waits for: the real worker, with all files written."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import SimpleITK as sitk
from PatientSpecificTuningLib.engine import workflow
from scans import Scan
from scans import sample_image
from worker_session import WorkerSession


@dataclass(frozen=True)
class Session:
    """Seconds by what was waited for, the case folder's size, and the worker's peak memory, in bytes."""

    seconds: dict[str, float]
    case_bytes: int
    peak_bytes: dict[str, int]


def measured_session(scan: Scan, resolution: str, folder: Path) -> Session:
    """Prepare both examinations, correct two slices and then all lesion slices; tune and segment after each."""
    files, masks, lesions = _written_scans(resolution, folder)
    case = str(folder / "case")
    worker = WorkerSession()
    seconds = {"cold start": worker.seconds("hello")}
    seconds["prepare both"] = worker.seconds("prepare", folder=case, **files, **masks)
    slices = [proposal.slice for proposal in workflow.propose(case, count=2)]
    worker.seconds("segment", case=case, weights="base", repetitions=0)
    seconds["ahead"] = worker.seconds("prepare_tuning", case=case, slices=slices)
    click = time.perf_counter()
    worker.seconds("annotate", case=case, labels=lesions, slices=slices)
    worker.seconds("tune", case=case)
    worker.seconds("segment", case=case, repetitions=0)
    seconds["lesions"] = time.perf_counter() - click
    worker.seconds("segment", case=case)
    seconds["uncertainty"] = time.perf_counter() - click
    seconds["ahead of all"] = worker.seconds("prepare_tuning", case=case, slices=scan.lesion_slices)
    worker.seconds("annotate", case=case, labels=lesions, slices=scan.lesion_slices)
    seconds["tune on all"] = worker.seconds("tune", case=case)
    size = sum(path.stat().st_size for path in Path(case).rglob("*") if path.is_file())
    worker.close()
    return Session(seconds, size, worker.peak_bytes)


def _written_scans(resolution: str, folder: Path) -> tuple[dict[str, Any], dict[str, str], str]:
    written: dict[str, dict[str, str]] = {}
    for examination in ("baseline", "followup"):
        for name in ("FLAIR", "T1", "brain_mask", "lesions"):
            path = folder / f"{examination}_{name}.nii"
            sitk.WriteImage(sample_image(f"{examination}_{name}", resolution), str(path))
            written.setdefault(examination, {})[name] = str(path)
    files = {name: {s: [paths[s]] for s in ("FLAIR", "T1")} for name, paths in written.items()}
    masks = {f"{name}_mask": paths["brain_mask"] for name, paths in written.items()}
    return files, masks, written["baseline"]["lesions"]
