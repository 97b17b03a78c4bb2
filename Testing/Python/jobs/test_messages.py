"""Lines between panel and worker: whole, in pieces, and among what libraries print."""

from __future__ import annotations

import pytest
from PatientSpecificTuningLib.jobs import messages

TUNE = {"id": 7, "verb": "tune", "arguments": {"case": "C:\\Łódź données\\日本 🧠", "slices": [3, 5]}}
DONE = {"id": 7, "type": "result", "result": {"tuned": "0001"}}


def test_a_message_is_one_line_of_ascii_and_comes_back_the_same() -> None:
    line = messages.encode(TUNE)
    assert line.isascii()
    assert line.count(b"\n") == 1
    assert line.endswith(b"\n")
    assert messages.LineReader().feed(line) == ([TUNE], [])


@pytest.mark.parametrize("size", [1, 2, 7, 1000])
def test_a_stream_may_be_cut_anywhere(size: int) -> None:
    stream = messages.encode(TUNE) + "avertissement é\n".encode() + messages.encode(DONE)
    reader, received, others = messages.LineReader(), [], []
    for start in range(0, len(stream), size):
        found, rest = reader.feed(stream[start : start + size])
        received += found
        others += rest
    assert (received, others) == ([TUNE, DONE], ["avertissement é"])


def test_a_line_that_has_not_ended_is_kept_until_it_does() -> None:
    reader = messages.LineReader()
    assert reader.feed(messages.encode(TUNE)[:-1]) == ([], [])
    assert reader.feed(b"\n") == ([TUNE], [])


def test_lines_may_end_as_on_windows() -> None:
    assert messages.LineReader().feed(messages.encode(DONE).replace(b"\n", b"\r\n")) == ([DONE], [])


def test_a_message_behind_text_without_line_end_is_found() -> None:
    assert messages.LineReader().feed(b"50 %|#####" + messages.encode(DONE)) == ([DONE], ["50 %|#####"])


@pytest.mark.parametrize(
    "line", ["@pst {broken", "@pst [1, 2]", '{"id": 1}', "@pst", 'see "@pst {}" in the manual']
)
def test_what_only_looks_like_a_message_is_text_for_the_log(line: str) -> None:
    assert messages.LineReader().feed(line.encode() + b"\n") == ([], [line])


def test_bytes_that_are_no_text_do_not_stop_the_reader() -> None:
    received, others = messages.LineReader().feed(b"\xff\xfe\x00\n" + messages.encode(DONE))
    assert received == [DONE]
    assert len(others) == 1
