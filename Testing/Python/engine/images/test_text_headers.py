"""Headers of NRRD and MetaImage at which the image library ends its process: each is refused in a sentence."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from patients import write_image
from PatientSpecificTuningLib.engine.errors import InputError
from PatientSpecificTuningLib.engine.images.text_header import has_text_header
from PatientSpecificTuningLib.engine.images.text_header import text_header_problem
from PatientSpecificTuningLib.engine.images.volumes import count_volumes
from PatientSpecificTuningLib.engine.images.volumes import read_volume

VALUES = np.random.default_rng(0).random((4, 9, 8)).astype(np.float32)
Change = Callable[[bytes], bytes]


def _with_line(start: bytes, change: Change) -> Change:
    def of(content: bytes) -> bytes:
        lines = content.split(b"\n")
        number = next(i for i, line in enumerate(lines) if line.startswith(start))
        return b"\n".join([*lines[:number], change(lines[number]), *lines[number + 1 :]])

    return of


def _before(start: bytes, line: bytes) -> Change:
    return _with_line(start, lambda found: line + b"\n" + found)


DEADLY = {
    "a NRRD line of junk": (".nrrd", _before(b"type:", b"x" * 1500)),
    "endless space directions": (".nrrd", _with_line(b"space directions:", lambda line: line + b" (0,0,3)" * 300)),
    "endless sizes": (".nrrd", _with_line(b"sizes:", lambda line: line + b" 3" * 1500)),
    "a type that is none": (".nrrd", _with_line(b"type:", lambda line: line + b"x" * 3000)),
    "a pattern that the reader fills in, NRRD": (".nrrd", _before(b"encoding:", b"data file: %s%n%s 0 3 1")),
    "a list of files, NRRD": (".nrrd", _before(b"encoding:", b"data file: LIST")),
    "thousands of dimensions": (".mha", _with_line(b"NDims", lambda _: b"NDims = 4096")),
    "dimensions beyond any number": (".mha", _with_line(b"NDims", lambda _: b"NDims = " + b"9" * 40)),
    "a name without end": (".mha", _before(b"DimSize", b"Name = " + b"x" * 300)),
    "a spacing that is no number": (".mha", _with_line(b"ElementSpacing", lambda line: line + b" nan")),
    "a pattern that the reader fills in, MetaImage": (
        ".mha",
        _with_line(b"ElementDataFile", lambda _: b"ElementDataFile = %s%n%s 1 4 1"),
    ),
    "a list of files, MetaImage": (
        ".mha",
        _with_line(b"ElementDataFile", lambda _: b"ElementDataFile = LIST"),
    ),
    "no data": (".mha", lambda content: content[: content.index(b"ElementDataFile")]),
    "a header without end": (".nrrd", _before(b"encoding:", b"key:=" + b"v" * 2_000_000)),
}  # fmt: skip


@pytest.mark.parametrize(("suffix", "change"), DEADLY.values(), ids=DEADLY)
def test_such_a_header_is_refused_before_the_library_sees_it(
    tmp_path: Path, suffix: str, change: Change
) -> None:
    path = write_image(tmp_path / f"scan{suffix}", VALUES)
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(InputError) as raised:
        count_volumes(path, "FLAIR")
    assert str(path) in str(raised.value)
    assert len(str(raised.value).splitlines()) == 1


@pytest.mark.parametrize("suffix", [".nrrd", ".nhdr", ".mha", ".mhd"])
@pytest.mark.parametrize("dimensions", [3, 4])
def test_what_the_library_writes_passes(tmp_path: Path, suffix: str, dimensions: int) -> None:
    values = VALUES if dimensions == 3 else np.stack([VALUES] * 3)
    path = write_image(tmp_path / f"scan{suffix}", values, (0.9, 0.8, 3.0, 1.0)[:dimensions])
    assert has_text_header(path)
    assert text_header_problem(path) == ""


def test_keys_and_long_values_that_programs_add_to_nrrd_pass(tmp_path: Path) -> None:
    image = sitk.GetImageFromArray(VALUES)
    image.SetMetaData("Segment0_Tags", "Segmentation.Status:inprogress|" * 200)
    path = tmp_path / "scan.seg.nrrd"
    sitk.WriteImage(image, str(path))
    assert np.array_equal(sitk.GetArrayFromImage(read_volume(path, "FLAIR")), VALUES)


def test_lines_as_windows_ends_them_and_comments_pass(tmp_path: Path) -> None:
    path = write_image(tmp_path / "scan.nrrd", VALUES)
    header, data = path.read_bytes().split(b"\n\n", 1)
    path.write_bytes((header + b"\n# " + b"c" * 2000).replace(b"\n", b"\r\n") + b"\r\n\r\n" + data)
    assert text_header_problem(path) == ""


def test_other_images_are_not_looked_at(tmp_path: Path) -> None:
    assert text_header_problem(write_image(tmp_path / "scan.nii", VALUES)) == ""
