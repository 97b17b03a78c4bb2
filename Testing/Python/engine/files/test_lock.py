"""The lock lets one writer in at a time, is never left locked, and says who is waited for."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from PatientSpecificTuningLib.engine.errors import InputError
from PatientSpecificTuningLib.engine.files import lock
from PatientSpecificTuningLib.engine.files.lock import locked

HOLDER = """
import sys, time
from pathlib import Path
from PatientSpecificTuningLib.engine.files import lock
if sys.argv[2] == "without":
    def none(file):
        raise OSError("no locks here")
    lock._taken = none
with lock.locked(Path(sys.argv[1]), "the case"):
    print("held", flush=True)
    time.sleep(60)
"""
COUNTER = """
import sys
from pathlib import Path
from PatientSpecificTuningLib.engine.files.lock import locked
path = Path(sys.argv[1])
for _ in range(50):
    with locked(path.with_name("lock"), "the count", patience_s=60):
        path.write_text(str(int(path.read_text()) + 1))
"""


@contextmanager
def _held_elsewhere(path: Path, *, locks: bool = True) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", HOLDER, str(path), "with" if locks else "without"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "held\n"
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def _without_locks(file: object) -> bool:
    raise OSError(errno.ENOLCK, "no locks here")


@pytest.mark.parametrize("locks", [True, False])
def test_a_lock_that_another_process_holds_is_waited_for_and_then_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, locks: bool
) -> None:
    if not locks:
        monkeypatch.setattr(lock, "_taken", _without_locks)
    with (
        _held_elsewhere(tmp_path / "lock", locks=locks),
        pytest.raises(InputError, match="Another process is writing to the case"),
        locked(tmp_path / "lock", "the case", patience_s=0.1),
    ):
        pass


@pytest.mark.parametrize("locks", [True, False])
def test_a_lock_ends_with_the_process_that_held_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, locks: bool
) -> None:
    if not locks:
        monkeypatch.setattr(lock, "_taken", _without_locks)
    with _held_elsewhere(tmp_path / "lock", locks=locks) as process:
        process.kill()
        process.wait()
        with locked(tmp_path / "lock", "the case", patience_s=5):
            pass
    assert set(os.listdir(tmp_path)) == {"lock"}


def test_two_processes_that_count_lose_nothing(tmp_path: Path) -> None:
    (tmp_path / "count").write_text("0")
    command = [sys.executable, "-c", COUNTER, str(tmp_path / "count")]
    processes = [subprocess.Popen(command) for _ in range(2)]
    assert [process.wait() for process in processes] == [0, 0]
    assert (tmp_path / "count").read_text() == "100"


def test_one_thread_may_hold_it_twice_and_another_one_waits(tmp_path: Path) -> None:
    heard: list[str] = []

    def other() -> None:
        try:
            with locked(tmp_path / "lock", "the case", patience_s=0.05):
                heard.append("held")
        except InputError as error:
            heard.append(str(error))

    with locked(tmp_path / "lock", "the case"), locked(tmp_path / "lock", "the case"):
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
    assert "Another process is writing" in heard[0]
    other()
    assert heard[1] == "held"


@pytest.mark.skipif(os.name == "nt", reason="links need special rights on Windows")
def test_a_lock_that_is_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "lock").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(InputError, match="is a link"), locked(tmp_path / "lock", "the case"):
        pass
    assert not (tmp_path / "elsewhere").exists()


def test_a_folder_that_is_gone_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not there any more"), locked(tmp_path / "gone" / "lock", "it"):
        pass
