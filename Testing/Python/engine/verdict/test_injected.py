"""Lesions put into the follow-up: where they go, what is counted, and what the verdict makes of it."""

from __future__ import annotations

import numpy as np
from PatientSpecificTuningLib.engine.verdict.injected import APART_MM
from PatientSpecificTuningLib.engine.verdict.injected import CONTRASTS
from PatientSpecificTuningLib.engine.verdict.injected import EACH
from PatientSpecificTuningLib.engine.verdict.injected import VOLUMES_MM3
from PatientSpecificTuningLib.engine.verdict.injected import Injected
from PatientSpecificTuningLib.engine.verdict.injected import as_values
from PatientSpecificTuningLib.engine.verdict.injected import place_lesions

SHAPE, SAMPLING = (12, 120, 120), (3.0, 1.0, 1.0)
ALL = len(VOLUMES_MM3) * len(CONTRASTS) * EACH


def _placed(seed: int = 0, nothing: np.ndarray | None = None) -> Injected:
    everywhere = np.ones(SHAPE, dtype=bool)
    organ = everywhere.copy()
    organ[:, :5], organ[:, -5:] = False, False
    free = everywhere if nothing is None else nothing
    return place_lesions(everywhere, organ, free, SAMPLING, np.random.default_rng(seed))


def test_every_size_and_contrast_is_placed_as_often_apart_from_the_others() -> None:
    injected = _placed()
    assert len(injected.kinds) == ALL
    assert all(injected.kinds.count(kind) == EACH for kind in set(injected.kinds))
    middles = [np.argwhere(injected.numbers == n + 1).mean(axis=0) * SAMPLING for n in range(ALL)]
    nearest = min(np.linalg.norm(a - b) for i, a in enumerate(middles) for b in middles[:i])
    assert nearest > APART_MM - 4


def test_the_same_seed_puts_them_at_the_same_places() -> None:
    assert (_placed(3).numbers == _placed(3).numbers).all()
    assert (_placed(3).numbers != _placed(4).numbers).any()


def test_nothing_is_put_where_a_cnn_sees_something_already() -> None:
    nothing = np.ones(SHAPE, dtype=bool)
    nothing[:, :, 60:] = False
    injected = _placed(nothing=nothing)
    assert injected.kinds
    assert not injected.numbers[:, :, 60:].any()


def test_without_room_there_is_nothing_to_inject() -> None:
    assert _placed(nothing=np.zeros(SHAPE, dtype=bool)).kinds == []


def test_what_is_found_is_counted_by_size_and_contrast_and_said_in_one_sentence() -> None:
    injected = _placed()
    base, tuned = np.ones(ALL, dtype=bool), np.ones(ALL, dtype=bool)
    tuned[[kind == (30.0, 0.5) for kind in injected.kinds]] = False
    values = as_values(injected, base, tuned)
    faint = next(row for row in values["rows"] if (row["mm3"], row["contrast"]) == (30.0, 0.5))
    assert (faint["lesions"], faint["base"], faint["tuned"]) == (EACH, EACH, 0)
    assert values["loses_too_many"]
    assert values["sentence"] == (
        "Of lesions of 30 to 500 mm³ put into the follow-up: of 12 as bright as this patient's own the tuned CNN finds"
        " 12 and the base CNN 12; of 12 half as bright the tuned CNN finds 8 and the base CNN 12."
    )


def test_losing_two_of_them_is_within_chance() -> None:
    injected = _placed()
    base, tuned = np.ones(ALL, dtype=bool), np.ones(ALL, dtype=bool)
    tuned[:2] = False
    assert not as_values(injected, base, tuned)["loses_too_many"]
    assert not as_values(injected, tuned, base)["loses_too_many"]
