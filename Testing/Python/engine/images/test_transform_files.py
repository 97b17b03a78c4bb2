"""Files of transforms: what ITK writes is read, and what would end its process is refused."""

from __future__ import annotations

import base64
import zlib
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


@pytest.mark.parametrize("number", ["1e30", "-1e7", "1e300", "inf"])
@pytest.mark.parametrize("field", ["Parameters", "FixedParameters"])
def test_numbers_beyond_any_patient_are_refused(tmp_path: Path, field: str, number: str) -> None:
    path = tmp_path / "far.tfm"
    path.write_text(WHOLE.replace(f"{field}: 0", f"{field}: {number}"), encoding="utf-8")
    with pytest.raises(ValueError, match="too large"):
        read_transform(path)


# A file of a translation with some bytes repeated, at which HDF5 ends the process by a wrong access to memory.
ENDS_THE_PROCESS = (
    "c-rgqaB<`1lHy|G;9!7(|4@*j0O1=z#lxq!-"
    "}m=$31U*{?BdBr#uZFL$QogQi;01efq_kw0Z4IqhIogi78Pga=N*Qc2bBQ204i~x5h5WVz`*c~6~eY+K!_Pb#T4L9{cgjsAM7MWb"
    "SE(|GKw%TFfjrFR4t5V7GYqN1abrzAQ&Rf!N3Z1Ei)4b&?n4{4A9UJfLXMGVaS1Vxd$fFB5VXChJM)m_S3SbMc60|gRo(h`f`C5V"
    "Ph~1!lpApb-"
    "ur|hc}xD$d8=<!O)URoCP9pvLvOEoFbA3WE`V`0vpsG59&GjjsCaUU?&TL>|pZ`_Djr7{mld|f+azMd?7`NdBth@MY--"
    "p`K1NH&|>ymVBKAEJR<=zlNWAgNM%9lW~j&5ltFS5a5=Zkiqw>V#3G=RN`N65Ab}|C&$C0=S`0{Ojk&>lE-lig!!Ssjs{g{{!4WM"
    "7@}n?3j1j?`BMDJiteQRrmf1m`=0F6PyR*L!BT`5(BB=ubQ#}(s3m^?mKMXRk1nc5vs*sbJRFqg$sZa*V6jlm`dWJ@NhTup*Gsh="
    "0ue1V4L-P#-Ka@7pGqlh%G0{y+)-5x&G=-"
    "~|htgnQ<s_B>jfZ<MJ|(|2DJM1FINlf@7!LdlqhJ(_f>AIEM!_f;1*2dTjDk@x3P!;w7zLvMGJFFY{s9f?AP)zDhHUte_@JR0c_c"
    "naEupbEbo)SKae@l=(CHNi1`}=ulm9@Az+-V-kg+(}Xd+zG5FCp$K7U{@p|F7si7}H9HUSC{wGu-"
    "(Z0?`rJUp87M!_f;1*2d%fCu*IA^=l95i$"
)


def test_a_file_that_ends_the_process_that_reads_it_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "damaged.h5"
    path.write_bytes(zlib.decompress(base64.b85decode(ENDS_THE_PROCESS)))
    with pytest.raises(ValueError, match="no linear transform"):
        read_transform(path)


@pytest.mark.parametrize("content", [b"", b"no transform", b"\x89HDF\r\n\x1a\n" + bytes(500)])
@pytest.mark.parametrize("suffix", [".h5", ".mat", ".xfm", ".nii"])
def test_what_is_no_transform_of_another_kind_is_refused(tmp_path: Path, content: bytes, suffix: str) -> None:
    path = tmp_path / f"damaged{suffix}"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="no linear transform"):
        read_transform(path)


def test_no_file_is_an_error_of_the_system(tmp_path: Path) -> None:
    for name in ("absent.tfm", "absent.h5"):
        with pytest.raises(OSError, match="No such file"):
            read_transform(tmp_path / name)
