"""Philips PAR/REC dumps as volumes."""

from __future__ import annotations

from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nibabel.eulerangles import euler2mat
from nibabel.parrec import PARRECHeader

from acquisition.errors import ForeignFileError, MatrixError, OtherSeriesError
from acquisition.fmri.volume import Volume, to_ras
from acquisition.simulate.parrec import parrec_files
from acquisition.simulate.series import make_series
from acquisition.sources.parrec import ParRecReader
from phosphene.errors import InputError, TruncatedError

KEY = b"k" * 32
TURN = euler2mat(z=0.1, y=-0.2, x=0.15)  # type: ignore[no-untyped-call]
AFFINE = np.eye(4)
AFFINE[:3] = np.c_[TURN @ np.diag([3.0, 3.0, 4.0]), [-10.0, -20.0, -30.0]]
SERIES = make_series(1, AFFINE, 1.5, (), 1)
DATA = np.random.default_rng(0).integers(0, 900, (6, 7, 5)).astype(np.int16)
FILES = [file for k in range(3) for file in parrec_files(DATA + np.int16(k), SERIES, k)]


def read(files: list[tuple[str, bytes]]) -> list[Volume]:
    reader = ParRecReader(KEY)
    return [volume for name, raw in files for volume in reader.read(raw, name)]


@given(st.permutations(FILES))
@settings(max_examples=20, deadline=None)
def test_both_files_in_any_order_make_each_volume_once(files: list[tuple[str, bytes]]) -> None:
    volumes = {v.index: v for v in read(files)}
    assert sorted(volumes) == [0, 1, 2]
    assert len(read(files)) == 3
    for k, volume in volumes.items():
        np.testing.assert_array_equal(volume.data, DATA + k)
        np.testing.assert_allclose(volume.affine, AFFINE, atol=1e-4)
        assert volume.tr_s == 1.5


def test_the_place_is_the_one_that_nibabel_finds_from_the_general_part() -> None:
    text = next(raw for name, raw in FILES if name.endswith(".par")).decode()
    header = PARRECHeader.from_fileobj(StringIO(text))  # type: ignore[no-untyped-call]
    _, ras, _, _ = to_ras(np.zeros(DATA.shape), header.get_affine(origin="scanner"))
    np.testing.assert_allclose(read(FILES[:2])[0].affine, ras, atol=1e-4)


@pytest.mark.parametrize("which", [0, 1])
@pytest.mark.parametrize("cut_first", [False, True])
def test_a_half_that_is_cut_may_come_again(which: int, cut_first: bool) -> None:
    cut, whole = FILES[which], FILES[1 - which]
    short = (cut[0], cut[1][: len(cut[1]) * 2 // 3])
    reader = ParRecReader(KEY)
    first, second = (short, whole) if cut_first else (whole, short)
    assert reader.read(first[1], first[0]) == []
    with pytest.raises(TruncatedError):
        reader.read(second[1], second[0])
    (volume,) = reader.read(cut[1], cut[0])
    np.testing.assert_array_equal(volume.data, DATA)


def edited(old: bytes, new: bytes) -> list[tuple[str, bytes]]:
    found = []
    for name, raw in FILES[:2]:
        assert name.endswith(".rec") or old in raw
        found.append((name, raw.replace(old, new) if name.endswith(".par") else raw))
    return found


def test_a_repetition_time_below_any_scanner_is_in_seconds() -> None:
    assert read(edited(b"1500.000", b"1.500"))[0].tr_s == 1.5


def test_a_text_that_is_no_header_is_foreign_and_names_stay_outside() -> None:
    reader = ParRecReader(KEY)
    reader.read(b"1", "DOE_JANE_3.rec")
    with pytest.raises(ForeignFileError) as caught:
        reader.read(b"Dear DOE JANE", "DOE_JANE_3.par")
    assert "DOE" not in str(caught.value)
    general = edited(b"PHANTOM", b"DOE^JANE")
    assert "DOE" not in repr(read(general))


def test_another_matrix_is_refused() -> None:
    reader = ParRecReader(KEY)
    for name, raw in FILES[:2]:
        reader.read(raw, name)
    small = parrec_files(DATA[:, :, :4], SERIES, 1)
    reader.read(small[0][1], small[0][0])
    with pytest.raises(MatrixError):
        reader.read(small[1][1], small[1][0])


def test_another_folder_is_another_series() -> None:
    reader = ParRecReader(KEY)
    for name, raw in FILES[:2]:
        reader.read(raw, name)
    with pytest.raises(OtherSeriesError):
        for name, raw in FILES[2:4]:
            reader.read(raw, name.replace("0001/", "0002/"))


def test_halves_without_end_are_told() -> None:
    reader = ParRecReader(KEY)
    with pytest.raises(InputError, match=r"pairs without \.par"):
        for k in range(100):
            reader.read(b"", f"Dump-{k:04d}.rec")


@pytest.mark.realdata
def test_real_dumps_give_the_magnitude_where_the_scanner_put_it(realdata: Path) -> None:
    folder = realdata / "fmri/three-vendors/Philips_env/funcData/0001"
    volumes = read([(path.name, path.read_bytes()) for path in sorted(folder.iterdir())])
    assert [(v.index, v.tr_s, v.data.shape) for v in volumes] == [
        (k, 1.0, (80, 80, 15)) for k in range(4)
    ]
    first = volumes[0]
    assert first.data.min() == 0.0  # the phase has negative values
    # centres of the first and last slice, as the dump's lines tell them (posterior, superior, left)
    for k, (ap, fh, rl) in ((0, (-15.8, 14.3, 1.7)), (14, (-15.8, 70.2, 0.4))):
        centre = (first.affine @ [39.5, 39.5, k, 1])[:3]
        np.testing.assert_allclose(centre, [-rl, -ap, fh], atol=0.1)
    together = np.corrcoef(first.data.ravel(), volumes[3].data.ravel())[0, 1]
    assert together > 0.98
