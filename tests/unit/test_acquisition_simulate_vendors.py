"""The files of every vendor, read by nibabel and by our own readers: same voxels, same place."""

from __future__ import annotations

import io
import warnings
from pathlib import Path

import nibabel as nib
import numpy as np
import pydicom
import pytest
from nibabel.parrec import PARRECArrayProxy, PARRECHeader

from acquisition.fmri.rigid import rotation
from acquisition.simulate.series import Series, make_series
from acquisition.simulate.vendors import FOLDER_VENDORS
from acquisition.sources.dicom import DicomReader
from acquisition.sources.nifti import NiftiReader
from phosphene.errors import ConfigError

SHAPE = (12, 10, 5)
TIMES_S = (0.0, 0.6, 0.2, 0.8, 0.4)
INDEX, VOLUMES = 3, 9
LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
DICOM = ("siemens-mosaic", "siemens-xa", "ge", "philips", "philips-enhanced")


def oblique() -> np.ndarray:
    affine = np.eye(4)
    affine[:3, :3] = rotation(12, -5, 7) @ np.diag([3.0, 3.2, 4.1])
    affine[:3, 3] = [-30.0, -25.0, -12.0]
    return affine


SERIES = make_series(1, oblique(), 1.5, TIMES_S, n_volumes=VOLUMES)
DATA = np.random.default_rng(0).integers(0, 4000, SHAPE).astype(np.int16)


def files(vendor: str, series: Series = SERIES, index: int = INDEX) -> list[tuple[str, bytes]]:
    return FOLDER_VENDORS[vendor](DATA, series, index)


def wrapped(raw: bytes) -> tuple[np.ndarray, np.ndarray]:
    """Pixels with the standard's rescale, and RAS affine, of one DICOM file by nibabel."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # nibabel calls its DICOM readers experimental
        from nibabel.nicom import dicomwrappers

        dataset = pydicom.dcmread(io.BytesIO(raw))
        wrapper = dicomwrappers.wrapper_from_data(dataset)
        frames = dataset.get("PerFrameFunctionalGroupsSequence")
        holder = frames[0].PixelValueTransformationSequence[0] if frames else dataset
        # The private Philips factor would replace the standard's rescale in nibabel's scaled data.
        mosaic = "MOSAIC" in dataset.ImageType
        pixels = wrapper.get_data() if mosaic else wrapper.get_unscaled_data()
        return pixels * float(holder.get("RescaleSlope", 1)), LPS_TO_RAS @ wrapper.affine


def by_nibabel(vendor: str) -> nib.Nifti1Image:
    """Read what the vendor writes for one volume by nibabel, in the nearest RAS axes."""
    written = files(vendor)
    if vendor in DICOM:
        parts = [wrapped(raw) for _, raw in written]
        affine = parts[0][1]
        data = np.stack([p for p, _ in parts], -1) if len(parts) > 1 else parts[0][0]
        if len(parts) > 1:
            # nibabel knows one slice; the way to the next is the standard's
            affine[:3, 2] = parts[1][1][:3, 3] - parts[0][1][:3, 3]
            np.testing.assert_allclose(affine[:3, 2] * 4 + affine[:3, 3], parts[-1][1][:3, 3])
        return nib.as_closest_canonical(nib.Nifti1Image(data.astype(np.float32), affine))
    raws = {Path(name).suffix: raw for name, raw in written}
    if vendor == "nifti":
        return nib.Nifti1Image.from_bytes(raws[".nii"])
    header = PARRECHeader.from_fileobj(io.StringIO(raws[".par"].decode()))
    pixels = np.asarray(PARRECArrayProxy(io.BytesIO(raws[".rec"]), header))
    return nib.as_closest_canonical(nib.Nifti1Image(pixels, header.get_affine()))


@pytest.mark.parametrize("vendor", FOLDER_VENDORS)
def test_nibabel_reads_the_same_voxels_at_the_same_place(vendor: str) -> None:
    image = by_nibabel(vendor)
    np.testing.assert_array_equal(image.get_fdata(), DATA)
    np.testing.assert_allclose(image.affine, SERIES.affine, atol=1e-4)


@pytest.mark.parametrize("vendor", [*DICOM, "nifti"])
def test_our_readers_agree(vendor: str) -> None:
    reader = NiftiReader(1.5) if vendor == "nifti" else DicomReader(b"k" * 32)
    (volume,) = [v for name, raw in files(vendor) for v in reader.read(raw, name)]
    np.testing.assert_array_equal(volume.data, DATA)
    np.testing.assert_allclose(volume.affine, SERIES.affine, atol=1e-4)
    assert (volume.index, volume.tr_s) == (INDEX, 1.5)
    if vendor in ("siemens-mosaic", "siemens-xa", "philips-enhanced"):
        assert volume.slice_times_s == pytest.approx(TIMES_S)


@pytest.mark.parametrize("vendor", DICOM)
def test_every_element_is_valid_and_nobody_is_named(vendor: str) -> None:
    strict = pydicom.config.settings.reading_validation_mode
    pydicom.config.settings.reading_validation_mode = pydicom.config.RAISE
    try:
        for _, raw in files(vendor):
            dataset = pydicom.dcmread(io.BytesIO(raw))
            assert len(dataset.SeriesInstanceUID) <= 64
            names = [e for e in dataset.iterall() if e.VR == "PN"]
            assert {str(e.value) for e in names} == {dataset.PatientID} == {"PHANTOM"}
            assert dataset.InstitutionName == dataset.StationName == "PHANTOM"
    finally:
        pydicom.config.settings.reading_validation_mode = strict


def test_names_and_numbers_are_the_vendors() -> None:
    assert files("ge")[1][0] == "s0007/i1000017.MRDC.17"
    assert [name for name, _ in files("parrec")] == ["0007/Dump-0003.rec", "0007/Dump-0003.par"]
    philips = [pydicom.dcmread(io.BytesIO(raw)) for _, raw in files("philips")]
    # slice-major: the numbers of one volume lie as far apart as there are volumes
    assert [int(d.InstanceNumber) for d in philips] == [4, 13, 22, 31, 40]
    assert {int(d.TemporalPositionIdentifier) for d in philips} == {INDEX + 1}
    ge = pydicom.dcmread(io.BytesIO(files("ge")[0][1]))
    assert ge[0x0021, 0x104F].value == 5
    assert int(ge.InstanceNumber) == 16


def test_identifiers_differ_from_file_to_file() -> None:
    for vendor in DICOM:
        raws = [raw for index in (0, 1) for _, raw in files(vendor, index=index)]
        uids = {str(pydicom.dcmread(io.BytesIO(raw)).SOPInstanceUID) for raw in raws}
        assert len(uids) == len(raws)


def test_a_mirrored_grid_cannot_be_written_as_par() -> None:
    mirrored = make_series(1, np.diag([-3.0, 3.0, 3.0, 1.0]), 1.0, ())
    with pytest.raises(ConfigError, match="right-handed"):
        files("parrec", mirrored)
    with pytest.raises(ConfigError, match="n_volumes"):
        make_series(1, np.eye(4), 1.0, (), n_volumes=0)
