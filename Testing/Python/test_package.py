"""The archive for the Extensions Manager, unpacked by the rules of Slicer's own qSlicerExtensionsManagerModel."""

from __future__ import annotations

import os
import tarfile
import zipfile
from pathlib import Path
from pathlib import PurePosixPath

import package
import pytest
from conftest import PACKAGE_ROOT
from package import NAME
from package import PackageError
from package import cmake_values

REVISION = "34045"


@pytest.fixture(scope="module", params=("linux", "macos", "windows"))
def archive(request, tmp_path_factory) -> Path:
    return package.package(
        "5.12.3", system=request.param, revision=REVISION, output=tmp_path_factory.mktemp("archive")
    )


@pytest.fixture
def extension(archive: Path, tmp_path: Path) -> Path:
    return install(archive, tmp_path, on_mac="macos" in archive.name)


def _names(archive: Path) -> list[str]:
    if archive.suffix == ".zip":
        with zipfile.ZipFile(archive) as opened:
            return opened.namelist()
    with tarfile.open(archive) as opened:
        return opened.getnames()


def _unpack(archive: Path, folder: Path) -> None:
    if archive.suffix == ".zip":
        with zipfile.ZipFile(archive) as opened:
            opened.extractall(folder)
    else:
        with tarfile.open(archive) as opened:
            opened.extractall(folder, filter="data")


def install(archive: Path, folder: Path, *, on_mac: bool) -> Path:
    """What Slicer does with an archive: the folder of the extension, named by its description file."""
    [described] = [PurePosixPath(name) for name in _names(archive) if name.endswith(".s4ext")]
    extension = folder / described.stem
    extension.mkdir()
    _unpack(archive, extension)
    top = extension / PurePosixPath(_names(archive)[0]).parts[0]
    inner = top / "Slicer.app" / "Contents" / f"Extensions-{REVISION}" / described.stem if on_mac else top
    for found in list(inner.iterdir()):
        os.replace(found, extension / found.name)
    return extension


def parsed(description: Path) -> dict[str, str]:
    """A description as Slicer reads it: the first word of a line is the key."""
    lines = [line.split() for line in description.read_text(encoding="utf-8").splitlines()]
    return {words[0]: " ".join(words[1:]) for words in lines if words and not words[0].startswith("#")}


def test_slicer_finds_every_listed_file_where_it_looks_for_scripted_modules(extension: Path) -> None:
    modules = extension / "lib" / "Slicer-5.12" / "qt-scripted-modules"
    found = {path.relative_to(modules).as_posix() for path in modules.rglob("*") if path.is_file()}
    listed = cmake_values(PACKAGE_ROOT / "CMakeLists.txt")
    assert found == {*listed["MODULE_PYTHON_SCRIPTS"], *listed["MODULE_PYTHON_RESOURCES"]}
    assert all((modules / name).read_bytes() == (PACKAGE_ROOT / name).read_bytes() for name in found)


def test_the_description_names_the_extension_and_what_it_depends_on(extension: Path) -> None:
    said = parsed(extension / "share" / "Slicer-5.12" / f"{NAME}.s4ext")
    assert extension.name == NAME
    assert said["depends"] == "PyTorch"
    assert said["category"] == "Segmentation"
    assert said["description"].startswith("Patient-specific fine-tuning")
    assert {said["scm"], said["enabled"]} == {"git", "1"}
    # An address that leads nowhere is none.
    assert all("://" in said[keyword] or not said[keyword] for keyword in package.ADDRESSES)


def test_slicers_own_archive_reader_lists_and_unpacks_it(archive: Path, tmp_path: Path) -> None:
    pytest.importorskip(
        "slicer_core", reason="slicer-core is not installed: its archive reader is not asked."
    )
    import slicer

    listed: list[str] = []
    assert slicer.vtkArchive.ListArchive(str(archive), listed)
    assert listed == _names(archive)
    (tmp_path / "unpacked").mkdir()
    assert slicer.vtkArchive.UnZip(str(archive), str(tmp_path / "unpacked"))
    assert sum(path.is_file() for path in (tmp_path / "unpacked").rglob("*")) == len(listed)


def test_the_unpacked_module_can_be_imported_without_the_checkout(extension: Path) -> None:
    import subprocess
    import sys

    modules = extension / "lib" / "Slicer-5.12" / "qt-scripted-modules"
    code = "import PatientSpecificTuningLib.jobs.client as module; print(module.__file__)"
    environment = {**os.environ, "PYTHONPATH": str(modules)}
    run = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert Path(run.stdout.strip()).is_relative_to(modules)


@pytest.mark.parametrize(
    ("version", "revision", "said"),
    [
        ("5.8", None, "5.12 or newer is needed"),
        ("newest", None, "newest is no version of Slicer"),
        ("5.12", None, "needs its revision"),
        ("5.12", "r1/../..", "needs its revision"),
    ],
)
def test_what_cannot_be_made_is_one_sentence(
    tmp_path: Path, version: str, revision: str | None, said: str
) -> None:
    with pytest.raises(PackageError, match=said):
        package.package(version, system="macos", revision=revision, output=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(PackageError, match="choose another folder with --output"):
        package.package("5.12", system="linux", output=tmp_path / "file" / "below")


def test_variables_comments_and_quotes_of_cmake_lists_are_understood(tmp_path: Path) -> None:
    file = tmp_path / "CMakeLists.txt"
    file.write_text(
        'set(NAME x)\n# set(NAME y)\nset(FILES\n  ${NAME}.py\n  a/b.py\n  )\nset(TEXT "one (two)")\n'
    )
    assert cmake_values(file) == {"NAME": ["x"], "FILES": ["x.py", "a/b.py"], "TEXT": ["one (two)"]}
