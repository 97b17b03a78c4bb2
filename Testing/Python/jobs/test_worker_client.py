"""The client of the worker, with a process that is a fake."""

from __future__ import annotations

import pytest
from PatientSpecificTuningLib.jobs import messages
from PatientSpecificTuningLib.jobs.client import WorkerClient
from PatientSpecificTuningLib.jobs.signals import Signal


class FakeProcess:
    """Remembers what it was sent; the test says what it answers."""

    def __init__(self) -> None:
        self.outputRead, self.errorRead, self.finished, self.failedToStart = (Signal() for _ in range(4))
        self.sent: list[dict] = []
        self.timers: list = []
        self.killed = self.closed = False
        self.reader = messages.LineReader()

    def start(self) -> None:
        pass

    def write(self, data: bytes) -> None:
        self.sent += self.reader.feed(data)[0]

    def closeInput(self) -> None:
        self.closed = True

    def kill(self) -> None:
        self.killed = True

    def later(self, milliseconds: int, action) -> None:
        self.timers.append(action)

    def says(self, **message) -> None:
        self.outputRead(messages.encode(message))


class Heard:
    """The callbacks of a request, remembered."""

    def __init__(self) -> None:
        self.results: list[dict] = []
        self.errors: list[str] = []
        self.progress: list[tuple] = []
        self.parts: list[dict] = []

    def callbacks(self) -> dict:
        return {
            "onResult": self.results.append,
            "onError": self.errors.append,
            "onProgress": lambda *values: self.progress.append(values),
            "onPart": self.parts.append,
        }


@pytest.fixture
def processes() -> list[FakeProcess]:
    return []


@pytest.fixture
def client(processes) -> WorkerClient:
    def make() -> FakeProcess:
        processes.append(FakeProcess())
        return processes[-1]

    return WorkerClient(make)


@pytest.fixture
def heard() -> Heard:
    return Heard()


def test_parts_of_an_answer_are_heard_before_it_is_complete(client, processes, heard) -> None:
    number = client.request("prepare", {}, **heard.callbacks())
    processes[0].says(id=number, type="part", part={"position": 3})
    processes[0].says(id=number - 1, type="part", part={"position": 4})
    assert (heard.parts, heard.results, client.isBusy) == ([{"position": 3}], [], True)


def test_nothing_is_started_before_the_first_request(client, processes) -> None:
    assert processes == []
    client.request("hello", {})
    assert [message["verb"] for message in processes[0].sent] == ["hello"]


def test_an_answer_reaches_the_one_who_asked(client, processes, heard) -> None:
    number = client.request("tune", {"case": "c"}, **heard.callbacks())
    processes[0].says(id=number, type="progress", stage="Fine-tuning", fraction=0.5, remaining_s=3.0)
    processes[0].says(id=number, type="result", result={"tuned": "0001"})
    assert heard.progress == [("Fine-tuning", 0.5, 3.0)]
    assert heard.results == [{"tuned": "0001"}]
    assert not client.isBusy


def test_requests_wait_for_each_other(client, processes, heard) -> None:
    first = client.request("annotate", {})
    client.request("tune", {}, **heard.callbacks())
    assert len(processes[0].sent) == 1
    processes[0].says(id=first, type="result", result={})
    assert [message["verb"] for message in processes[0].sent] == ["annotate", "tune"]


def test_a_failure_drops_what_builds_on_it(client, processes, heard) -> None:
    first = client.request("annotate", {}, **heard.callbacks())
    client.request("tune", {}, **heard.callbacks())
    processes[0].says(id=first, type="error", kind="input", message="No lesion.")
    assert heard.errors == ["No lesion."]
    assert not client.isBusy


def test_work_ahead_does_not_make_the_client_busy(client, processes) -> None:
    client.request("prepare_tuning", {}, ahead=True)
    assert [message["verb"] for message in processes[0].sent] == ["prepare_tuning"]
    assert not client.isBusy


def test_work_ahead_makes_way_for_what_is_asked_and_is_not_ended_by_force(client, processes, heard) -> None:
    ahead = client.request("prepare_tuning", {}, ahead=True, **heard.callbacks())
    client.request("prepare_tuning", {"later": 1}, ahead=True)
    client.request("tune", {})
    assert client.isBusy
    assert processes[0].sent[-1] == {"id": 0, "verb": "cancel", "arguments": {"id": ahead}}
    assert processes[0].timers == []
    processes[0].says(id=ahead, type="error", kind="cancelled", message="Cancelled.")
    assert processes[0].sent[-1]["verb"] == "tune"
    assert [message["verb"] for message in processes[0].sent].count("prepare_tuning") == 1


def test_work_ahead_waits_for_what_was_asked(client, processes) -> None:
    first = client.request("tune", {})
    client.request("prepare_tuning", {}, ahead=True)
    assert processes[0].sent[-1]["verb"] == "tune"
    processes[0].says(id=first, type="result", result={})
    assert processes[0].sent[-1]["verb"] == "prepare_tuning"
    assert not client.isBusy


def test_the_newest_work_ahead_makes_the_earlier_stop_and_is_itself_no_reason_to_wait(
    client, processes, heard
) -> None:
    older = client.request("learn", {"slices": [3]}, ahead=True, newest=True)
    client.request("prepare_tuning", {}, ahead=True)
    client.request("learn", {"slices": [3, 5]}, ahead=True, newest=True, **heard.callbacks())
    assert not client.isBusy
    assert processes[0].sent[-1] == {"id": 0, "verb": "cancel", "arguments": {"id": older}}
    processes[0].says(id=older, type="error", kind="cancelled", message="Cancelled.")
    assert processes[0].sent[-1]["arguments"] == {"slices": [3, 5]}
    assert "prepare_tuning" not in [message["verb"] for message in processes[0].sent]
    processes[0].says(id=processes[0].sent[-1]["id"], type="result", result={"learned": True})
    assert heard.results == [{"learned": True}]


def test_the_newest_work_ahead_leaves_alone_what_somebody_waits_for(client, processes) -> None:
    client.request("tune", {})
    client.request("segment", {})
    client.request("learn", {}, ahead=True, newest=True)
    assert [message["verb"] for message in processes[0].sent] == ["tune"]


def test_messages_come_together_from_pieces(client, processes, heard) -> None:
    number = client.request("hello", {}, **heard.callbacks())
    line = messages.encode({"id": number, "type": "result", "result": {"device": "日本"}})
    for byte in line:
        processes[0].outputRead(bytes([byte]))
    assert heard.results == [{"device": "日本"}]


def test_other_lines_go_to_the_log(client, processes) -> None:
    lines: list[str] = []
    client.logged.connect(lines.append)
    client.request("hello", {})
    processes[0].outputRead(b"downloading\n")
    processes[0].errorRead(b"a warn")
    processes[0].errorRead("ing \u00e9\r\n".encode())
    assert lines == ["downloading", "a warning \u00e9"]


def test_cancel_asks_first_then_closes_the_input_then_kills(client, processes, heard) -> None:
    number = client.request("prepare", {}, **heard.callbacks())
    client.request("tune", {}, **heard.callbacks())
    client.cancel()
    assert processes[0].sent[-1] == {"id": 0, "verb": "cancel", "arguments": {"id": number}}
    assert not processes[0].killed
    processes[0].timers.pop()()
    assert (processes[0].closed, processes[0].killed) == (True, False)
    processes[0].timers.pop()()
    assert processes[0].killed
    processes[0].finished(9, True)
    assert heard.errors == ["Cancelled; what was complete is kept."]
    assert heard.errors[0].kind == "cancelled"
    assert not client.isBusy


def test_what_is_asked_after_cancel_is_served_by_the_worker_that_listened(client, processes, heard) -> None:
    number = client.request("prepare", {})
    client.cancel()
    later = client.request("tune", {}, **heard.callbacks())
    processes[0].says(id=number, type="error", kind="cancelled", message="Cancelled.")
    assert processes[0].sent[-1]["id"] == later
    assert heard.errors == []


def test_what_is_asked_after_cancel_is_served_by_a_new_worker_where_the_old_one_must_end(
    client, processes, heard
) -> None:
    number = client.request("prepare", {})
    client.cancel()
    later = client.request("tune", {}, **heard.callbacks())
    processes[0].timers.pop()()
    processes[0].says(id=number, type="result", result={})
    assert len(processes) == 1
    processes[0].finished(0, False)
    assert [message["id"] for message in processes[1].sent] == [later]
    assert heard.errors == []


def test_cancel_twice_asks_once(client, processes) -> None:
    client.request("prepare", {})
    client.cancel()
    client.cancel()
    assert [message["verb"] for message in processes[0].sent] == ["prepare", "cancel"]
    assert len(processes[0].timers) == 1


