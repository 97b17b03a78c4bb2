"""Write the archive that Slicer's Extensions Manager installs from a file; needs nothing but Python."""

from __future__ import annotations

import argparse
import io
import platform
import re
import subprocess
import sys
import tarfile
import time
import zipfile
from collections.abc import Mapping
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
NAME = "PatientSpecificTuning"
MODULE = REPOSITORY / NAME
OLDEST_SLICER = (5, 12)
SYSTEMS = {"linux": "Linux", "macos": "Darwin", "windows": "Windows"}
# What the description says of the extension, and the variable of CMakeLists.txt that knows it.
DESCRIBED = {
    "depends": "EXTENSION_DEPENDS",
    "homepage": "EXTENSION_HOMEPAGE",
    "contributors": "EXTENSION_CONTRIBUTORS",
    "iconurl": "EXTENSION_ICONURL",
    "description": "EXTENSION_DESCRIPTION",
    "screenshoturls": "EXTENSION_SCREENSHOTURLS",
}
ADDRESSES = {"homepage", "iconurl", "screenshoturls"}


class PackageError(ValueError):
    """The archive cannot be made; the message is one sentence for the user."""


def cmake_values(cmake_file: Path) -> dict[str, list[str]]:
    """Every variable that a CMakeLists.txt sets, its values with the variables in them filled in."""
    values: dict[str, list[str]] = {}
    text = re.sub(r"^\s*#.*$", "", cmake_file.read_text(encoding="utf-8"), flags=re.MULTILINE)
    for name, body in re.findall(r"\bset\((\w+)((?:\s+(?:\"[^\"]*\"|[^\s\")]+))*)\s*\)", text):
        words = [quoted or bare for quoted, bare in re.findall(r"\"([^\"]*)\"|([^\s\"]+)", body)]
        values[name] = [_filled_in(word, values) for word in words]
    return values


def _filled_in(word: str, values: Mapping[str, list[str]]) -> str:
    return re.sub(r"\$\{(\w+)\}", lambda found: ";".join(values[found[1]]), word)


def packaged_files() -> list[str]:
    """Scripts and resources of the module as CMake lists them, relative to the module's folder."""
    listed = cmake_values(MODULE / "CMakeLists.txt")
    return [*listed["MODULE_PYTHON_SCRIPTS"], *listed["MODULE_PYTHON_RESOURCES"]]


def description() -> str:
    """The extension in the words of Slicer's .s4ext files: a keyword and its value on each line."""
    known = cmake_values(REPOSITORY / "CMakeLists.txt")
    lines = ["scm git", "scmurl NA", f"scmrevision {_revision()}"]
    for keyword, variable in DESCRIBED.items():
        value = " ".join(known[variable])
        # Before the extension is published there is nothing to link to.
        lines.append(f"{keyword} {'' if keyword in ADDRESSES and '://' not in value else value}".rstrip())
    return "\n".join([*lines, "category Segmentation", "enabled 1", ""])


def _revision() -> str:
    command = ["git", "-C", str(REPOSITORY), "rev-parse", "--short", "HEAD"]
    try:
        return subprocess.run(command, capture_output=True, check=True, text=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "NA"


def contents(version: str, root: str) -> dict[str, Path | str]:
    """Path in the archive, below the folder `root`, of every file or text that belongs into it."""
    scripted, share = f"{root}/lib/Slicer-{version}/qt-scripted-modules", f"{root}/share/Slicer-{version}"
    files: dict[str, Path | str] = {f"{share}/{NAME}.s4ext": description()}
    files[f"{share}/{NAME}-LICENSE.txt"] = REPOSITORY / "LICENSE.txt"
    files |= {f"{scripted}/{name}": MODULE / name for name in packaged_files()}
    return files


def package(
    slicer_version: str, *, system: str, revision: str | None = None, output: Path = REPOSITORY / "output"
) -> Path:
    """Write the archive for one version of Slicer on one system (a key of SYSTEMS) and return its path.

    Slicer for macOS looks for an extension inside its bundle, below a folder named by its `revision`.

    Raises:
        PackageError: Slicer is too old, its version or revision is missing or wrong, or the folder cannot be written.
    """
    version = _checked_version(slicer_version)
    root = name = f"{NAME}-Slicer-{version}-{system}"
    if system == "macos":
        if revision is None or not revision.isdecimal():
            message = (
                "Slicer on macOS needs its revision too: the number behind the version in"
                " Help > About 3D Slicer, given with --slicer-revision."
            )
            raise PackageError(message)
        name = f"{name}-{revision}"
        root = f"{name}/Slicer.app/Contents/Extensions-{revision}/{NAME}"
    path = output / f"{name}{'.zip' if system == 'windows' else '.tar.gz'}"
    files = contents(version, root)
    try:
        output.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_name(f".{path.name}.partial")
        (_write_zip if system == "windows" else _write_tar)(unfinished, files)
        unfinished.replace(path)
    except OSError as error:
        message = f"{output} cannot be written ({error.strerror}); choose another folder with --output."
        raise PackageError(message) from error
    return path


def _checked_version(text: str) -> str:
    """Major and minor version, of which Slicer names its folders."""
    found = re.fullmatch(r"(\d+)\.(\d+)(\.\d+)?", text)
    if not found:
        message = f"{text} is no version of Slicer; write it like 5.12."
        raise PackageError(message)
    if (int(found[1]), int(found[2])) < OLDEST_SLICER:
        message = f"Slicer {text} is too old; {'.'.join(map(str, OLDEST_SLICER))} or newer is needed."
        raise PackageError(message)
    return f"{found[1]}.{found[2]}"


def _write_tar(path: Path, files: Mapping[str, Path | str]) -> None:
    with tarfile.open(path, "w:gz", compresslevel=6) as archive:
        for name, source in files.items():
            entry = tarfile.TarInfo(name)
            entry.mtime = _modified(source)
            data = _bytes(source)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))


def _write_zip(path: Path, files: Mapping[str, Path | str]) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, source in files.items():
            entry = zipfile.ZipInfo(name, time.localtime(_modified(source))[:6])
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, _bytes(source), zipfile.ZIP_DEFLATED)


def _bytes(source: Path | str) -> bytes:
    return source.encode("utf-8") if isinstance(source, str) else source.read_bytes()


def _modified(source: Path | str) -> int:
    # Python finds out by this whether what it compiled earlier is out of date.
    known = source if isinstance(source, Path) else REPOSITORY / "CMakeLists.txt"
    return int(known.stat().st_mtime)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--slicer-version", required=True, help="version of Slicer, such as 5.12")
    own = next((name for name, title in SYSTEMS.items() if title == platform.system()), "linux")
    parser.add_argument("--system", choices=sorted(SYSTEMS), default=own, help="system that Slicer runs on")
    parser.add_argument("--slicer-revision", help="revision of Slicer (macOS only)")
    parser.add_argument("--output", type=Path, default=REPOSITORY / "output", help="folder for the archive")
    options = parser.parse_args()
    try:
        path = package(
            options.slicer_version,
            system=options.system,
            revision=options.slicer_revision,
            output=options.output,
        )
    except PackageError as error:
        print(error, file=sys.stderr)
        return 2
    print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
