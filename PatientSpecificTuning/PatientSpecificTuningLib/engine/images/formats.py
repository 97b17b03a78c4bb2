"""The image files that can be read; other formats have many readers, and some of these are old."""

from __future__ import annotations

IMAGE_SUFFIXES = (".nii.gz", ".nii", ".seg.nrrd", ".nrrd", ".nhdr", ".mha", ".mhd")
SINGLE_DICOM_SUFFIXES = (".dcm", ".ima")
