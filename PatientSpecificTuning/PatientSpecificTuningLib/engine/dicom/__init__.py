"""Results as DICOM: lesions as a segmentation and measurements as a structured report that refer to the source images."""
