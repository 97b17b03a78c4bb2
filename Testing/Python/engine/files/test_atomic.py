"""Files are complete or not there, whatever happens while they are written, and nothing is left behind."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest
from PatientSpecificTuningLib.engine.errors import InputError
from PatientSpecificTuningLib.engine.files import atomic
from PatientSpecificTuningLib.engine.files.atomic import replace_when_complete
from PatientSpecificTuningLib.engine.files.atomic import write_text
from PatientSpecificTuningLib.engine.files.links import require_inside
from PatientSpecificTuningLib.engine.files.processes import is_running
from PatientSpecificTuningLib.engine.files.processes import this_computer
from PatientSpecificTuningLib.engine.files.temporaries import remove_leftovers

KILLED_WHILE_WRITING = """
import os, sys
from pathlib import Path
from PatientSpecificTuningLib.engine.files.atomic import replace_when_complete
with replace_when_complete(Path(sys.argv[1])) as temporary:
    temporary.write_text("half")
    os._exit(9)
"""


def test_a_write_that_fails_leaves_what_was_there_and_nothing_else(tmp_path: Path) -> None:
    target = tmp_path / "kept.json"
    write_text(target, "old")

    def fail() -> None:
        with replace_when_complete(target) as temporary:
            temporary.write_text("half")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert target.read_text() == "old"
    assert os.listdir(tmp_path) == ["kept.json"]


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, "disk is full while writing kept.json"),
        (errno.EROFS, "choose a folder that you may write to"),
        (errno.EACCES, "choose a folder that you may write to"),
    ],
)
def test_what_the_disk_says_becomes_one_sentence(tmp_path: Path, number: int, words: str) -> None:
    with pytest.raises(InputError, match=words), replace_when_complete(tmp_path / "kept.json"):
        raise OSError(number, os.strerror(number))
    assert os.listdir(tmp_path) == []


def test_a_folder_that_went_away_is_not_made_again(tmp_path: Path) -> None:
    folder = tmp_path / "case" / "baseline"
    with (
        pytest.raises(InputError, match="is not there any more"),
        replace_when_complete(folder / "features.npy", parents=False) as temporary,
    ):
        temporary.write_bytes(b"features")
    assert not folder.exists()


def test_the_next_writer_of_a_file_removes_what_a_killed_one_left(tmp_path: Path) -> None:
    target = tmp_path / "big.npy"
    code = subprocess.run([sys.executable, "-c", KILLED_WHILE_WRITING, str(target)], check=False).returncode
    assert code == 9
    assert len(os.listdir(tmp_path)) == 1
    write_text(target, "whole")
    assert os.listdir(tmp_path) == ["big.npy"]


def test_only_what_is_marked_as_ours_and_of_a_process_that_is_gone_is_removed(tmp_path: Path) -> None:
    gone = _ended_process()
    ours = f".pst-{this_computer()}-{gone}-0.partial"
    kept = {
        ".12.partial",
        "notes.partial.txt",
        f".pst-{this_computer()}-{os.getpid()}-0.partial",
        f".pst-{'0' * 8}-{gone}-0.partial",
    }
    for name in (*kept, ours, f"{ours}.features.npy"):
        (tmp_path / name).write_text("x")
    remove_leftovers([tmp_path])
    assert set(os.listdir(tmp_path)) == kept


@pytest.mark.skipif(os.name == "nt", reason="links need special rights on Windows")
def test_a_leftover_that_is_a_link_is_removed_and_not_followed(tmp_path: Path) -> None:
    precious = tmp_path / "elsewhere"
    precious.mkdir()
    (precious / "scan.nii").write_text("x")
    folder = tmp_path / "case"
    folder.mkdir()
    (folder / f".pst-{this_computer()}-{_ended_process()}-0.partial").symlink_to(precious)
    remove_leftovers([folder])
    assert os.listdir(folder) == []
    assert os.listdir(precious) == ["scan.nii"]


def test_a_file_that_somebody_reads_on_windows_is_replaced_a_moment_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusals = iter([PermissionError(13, "in use"), PermissionError(13, "in use")])
    real = os.replace

    def replace(source: Path, target: Path) -> None:
        for refusal in refusals:
            raise refusal
        real(source, target)

    monkeypatch.setattr(atomic, "WAITS_S", (0.0, 0.0, 0.0))
    monkeypatch.setattr(os, "replace", replace)
    write_text(tmp_path / "case.json", "{}")
    assert (tmp_path / "case.json").read_text() == "{}"


def test_this_process_runs_and_an_ended_one_does_not() -> None:
    assert is_running(os.getpid())
    assert not is_running(_ended_process())
    assert not is_running(0)


@pytest.mark.skipif(os.name == "nt", reason="links need special rights on Windows")
def test_a_path_that_leads_out_of_its_folder_by_a_link_or_by_its_name_is_refused(tmp_path: Path) -> None:
    root = tmp_path / "case"
    (root / "baseline").mkdir(parents=True)
    (root / "results").symlink_to(tmp_path)
    require_inside(root, [root / "baseline", root / "baseline" / "not there yet"])
    for path in (root / "results", root / ".." / "victim", root / "results" / "0001"):
        with pytest.raises(InputError, match="leads out of the folder"):
            require_inside(root, [path])


def _ended_process() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid
