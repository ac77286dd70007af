"""Places and spline weights against MNE."""

from __future__ import annotations

import numpy as np
import pytest

from acquisition.eeg.interpolate import spline_weights
from acquisition.eeg.montage import place_of, places

mne = pytest.importorskip("mne")


def test_electrodes_sit_where_mne_puts_those_of_a_spherical_cap() -> None:
    cap = mne.channels.make_standard_montage("biosemi64").get_positions()["ch_pos"]
    apart_deg = {}
    for name, place in cap.items():
        own = place_of(name)
        if own is not None:
            cosine = own @ (place / np.linalg.norm(place))
            apart_deg[name] = np.degrees(np.arccos(np.clip(cosine, -1.0, 1.0)))
    assert len(apart_deg) >= 63
    assert max(apart_deg.values()) < 10.0
    assert np.median(list(apart_deg.values())) < 4.0


def test_spline_weights_are_those_of_mne() -> None:
    from mne.channels.interpolation import _make_interpolation_matrix

    where = places(["Fp1", "Fp2", "Fz", "Cz", "C3", "C4", "Pz", "P7", "P8", "Oz", "T7", "T8"])
    assert where is not None
    good, bad = where[2:], where[:2]
    peer = _make_interpolation_matrix(good, bad, alpha=1e-5)
    np.testing.assert_allclose(spline_weights(good, bad), peer, atol=1e-9)
