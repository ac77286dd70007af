"""Every DICOM element that is ever decoded, and why: the door that nothing else passes.

The reader walks over all other elements by their length and never looks at their values, so what is
not in these tables can reach neither a volume, nor a message, nor a file. Of the elements here:

- "geometry", "timing", "number" and "pixels" go into a `Volume` (times only as differences);
- "identifier" leaves the reader only as a keyed hash;
- "layout" decides how a file is read and is never passed on or shown;
- "parsed" holds much more than is needed (the private headers of one vendor): a few named numbers
  are taken out and the rest is dropped at once.

Values that cannot be read are never quoted: messages name the element only.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["CREATORS", "PUBLIC", "Element", "private", "public"]


@dataclass(frozen=True)
class Element:
    """One element that may be decoded.

    Attributes
    ----------
    tag : int
        Group and element, as 0xggggeeee; of a private one, its block stands as 0x10.
    name : str
        Keyword of the DICOM dictionary, or an own one for private elements.
    vr : str
        Value representation where the file does not say.
    why : str
        See the module's text.
    creator : str
        Of a private element, who defined it.
    """

    tag: int
    name: str
    vr: str
    why: str
    creator: str = ""


_SDI, _SDS = "SIEMENS MR SDI 02", "SIEMENS MR SDS 01"

ALLOWED = (
    Element(0x00080008, "ImageType", "CS", "layout"),
    Element(0x00080016, "SOPClassUID", "UI", "layout"),
    Element(0x0008002A, "AcquisitionDateTime", "DT", "timing"),
    Element(0x00080031, "SeriesTime", "TM", "identifier"),
    Element(0x00080032, "AcquisitionTime", "TM", "timing"),
    Element(0x00080033, "ContentTime", "TM", "timing"),
    Element(0x00080070, "Manufacturer", "LO", "layout"),
    Element(0x00089208, "ComplexImageComponent", "CS", "layout"),
    Element(0x00180050, "SliceThickness", "DS", "geometry"),
    Element(0x00180080, "RepetitionTime", "DS", "timing"),
    Element(0x00180086, "EchoNumbers", "IS", "number"),
    Element(0x00180088, "SpacingBetweenSlices", "DS", "geometry"),
    Element(0x00181060, "TriggerTime", "DS", "timing"),
    Element(0x00189074, "FrameAcquisitionDateTime", "DT", "timing"),
    Element(0x00189112, "MRTimingAndRelatedParametersSequence", "SQ", "timing"),
    Element(0x00189226, "MRImageFrameTypeSequence", "SQ", "layout"),
    Element(0x0020000E, "SeriesInstanceUID", "UI", "identifier"),
    Element(0x00200011, "SeriesNumber", "IS", "number"),
    Element(0x00200012, "AcquisitionNumber", "IS", "number"),
    Element(0x00200013, "InstanceNumber", "IS", "number"),
    Element(0x00200032, "ImagePositionPatient", "DS", "geometry"),
    Element(0x00200037, "ImageOrientationPatient", "DS", "geometry"),
    Element(0x00200100, "TemporalPositionIdentifier", "IS", "number"),
    Element(0x00200105, "NumberOfTemporalPositions", "IS", "number"),
    Element(0x00209057, "InStackPositionNumber", "UL", "number"),
    Element(0x00209111, "FrameContentSequence", "SQ", "number"),
    Element(0x00209113, "PlanePositionSequence", "SQ", "geometry"),
    Element(0x00209116, "PlaneOrientationSequence", "SQ", "geometry"),
    Element(0x00209128, "TemporalPositionIndex", "UL", "number"),
    Element(0x00209157, "DimensionIndexValues", "UL", "number"),
    Element(0x00280002, "SamplesPerPixel", "US", "pixels"),
    Element(0x00280004, "PhotometricInterpretation", "CS", "layout"),
    Element(0x00280008, "NumberOfFrames", "IS", "number"),
    Element(0x00280010, "Rows", "US", "pixels"),
    Element(0x00280011, "Columns", "US", "pixels"),
    Element(0x00280030, "PixelSpacing", "DS", "geometry"),
    Element(0x00280100, "BitsAllocated", "US", "pixels"),
    Element(0x00280101, "BitsStored", "US", "pixels"),
    Element(0x00280103, "PixelRepresentation", "US", "pixels"),
    Element(0x00281052, "RescaleIntercept", "DS", "pixels"),
    Element(0x00281053, "RescaleSlope", "DS", "pixels"),
    Element(0x00289110, "PixelMeasuresSequence", "SQ", "geometry"),
    Element(0x00289145, "PixelValueTransformationSequence", "SQ", "pixels"),
    Element(0x52009229, "SharedFunctionalGroupsSequence", "SQ", "geometry"),
    Element(0x52009230, "PerFrameFunctionalGroupsSequence", "SQ", "geometry"),
    Element(0x7FE00001, "ExtendedOffsetTable", "OV", "pixels"),
    Element(0x7FE00002, "ExtendedOffsetTableLengths", "OV", "pixels"),
    Element(0x7FE00010, "PixelData", "OW", "pixels"),
    # Siemens up to E11, and "interoperability" exports of XA
    Element(0x0019100A, "NumberOfImagesInMosaic", "US", "number", "SIEMENS MR HEADER"),
    Element(0x00191029, "MosaicRefAcqTimes", "FD", "timing", "SIEMENS MR HEADER"),
    Element(0x00291010, "CSAImageHeaderInfo", "OB", "parsed", "SIEMENS CSA HEADER"),
    Element(0x00291020, "CSASeriesHeaderInfo", "OB", "parsed", "SIEMENS CSA HEADER"),
    Element(0x00211019, "PhoenixProtocol", "OB", "parsed", _SDS),
    Element(0x0021108E, "IceDims", "ST", "parsed", _SDI),
    # GE
    Element(0x0021104F, "LocationsInAcquisition", "SS", "number", "GEMS_RELA_01"),
    Element(0x0021105E, "RtiaTimer", "DS", "timing", "GEMS_RELA_01"),
    Element(0x00431079, "SlicesPerVolume", "US", "number", "GEMS_PARM_01"),
    # Philips
    Element(0x20011018, "NumberOfSlicesMR", "SL", "number", "Philips Imaging DD 001"),
)
"""The whole allowlist."""

PUBLIC: dict[int, Element] = {e.tag: e for e in ALLOWED if not e.creator}
"""Elements of the standard, by tag."""
CREATORS = frozenset(e.creator for e in ALLOWED if e.creator)
"""Private creators of whom anything is read."""
_PRIVATE = {(e.creator, e.tag & 0xFFFF00FF): e for e in ALLOWED if e.creator}
_BY_NAME = {e.name: e for e in ALLOWED}


def public(name: str) -> Element:
    """Return the element of that name."""
    return _BY_NAME[name]


def private(creator: str, tag: int) -> Element | None:
    """Return the private element at a tag, whatever block its creator got, if it is allowed."""
    return _PRIVATE.get((creator, tag & 0xFFFF00FF))
