"""DICOM series: stacks of plain slices, and series as a scanner writes them, made from image files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk

STUDY, FRAME = "1.2.826.0.1.3680043.8.498.1", "1.2.826.0.1.3680043.8.498.2"
MR_STORAGE, EXPLICIT = "1.2.840.10008.5.1.4.1.1.4", "1.2.840.10008.1.2.1"

ALONG_THE_AXES = "1\\0\\0\\0\\1\\0"


def write_stack(
    folder: Path,
    planes: Sequence[Any],
    positions: Sequence[Sequence[float]],
    *,
    series: str = "1.2.3",
    orientations: Sequence[str] | None = None,
    spacing: tuple[float, float] = (1.0, 1.0),
    first: int = 0,
) -> Path:
    """Write planes (Y, X) of int16 as the slices of a DICOM series, with no more in their headers than a reader needs.

    Args:
        positions: of the first voxel of each plane, in mm.
        orientations: of each plane, as the header says it.
        first: number of the first slice, by which files and slices are called: 000.dcm and so on.
    """
    folder.mkdir(exist_ok=True)
    writer = sitk.ImageFileWriter()
    writer.KeepOriginalImageUIDOn()
    for z, (plane, position) in enumerate(zip(planes, positions, strict=True)):
        image = sitk.GetImageFromArray(np.asarray(plane, dtype=np.int16)[None])
        image.SetSpacing((*spacing, 3.0))
        tags = {
            "0008|0060": "MR",
            "0020|000e": series,
            "0008|0018": f"{series}.{first + z + 1}",
            "0020|0032": "\\".join(f"{v:.4f}" for v in position),
            "0020|0037": orientations[z] if orientations else ALONG_THE_AXES,
            "0020|0013": str(first + z),
        }
        for key, value in tags.items():
            image.SetMetaData(key, value)
        writer.SetFileName(str(folder / f"{first + z:03d}.dcm"))
        writer.Execute(image)
    return folder


def write_plain_series(folder: Path) -> Path:
    """Three small slices, 2 mm apart."""
    planes = np.arange(30).reshape(5, 6) + np.arange(3)[:, None, None]
    return write_stack(folder, planes, [(0, 0, 2 * z) for z in range(3)])


def write_dicom_series(image_file: Path, folder: Path, number: int, **headers: Any) -> Path:
    """Write the slices of a volume as MR images; `headers` are DICOM keywords that replace the usual ones."""
    import pydicom

    image = sitk.ReadImage(str(image_file))
    array = sitk.GetArrayFromImage(image)
    scaled = np.round((array - array.min()) / np.ptp(array) * 4000).astype(np.uint16)
    direction = np.reshape(image.GetDirection(), (3, 3))
    folder.mkdir(parents=True)
    for z, pixels in enumerate(scaled):
        meta = pydicom.dataset.FileMetaDataset()
        meta.MediaStorageSOPClassUID, meta.TransferSyntaxUID = MR_STORAGE, EXPLICIT
        meta.MediaStorageSOPInstanceUID = f"{STUDY}.{number}.{z + 1}"
        dataset = pydicom.dataset.FileDataset(None, {}, file_meta=meta, preamble=b"\0" * 128)
        values = {
            "SOPClassUID": MR_STORAGE,
            "SOPInstanceUID": meta.MediaStorageSOPInstanceUID,
            "StudyInstanceUID": STUDY,
            "SeriesInstanceUID": f"{STUDY}.{number}",
            "FrameOfReferenceUID": FRAME,
            "PatientID": "P1",
            "PatientName": "Phantom^Patient",
            "PatientBirthDate": "19700101",
            "PatientSex": "O",
            "StudyDate": "20200131",
            "StudyTime": "120000",
            "StudyID": "1",
            "AccessionNumber": "",
            "ReferringPhysicianName": "",
            "Modality": "MR",
            "Manufacturer": "None",
            "SeriesNumber": number,
            "InstanceNumber": z + 1,
            "PositionReferenceIndicator": "",
            "ImageType": ["ORIGINAL", "PRIMARY"],
            "ImagePositionPatient": [round(v, 4) for v in image.TransformIndexToPhysicalPoint((0, 0, z))],
            "ImageOrientationPatient": [*direction[:, 0], *direction[:, 1]],
            "PixelSpacing": [image.GetSpacing()[1], image.GetSpacing()[0]],
            "SliceThickness": image.GetSpacing()[2],
            "SamplesPerPixel": 1,
            "PhotometricInterpretation": "MONOCHROME2",
            "Rows": pixels.shape[0],
            "Columns": pixels.shape[1],
            "BitsAllocated": 16,
            "BitsStored": 16,
            "HighBit": 15,
            "PixelRepresentation": 0,
            "PixelData": pixels.tobytes(),
            **headers,
        }
        for keyword, value in values.items():
            setattr(dataset, keyword, value)
        dataset.save_as(folder / f"{z:03d}.dcm", enforce_file_format=True)
    return folder
