"""Files of transforms: what ITK writes is read, and what would end its process is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
import SimpleITK as sitk
from PatientSpecificTuningLib.engine.images.transform_file import read_transform

LINEAR = {
    "none": sitk.Transform(3, sitk.sitkIdentity),
    "Euler": sitk.Euler3DTransform((1.0, 2.0, 3.0), 0.1, 0.2, 0.3, (4.0, 5.0, 6.0)),
    "affine": sitk.AffineTransform((2.0, 0, 0, 0, 1.0, 0, 0, 0, 1.0), (1.0, 2.0, 3.0), (4.0, 5.0, 6.0)),
    "translation": sitk.TranslationTransform(3, (1.0, 2.0, 3.0)),
    "versor": sitk.VersorRigid3DTransform((0, 0, 1), 0.2, (1.0, 2.0, 3.0), (4.0, 5.0, 6.0)),
    "similarity": sitk.Similarity3DTransform(2.0, (0, 0, 1), 0.2, (1.0, 2.0, 3.0)),
    "scale": sitk.ScaleTransform(3, (1.0, 2.0, 3.0)),
    "scale and versor": sitk.ScaleVersor3DTransform(),
    "rotation": sitk.VersorTransform((0, 0, 1), 0.2),
    "chain": sitk.CompositeTransform(
        [sitk.Euler3DTransform(), sitk.TranslationTransform(3, (1.0, 2.0, 3.0))]
    ),
}
POINT = (7.0, 8.0, 9.0)


@pytest.mark.parametrize("transform", LINEAR.values(), ids=LINEAR)
@pytest.mark.parametrize("suffix", [".tfm", ".txt", ".h5"])
def test_a_linear_transform_comes_back(tmp_path: Path, transform: sitk.Transform, suffix: str) -> None:
    path = tmp_path / f"transform{suffix}"
    sitk.WriteTransform(transform, str(path))
    assert read_transform(path).TransformPoint(POINT) == pytest.approx(transform.TransformPoint(POINT))


WHOLE = """#Insight Transform File V1.0
#Transform 0
Transform: Euler3DTransform_double_3_3
Parameters: 0 0 0 0 0 0
FixedParameters: 0 0 0 0
"""


def test_the_whole_text_is_read(tmp_path: Path) -> None:
    path = tmp_path / "whole.tfm"
    path.write_text(WHOLE, encoding="ascii")
    assert read_transform(path).TransformPoint(POINT) == POINT


@pytest.mark.parametrize(
    ("part", "other"),
    [
        ("Parameters: 0 0 0 0 0 0", "Parameters: 00 0 0 0 0"),
        ("Parameters: 0 0", "Parameters:Parameters: 0 0"),
        ("Parameters: 0 0", "Parameters: True 0"),
        ("Parameters: 0 0", "Parameters: nan 0"),
        ("Parameters: 0 0", "Parameters: \u00b5 0"),
        ("FixedParameters: 0 0 0 0", "FixedParameters: 0"),
        ("FixedParameters: 0 0 0 0", ""),
        ("Euler3DTransform", "Euler2DTransform"),
        ("_double_3_3", "_double_2_2"),
        ("V1.0", ""),
        (WHOLE, ""),
        (WHOLE, "#Insight Transform File V1.0\n"),
    ],
)
def test_a_damaged_text_is_refused(tmp_path: Path, part: str, other: str) -> None:
    path = tmp_path / "damaged.tfm"
    path.write_text(WHOLE.replace(part, other, 1), encoding="utf-8")
    with pytest.raises(ValueError, match=r"\w"):
        read_transform(path)


def test_no_file_is_an_error_of_the_system(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        read_transform(tmp_path / "absent.tfm")
