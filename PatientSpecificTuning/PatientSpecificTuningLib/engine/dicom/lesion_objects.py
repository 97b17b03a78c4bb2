"""The two DICOM objects of a result: a segmentation with one segment for each lesion, and its measurements."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import codes

if TYPE_CHECKING:
    from highdicom.seg import Segmentation
    from highdicom.sr import Comprehensive3DSR
    from highdicom.sr import VolumetricROIMeasurementsAndQualitativeEvaluations
    from pydicom import Dataset

MANUFACTURER, MODEL = "PatientSpecificTuning", "PatientSpecificTuning (research only)"
SEGMENTATION_SERIES, REPORT_SERIES = 9001, 9002


@dataclass(frozen=True)
class Made:
    """What made the lesions.

    Attributes:
        organ: of the model.
        cnn: such as "base CNN".
        version: of the program.
    """

    organ: str
    cnn: str
    version: str


def lesion_segmentation(
    images: Sequence[Dataset], labels: NDArray[np.integer], identifiers: Sequence[str], made: Made
) -> Segmentation:
    """A binary DICOM Segmentation, one segment for each lesion, with coded finding and anatomy.

    Args:
        images: headers of the source images, one for each slice.
        labels: int (Z, Y, X), lesions numbered from 1 without gaps.
        identifiers: a UID for each lesion, by which other objects know it again.
    """
    import highdicom as hd

    algorithm = hd.AlgorithmIdentificationSequence(
        name=f"{MANUFACTURER}, {made.cnn}", family=codes.concept(codes.NETWORK), version=made.version
    )
    descriptions = [
        hd.seg.SegmentDescription(
            segment_number=number,
            segment_label=f"Lesion {number}",
            segmented_property_category=codes.concept(codes.ABNORMAL),
            segmented_property_type=codes.concept(codes.LESION),
            algorithm_type=hd.seg.SegmentAlgorithmTypeValues.AUTOMATIC,
            algorithm_identification=algorithm,
            tracking_uid=identifier,
            tracking_id=f"Lesion {number}",
            anatomic_regions=[codes.concept(codes.organ_code(made.organ))],
        )
        for number, identifier in enumerate(identifiers, start=1)
    ]
    return hd.seg.Segmentation(
        source_images=list(images),
        pixel_array=np.ascontiguousarray(labels.astype(np.uint16)),
        segmentation_type=hd.seg.SegmentationTypeValues.BINARY,
        segment_descriptions=descriptions,
        series_instance_uid=hd.UID(),
        series_number=SEGMENTATION_SERIES,
        sop_instance_uid=hd.UID(),
        instance_number=1,
        manufacturer=MANUFACTURER,
        manufacturer_model_name=MODEL,
        software_versions=made.version,
        device_serial_number="0",
        series_description=f"Lesions, {made.cnn} (research only)",
        content_label="LESIONS",
    )


def lesion_measurements(
    images: Sequence[Dataset],
    segmentation: Segmentation,
    rows: Sequence[Mapping[str, Any]],
    changes: Mapping[int, Mapping[str, Any]],
    identifiers: Sequence[str],
    made: Made,
) -> Comprehensive3DSR:
    """A structured report by template TID 1500 with one group of measurements for each lesion.

    Args:
        rows: the lesion table, in the order of the segments; None where a measure is not available.
        changes: rows of the table of change by the number of the lesion.
    """
    import highdicom as hd

    observer = hd.sr.ObserverContext(
        observer_type=codes.concept(("121007", "DCM", "Device")),
        observer_identifying_attributes=hd.sr.DeviceObserverIdentifyingAttributes(
            uid=hd.UID(), name=MANUFACTURER, manufacturer_name=MANUFACTURER, model_name=MODEL
        ),
    )
    groups = [
        _group(number, row, changes.get(number), segmentation, images, identifier, made)
        for number, (row, identifier) in enumerate(zip(rows, identifiers, strict=True), start=1)
    ]
    report = hd.sr.MeasurementReport(
        observation_context=hd.sr.ObservationContext(observer_device_context=observer),
        procedure_reported=codes.concept(codes.PROCEDURE),
        imaging_measurements=groups,
    )
    measurements = hd.sr.Comprehensive3DSR(
        evidence=[segmentation, *images],
        content=report,
        series_instance_uid=hd.UID(),
        series_number=REPORT_SERIES,
        sop_instance_uid=hd.UID(),
        instance_number=1,
        manufacturer=MANUFACTURER,
        series_description=f"Lesion measurements, {made.cnn} (research only)",
    )
    measurements.CodingSchemeIdentificationSequence = [_private_scheme()]
    return measurements


def _private_scheme() -> Dataset:
    """Whose codes those of the private scheme are, so that a reader can tell them from another's of that name."""
    from pydicom import Dataset

    scheme = Dataset()
    scheme.CodingSchemeDesignator = codes.PRIVATE
    scheme.CodingSchemeName = f"Codes of {MANUFACTURER}"
    scheme.CodingSchemeResponsibleOrganization = MANUFACTURER
    return scheme


def _group(
    number: int,
    row: Mapping[str, Any],
    change: Mapping[str, Any] | None,
    segmentation: Segmentation,
    images: Sequence[Dataset],
    identifier: str,
    made: Made,
) -> VolumetricROIMeasurementsAndQualitativeEvaluations:
    import highdicom as hd

    measured = [(codes.VOLUME, row["volume_mm3"], codes.CUBIC_MM)]
    if change is not None:
        measured.append((codes.BASELINE_VOLUME, change["baseline_volume_mm3"], codes.CUBIC_MM))
    measured += [(code, row.get(column), codes.NO_UNITS) for column, code in codes.MEASURES.items()]
    evaluations = []
    if change is not None and change["sure"] and change["change"] in codes.CHANGES:
        value = codes.concept(codes.CHANGES[change["change"]])
        evaluations.append(hd.sr.QualitativeEvaluation(name=codes.concept(codes.CHANGE), value=value))
    return hd.sr.VolumetricROIMeasurementsAndQualitativeEvaluations(
        tracking_identifier=hd.sr.TrackingIdentifier(uid=identifier, identifier=f"Lesion {number}"),
        referenced_segment=hd.sr.ReferencedSegment(
            sop_class_uid=segmentation.SOPClassUID,
            sop_instance_uid=segmentation.SOPInstanceUID,
            segment_number=number,
            source_series=hd.sr.SourceSeriesForSegmentation(images[0].SeriesInstanceUID),
        ),
        finding_type=codes.concept(codes.LESION),
        finding_sites=[hd.sr.FindingSite(codes.concept(codes.organ_code(made.organ)))],
        measurements=[
            hd.sr.Measurement(name=codes.concept(name), value=float(value), unit=codes.concept(unit))
            for name, value, unit in measured
            if value is not None and np.isfinite(value)
        ],
        qualitative_evaluations=evaluations or None,
    )
