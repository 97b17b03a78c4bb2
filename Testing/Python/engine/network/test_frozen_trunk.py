"""The frozen trunk computes what the organ's box needs; that its features are right is tested with their store."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from PatientSpecificTuningLib.engine.network.frozen_trunk import needed_spans


@given(size=st.integers(5, 60), first=st.integers(0, 59), length=st.integers(1, 60))
def test_every_layer_computes_what_the_next_one_needs_and_nothing_beyond_the_slice(size, first, length):
    first = min(first, size - 1)
    last = min(size, first + length)
    rates = (1, 1, 2, 5)
    spans = needed_spans(first, last, size, rates)
    assert spans[-1] == (first, last)
    for before, after, rate in zip(spans[:-1], spans[1:], rates, strict=True):
        assert before == (max(0, after[0] - rate), min(size, after[1] + rate))
