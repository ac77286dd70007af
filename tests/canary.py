"""A canary: distinctive values put wherever a file can say something about a person."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from pathlib import Path

import pydicom
from mcap.reader import make_reader
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from acquisition.sources.csa import build_csa, parse_csa
from phosphene.seal.opening import open_recording

WORD = "CANARYWREN"
DAY, CLOCK, CLOCK_S = "19370412", "034127.918273", 13287.918273
NUMBER, WHOLE = 73164.29, 7316429
UID = "1.2.276.0.73164.29.31337"
FILE_STEM = f"{WORD}_Jane_{DAY}"

TRACES = [
    WORD,
    DAY,
    "1937-04-12",
    "034127",
    "03:41:27",
    "73164",
    "7316429",
    "13287.9",
    "31337",
    "097Y",
]
"""Whatever of it could be left in a text."""
NUMBERS = [struct.pack("<d", value) for value in (NUMBER, CLOCK_S, float(WHOLE))]

_CSA_WANTED = [
    "NumberOfImagesInMosaic",
    "SliceNormalVector",
    "MosaicRefAcqTimes",
]


def traces_in(content: bytes | str) -> list[str]:
    """Return which of the traces stand in a text or in any bytes."""
    raw = content.encode() if isinstance(content, str) else content
    upper = raw.upper()
    wide = raw.replace(b"\0", b"").upper()
    found = [t for t in TRACES if t.upper().encode() in upper or t.upper().encode() in wide]
    return found + [f"number {k}" for k, packed in enumerate(NUMBERS) if packed in raw]


def every_part(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Yield name and content of all that lies below a folder; recordings message by message."""
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        yield path.name, path.name.encode()
        if path.name.endswith((".mcap", ".mcap.sealed")):
            yield from _messages(path)
        yield path.name, path.read_bytes()


def _messages(path: Path) -> Iterator[tuple[str, bytes]]:
    with open_recording(path) as stream:  # a sealed one has to be unlocked
        reader = make_reader(stream)
        for _, channel, message in reader.iter_messages():
            yield f"{path.name} {channel.topic}", message.data
        for attachment in reader.iter_attachments():
            yield f"{path.name} {attachment.name}", attachment.data
        for entry in reader.iter_metadata():
            yield f"{path.name} {entry.name}", repr(entry.metadata).encode()


def seeded(raw: bytes, *, malformed: bool = False) -> bytes:
    """Put the canary into an MR file: every VR, private elements, sequences, private headers.

    What the reader needs stays right, unless `malformed`: then needed numbers hold the word.
    """
    dataset = pydicom.dcmread(io.BytesIO(raw))
    dataset.preamble = WORD.encode().ljust(128, b"\0")
    dataset.file_meta.SourceApplicationEntityTitle = WORD
    dataset.file_meta.ImplementationVersionName = WORD
    _texts(dataset)
    _identifiers(dataset)
    _times(dataset)
    _numbers(dataset)
    _sequences(dataset)
    _private(dataset)
    if malformed:
        # pydicom would check these
        for tag in (0x00180080, 0x00200013, 0x00200032, 0x00280030):
            if tag in dataset:
                vr = dataset[tag].VR
                del dataset[tag]
                dataset[tag] = pydicom.dataelem.RawDataElement(
                    pydicom.tag.Tag(tag), vr, len(WORD), WORD.encode(), 0, False, True
                )
    buffer = io.BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def _texts(dataset: Dataset) -> None:
    for name in (
        "PatientName", "ReferringPhysicianName", "OperatorsName", "PatientMotherBirthName",
        "PatientID", "InstitutionName", "SeriesDescription", "ProtocolName", "DeviceSerialNumber",
        "AccessionNumber", "StationName", "StudyID", "PatientTelephoneNumbers", "ImageComments",
        "AdditionalPatientHistory", "InstitutionAddress", "RetrieveAETitle", "BodyPartExamined",
        "TextValue", "LongCodeValue", "PatientComments",
    ):  # fmt: skip
        setattr(dataset, name, WORD)
    dataset.RetrieveURL = f"http://{WORD}/"
    dataset.PatientAge = "097Y"
    dataset.Manufacturer = f"{dataset.get('Manufacturer', '')} {WORD}"
    dataset.ImageType = [*dataset.ImageType, WORD]