def test_a_mistake_in_a_callback_is_reported_and_the_next_request_goes_on(
    client, processes, heard, capsys
) -> None:
    def mistaken(*values) -> None:
        raise ValueError("mistaken callback")

    first = client.request("annotate", {}, onResult=mistaken, onProgress=mistaken)
    second = client.request("tune", {}, **heard.callbacks())
    progress = {"id": first, "type": "progress", "stage": "s", "fraction": 0, "remaining_s": None}
    processes[0].outputRead(
        messages.encode(progress)
        + messages.encode({"id": first, "type": "result", "result": {}})
        + messages.encode({"id": second, "type": "result", "result": {"tuned": "0001"}})
    )
    assert heard.results == [{"tuned": "0001"}]
    assert capsys.readouterr().err.count("ValueError: mistaken callback") == 2


def test_after_missing_packages_a_new_worker_is_started_that_sees_what_was_installed(
    client, processes, heard
) -> None:
    number = client.request("hello", {}, **heard.callbacks())
    processes[0].says(id=number, type="error", kind="missing", message="PyTorch is missing.")
    assert heard.errors[0].kind == "missing"
    assert processes[0].closed
    client.request("hello", {})
    assert len(processes) == 1
    processes[0].finished(0, False)
    assert [message["verb"] for message in processes[1].sent] == ["hello"]


def test_a_failure_carries_the_log_that_the_worker_sent_or_else_the_last_lines(
    client, processes, heard
) -> None:
    first = client.request("tune", {}, **heard.callbacks())
    processes[0].says(
        id=first, type="error", kind="unexpected", message="Failed.", log=["Traceback", "KeyError"]
    )
    client.request("tune", {}, **heard.callbacks())
    processes[0].errorRead(b"a warning\nBus error")
    processes[0].finished(135, True)
    assert heard.errors[0].log == ("Traceback", "KeyError")
    assert heard.errors[1].log == ("a warning", "Bus error")


def test_a_worker_that_ends_while_nothing_runs_is_replaced_in_silence(client, processes, heard) -> None:
    number = client.request("hello", {}, **heard.callbacks())
    processes[0].says(id=number, type="result", result={})
    processes[0].finished(0, False)
    client.request("hello", {})
    assert len(processes) == 2
    assert heard.errors == []


def test_what_a_stopped_worker_still_writes_does_not_reach_the_next_one(client, processes, heard) -> None:
    client.request("hello", {})
    client.stop()
    number = client.request("hello", {}, **heard.callbacks())
    processes[0].outputRead(b"half a li")
    processes[1].says(id=number, type="result", result={"python": "3"})
    assert heard.results == [{"python": "3"}]


def test_a_worker_that_listens_to_cancel_is_kept(client, processes, heard) -> None:
    number = client.request("prepare", {}, **heard.callbacks())
    client.cancel()
    processes[0].says(id=number, type="error", kind="cancelled", message="Cancelled.")
    processes[0].timers[0]()
    assert not processes[0].killed
    client.request("hello", {})
    assert len(processes) == 1


def test_a_worker_that_dies_says_its_last_words_and_is_started_again(client, processes, heard) -> None:
    client.request("tune", {}, **heard.callbacks())
    processes[0].errorRead(b"Bus error\n")
    processes[0].finished(135, True)
    assert "ended with code 135" in heard.errors[0]
    assert "Bus error" in heard.errors[0]
    client.request("tune", {})
    assert len(processes) == 2


def test_a_worker_that_cannot_start_is_one_sentence(client, processes, heard) -> None:
    client.request("hello", {}, **heard.callbacks())
    processes[0].failedToStart("PythonSlicer: No such file")
    assert heard.errors == [
        "The worker cannot be started (PythonSlicer: No such file); check that Slicer is installed completely."
    ]


def test_stop_ends_the_worker_and_calls_nothing_back(client, processes, heard) -> None:
    client.request("tune", {}, **heard.callbacks())
    client.stop()
    processes[0].finished(0, False)
    assert processes[0].closed
    assert processes[0].killed
    assert (heard.results, heard.errors) == ([], [])


def test_a_late_answer_of_an_earlier_request_is_not_taken_for_a_new_one(client, processes, heard) -> None:
    first = client.request("tune", {})
    processes[0].says(id=first, type="error", kind="input", message="No.")
    client.request("tune", {}, **heard.callbacks())
    processes[0].says(id=first, type="result", result={})
    assert heard.results == []
