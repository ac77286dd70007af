"""Settings of EEG against themselves, the stream and the bundle; streams left out or changed."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest
from pydantic import ValidationError

from acquisition.eeg_settings import not_used, stream_problems
from acquisition.left_out import LeftOut, no_epochs
from acquisition.lsl.formats import EegFormat
from acquisition.lsl.link import StreamWanted, returned_otherwise
from acquisition.lsl.staleness import StaleWatch
from acquisition.preflight.settings import settings_findings
from acquisition.take import stale_state
from phosphene.bundle import Bundle
from phosphene.errors import ConfigError
from phosphene.live_bundle import _check_score
from phosphene.manifest import Manifest
from phosphene.session import AcquisitionSettings, EegSettings, Session

NAMES = ("Fz", "Cz", "Oz")


def session(eeg: dict[str, Any] | None = None, **results: Any) -> Session:
    return Session.model_validate(
        {"person": "p01", "modality": "eeg", "results": results,
         "source": {"kind": "lsl-eeg", "source_ids": ["cap", "marks"]},
         "acquisition": {"eeg": eeg or {}}}
    )  # fmt: skip


@pytest.mark.parametrize(
    "wrong",
    [
        {"band_hz": (30, 5)},
        {"epoch_s": (0.6, 0.0)},
        {"baseline_s": (0.1, -0.1)},
        {"baseline_s": (0.0, 0.9)},
    ],
)
def test_settings_that_contradict_themselves_are_refused_at_load(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        EegSettings.model_validate(wrong)


@pytest.mark.parametrize(
    ("settings", "fs_hz", "wrong"),
    [
        ({}, 250.0, []),
        ({}, 100.0, []),  # too slow to carry the hum: no notch is needed
        ({"band_hz": (1, 200)}, 250.0, ["band_hz"]),
        ({"notch_hz": 300}, 250.0, ["notch_hz"]),
        ({"bad_channels": ("T99", "Fz")}, 250.0, ["bad_channels"]),
        ({"band_hz": (1, 200), "notch_hz": 300}, 250.0, ["band_hz", "notch_hz"]),
    ],
)
def test_settings_are_held_against_the_stream(
    settings: dict[str, Any], fs_hz: float, wrong: list[str]
) -> None:
    found = stream_problems(EegSettings.model_validate(settings), fs_hz, NAMES)
    assert [text.split(":")[0] for text in found] == [f"acquisition.eeg.{n}" for n in wrong]
    layout = EegFormat(fs_hz, NAMES, counter=False)
    told = settings_findings(session(settings), layout, ["cap", "marks"])
    assert [finding.level for finding in told] == ["error"] * len(wrong)


def test_settings_that_give_way_to_the_bundles_are_named() -> None:
    held = AcquisitionSettings(eeg=EegSettings(band_hz=(0.5, 20.0)))
    manifest = SimpleNamespace(modality="eeg", acquisition=held.model_dump(mode="json"))
    bundle = cast("Bundle", SimpleNamespace(manifest=manifest))
    assert not_used(AcquisitionSettings(), bundle) == not_used(held, bundle) == ""
    told = not_used(AcquisitionSettings(eeg=EegSettings(band_hz=(1.0, 30.0))), bundle)
    assert told.endswith("differ: band_hz [0.5, 20.0] (the session says [1.0, 30.0])")
    assert not_used(AcquisitionSettings(eeg=EegSettings(band_hz=(1.0, 30.0))), None) == ""


def test_a_score_of_a_category_that_is_never_decoded_is_refused() -> None:
    faces = cast("Manifest", SimpleNamespace(heads=("class",), labels=("house", "face")))
    _check_score(session(stream=True, target="face"), faces)
    _check_score(session(stream=False, target="cat"), faces)
    with pytest.raises(ConfigError, match=r"results.target: got 'cat'; allowed: house, face"):
        _check_score(session(stream=True, target="cat"), faces)
    pictures = cast("Manifest", SimpleNamespace(heads=("z",), labels=()))
    with pytest.raises(ConfigError, match="decodes no categories"):
        _check_score(session(stream=True, target="cat"), pictures)


def test_without_markers_no_epoch_can_come_and_that_is_told() -> None:
    assert no_epochs("epochs", "lsl-eeg", ["cap", "marks"], None) == ""
    assert no_epochs("windows", "lsl-eeg", ["cap"], None) == ""
    assert no_epochs("epochs", "recording", [], None) == ""
    assert "no marker stream" in no_epochs("epochs", "lsl-eeg", ["cap"], None)
    (found,) = settings_findings(session(), None, ["cap"])
    assert (found.level, "no marker stream" in found.text) == ("warning", True)


def test_a_stream_that_was_left_out_is_told_when_it_appears() -> None:
    now, there = [0.0], list[str]()

    class Looks:
        def results(self) -> list[Any]:
            return [SimpleNamespace(source_id=lambda name=name: name) for name in there]

    held = LeftOut(["marks"], lambda: now[0], lambda ids: Looks())
    assert held.trouble() == ""
    there.append("marks")
    assert held.trouble() == "", "it looks only now and then"
    now[0] = 2.0
    assert held.trouble().startswith("marks is there now, but")
    assert LeftOut([], lambda: 0.0, lambda ids: pytest.fail("nothing to look for")).trouble() == ""


def test_a_stream_that_returns_at_another_rate_is_explained() -> None:
    wanted = StreamWanted(("cap",), "float32", 8, 250.0)

    def back(rate_hz: float, count: int) -> str:
        info = SimpleNamespace(nominal_srate=lambda: rate_hz, channel_count=lambda: count)
        return returned_otherwise(cast("Any", info), wanted)

    assert back(250.0, 8) == ""
    assert back(500.0, 8).startswith("there again, but at 500 Hz x 8 instead of 250 Hz x 8")
    assert "250 Hz x 4 instead of 250 Hz x 8" in back(250.0, 4)


def test_silence_is_told_from_one_second_on() -> None:
    watch = StaleWatch(1 / 32)
    watch.data(0.0)
    assert [stale_state(watch, t, False) for t in (0.01, 0.5, 3.0)] == [
        (0, ""), (1, ""), (2, "no data for 3 s"),
    ]  # fmt: skip


def test_before_the_first_data_silence_is_told_later_and_counts_at_once() -> None:
    watch = StaleWatch(1 / 32)
    assert [stale_state(watch, t, False) for t in (0.0, 1.5, 4.0, 5.0)] == [
        (0, ""), (2, ""), (2, ""), (2, "no data for 5 s"),
    ]  # fmt: skip