def _identifiers(dataset: Dataset) -> None:
    dataset.StudyInstanceUID = f"{UID}.1"
    dataset.SeriesInstanceUID = f"{UID}.2"
    dataset.FrameOfReferenceUID = f"{UID}.3"
    dataset.SOPInstanceUID = f"{UID}.{int(dataset.InstanceNumber) + 10}"
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID


def _times(dataset: Dataset) -> None:
    for name in ("PatientBirthDate", "StudyDate", "SeriesDate", "AcquisitionDate", "ContentDate"):
        setattr(dataset, name, DAY)
    for name in ("PatientBirthTime", "StudyTime", "SeriesTime", "AcquisitionTime", "ContentTime"):
        setattr(dataset, name, CLOCK)
    dataset.AcquisitionDateTime = DAY + CLOCK
    for group in dataset.get("PerFrameFunctionalGroupsSequence", ()):
        group.FrameContentSequence[0].FrameReferenceDateTime = DAY + CLOCK


def _numbers(dataset: Dataset) -> None:
    dataset.PatientWeight = str(NUMBER)
    dataset.NumberOfStudyRelatedInstances = str(WHOLE)
    dataset.AcquisitionDuration = NUMBER
    dataset.B1rms = NUMBER
    dataset.RadiusOfCircularCollimator = "31337"


def _sequences(dataset: Dataset) -> None:
    inner, outer = Dataset(), Dataset()
    inner.PatientName, inner.PatientID, inner.CodeMeaning = WORD, WORD, WORD
    inner.InstanceNumber, inner.SeriesInstanceUID = str(WHOLE), f"{UID}.9"
    outer.PatientName, outer.ReferencedPatientSequence = WORD, Sequence([inner])
    dataset.RequestAttributesSequence = Sequence([outer])
    dataset.ReferencedStudySequence = Sequence([outer, inner])


def _private(dataset: Dataset) -> None:
    word = WORD.encode()
    block = dataset.private_block(0x0099, f"{WORD} 01", create=True)
    values = {
        "AE": WORD, "AS": "097Y", "AT": 0x00100010, "CS": WORD, "DA": DAY, "DS": str(NUMBER),
        "DT": DAY + CLOCK, "FD": NUMBER, "FL": NUMBER, "IS": str(WHOLE), "LO": WORD, "LT": WORD,
        "OB": word, "OD": struct.pack("<d", NUMBER), "OF": struct.pack("<f", NUMBER),
        "OL": struct.pack("<I", WHOLE), "OV": struct.pack("<Q", WHOLE), "OW": word, "PN": WORD,
        "SH": WORD, "SL": WHOLE, "SS": 31337, "ST": WORD, "SV": WHOLE, "TM": CLOCK, "UC": WORD,
        "UI": f"{UID}.4", "UL": WHOLE, "UN": word, "UR": WORD, "US": 31337, "UT": WORD,
        "UV": WHOLE,
    }  # fmt: skip
    for number, (vr, value) in enumerate(values.items(), start=0x10):
        block.add_new(number, vr, value)
    for group, creator in ((0x0021, "SIEMENS MR SDI 02"), (0x2001, "Philips Imaging DD 001")):
        near = dataset.private_block(group, creator, create=True)
        near.add_new(0x77, "LO", WORD)
    csa = (0x0029, 0x1010)
    if csa in dataset:
        kept = parse_csa(dataset[csa].value, _CSA_WANTED)
        tags = {name: ("FD", items) for name, items in kept.items()}
        tags["PatientName"] = ("LO", [WORD, WORD])
        tags["UsedPatientWeight"] = ("IS", [str(WHOLE)])
        header = build_csa(tags) + word
        dataset[csa].value = header + b"\0" * (len(header) % 2)
        series = dataset.private_block(0x0029, "SIEMENS CSA HEADER")
        text = f'### ASCCONV BEGIN ###\ntPatientName = "{WORD}"\n### ASCCONV END ###'
        series.add_new(0x20, "OB", text.encode().ljust(128, b"\0"))
