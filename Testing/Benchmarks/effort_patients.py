"""Real examinations with expert masks as the simulated user corrects them, with stored features of the right weights."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "PatientSpecificTuning"))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "Training"))

from brain_examinations import MS3SEG
from brain_examinations import SOURCES
from brain_examinations import Source
from brain_examinations import read_corrected
from judge_brain_model import NAMES
from judge_brain_model import model_without
from PatientSpecificTuningLib.engine.network.features import FeatureStore
from PatientSpecificTuningLib.engine.network.features import compute_features
from PatientSpecificTuningLib.engine.network.model_choice import choose_model
from PatientSpecificTuningLib.engine.network.model_folder import load_model
from PatientSpecificTuningLib.engine.network.network import DualPathwayNetwork

PAIR = "12"
PAIR_FOLDER = "open_ms_longitudinal/patient12"
SOURCE_OF = {source.name: source for source in (*SOURCES, *MS3SEG) if source.name in NAMES}
PATIENTS = (*SOURCE_OF, PAIR)


@dataclass(frozen=True)
class Scan:
    """One examination as the CNN sees it, arrays (Z, Y, X), and its stored features."""

    images: NDArray[np.float32]
    organ: NDArray[np.bool_]
    lesions: NDArray[np.bool_]
    spacing: tuple[float, float, float]
    store: FeatureStore


@dataclass(frozen=True)
class Patient:
    """What is corrected and what is judged.

    Attributes:
        corrected: the examination that is corrected, on the slices that `offered` marks, (Z,).
        judged: the examination on whose slices `judged_slices` Dice is told; None is all of them.
    """

    title: str
    network: DualPathwayNetwork
    corrected: Scan
    offered: NDArray[np.bool_]
    judged: Scan
    judged_slices: list[int] | None


@contextmanager
def opened_patient(name: str, data: Path, models: Path, slab: int | None = None) -> Iterator[Patient]:
    """A patient with features by weights that have not seen this patient; they are removed afterwards.

    Args:
        models: folders of weights named without-PATIENT-PATIENT.
        slab: so many slices round the middle of the lesion load are all that there is of a scan; None is all of it.
    """
    _card, network = load_model(unseen_model(name, models))
    with TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        work = Path(folder)
        if name == PAIR:
            baseline, followup = (_scan(s, data, network, work, slab) for s in _pair_sources())
            offered = np.ones(len(baseline.organ), dtype=bool)
            yield Patient("open MS 12 (pair)", network, baseline, offered, followup, None)
            return
        scan = _scan(SOURCE_OF[name], data, network, work, slab)
        offered = np.arange(len(scan.organ)) % 2 == 0
        odd = np.flatnonzero(~offered).tolist()
        yield Patient(NAMES[name], network, scan, offered, scan, odd)


def _pair_sources() -> list[Source]:
    return [
        Source(
            f"{PAIR}-{when}",
            PAIR_FOLDER,
            f"{when}_FLAIR.nii.gz",
            f"{when}_T1.nii.gz",
            f"{when}_lesion_silver.nii.gz",
        )
        for when in ("baseline", "followup")
    ]


def unseen_model(name: str, models: Path) -> Path:
    """Weights trained without this patient: those held out; for the pair, which nothing has learned from, the shipped."""
    return model_without(name, models) if name in SOURCE_OF else choose_model(None)


def _scan(source: Source, data: Path, network: DualPathwayNetwork, folder: Path, slab: int | None) -> Scan:
    corrected = read_corrected(source, data)
    examination = corrected.training_examination(network.card)
    part = _middle(examination.lesions, slab)
    images = np.ascontiguousarray(examination.images[:, part], dtype=np.float32)
    organ, lesions = examination.organ[part], examination.lesions[part]
    store = compute_features(network, images, organ, folder / f"{source.name}.npy")
    return Scan(images, organ, lesions, corrected.spacing, store)


def _middle(lesions: NDArray[np.bool_], slab: int | None) -> slice:
    if slab is None or slab >= len(lesions):
        return slice(None)
    load = np.cumsum(np.count_nonzero(lesions, axis=(1, 2)))
    middle = int(np.searchsorted(load, load[-1] / 2))
    first = min(max(0, middle - slab // 2), len(lesions) - slab)
    return slice(first, first + slab)
