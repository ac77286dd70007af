"""From events to targets, and from prepared data to a bundle by the command."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import numpy as np
import pytest

from decoder.cli import delay, main, search
from decoder.targets import make_dataset, scene_at, sub_period
from phosphene.bundle import Bundle
from phosphene.dataset import PreparedData, PreparedMeta, TimedEvent, write_prepared
from phosphene.errors import InputError
from phosphene.stimuli import embed, sample_clip

TR_S = 2.0


def event(run: str, t_s: float, duration_s: float, label: str, detail: str = "") -> TimedEvent:
    return TimedEvent(run=run, t_s=t_s, duration_s=duration_s, label=label, detail=detail)


def prepared(events: list[TimedEvent], volumes: int = 30, runs: int = 1) -> PreparedData:
    meta = PreparedMeta(
        person="p01", modality="fmri", kind="fmri", mask_hash="m", tr_s=TR_S,
        affine=tuple(np.eye(4).ravel().tolist()), channels=(), times_s=(), settings="{}",
        sources={"a.nii": "b" * 64}, events=events,
    )  # fmt: skip
    n = volumes * runs
    rng = np.random.default_rng(0)
    return PreparedData(
        meta=meta,
        responses=rng.normal(100, 1, size=(n, 6)).astype(np.float32),
        runs=np.repeat([f"r{k}" for k in range(runs)], volumes),
        t_data=np.tile((np.arange(volumes) + 1) * TR_S, runs),
        t_event=np.full(n, np.nan),
        mask=np.ones((6, 1, 1), bool),
    )


def test_label_is_what_was_on_show_at_that_moment() -> None:
    data = make_dataset(prepared([event("r0", 4.0, 6.0, "face")]), 0.0, TR_S, None)
    assert data.labels is not None
    # Volumes end at 2, 4, ... s; the picture is on from 4 s until just before 10 s.
    assert data.labels[:6].tolist() == ["rest", "face", "face", "face", "rest", "rest"]
    middle = make_dataset(prepared([event("r0", 4.0, 6.0, "face")]), 5.0, TR_S, None)
    assert middle.labels is not None
    # 5 s is two TRs and 1 s; the second is taken off here: moments 1, 3, 5, 7, 9, 11 s.
    assert middle.labels[:6].tolist() == ["rest", "rest", "face", "face", "face", "rest"]


def test_part_of_a_tr() -> None:
    assert sub_period(5.0, 2.0) == pytest.approx(1.0)
    assert sub_period(4.0, 2.0) == 0.0
    assert sub_period(1.25, 2.5) == pytest.approx(1.25)


def test_moving_clip_is_sampled_when_it_was_seen() -> None:
    clip = sample_clip(3, 6.0, "cat")
    shown = event("r0", 4.0, 6.0, "cat", msgspec.json.encode(clip).decode())
    pictures = []

    def encode(batch: np.ndarray) -> np.ndarray:
        pictures.append(batch)
        return np.zeros((len(batch), 4, 16, 16), np.float32)

    data = make_dataset(prepared([shown]), 0.0, TR_S, encode)
    assert data.c is not None and data.z is not None
    np.testing.assert_array_equal(data.c[2], embed(clip.scene_at(2.0)))
    assert np.isnan(data.c[0]).all() and np.isnan(data.z[0]).all()
    assert np.concatenate(pictures).shape == (3, 64, 64, 3)
    with pytest.raises(InputError, match="clip or scene"):
        scene_at(event("r0", 0.0, 1.0, "cat", '{"start": 3}'), 0.5)


def test_nothing_shown_is_refused() -> None:
    with pytest.raises(InputError, match="events"):
        make_dataset(prepared([]), 0.0, TR_S, None)


def test_epoch_takes_the_event_it_was_cut_around() -> None:
    data = prepared([event("r0", 1.0, 0.0, "face"), event("r0", 3.0, 0.0, "house")], 3)
    meta = msgspec.structs.replace(data.meta, kind="eeg-epoch", modality="eeg")
    epochs = PreparedData(
        meta, data.responses, data.runs, data.t_data, np.array([1.001, 3.0, 5.0]), data.mask
    )
    labels = make_dataset(epochs, 0.0, 0.8, None).labels
    assert labels is not None and labels.tolist() == ["face", "house", ""]


def test_what_is_fixed_is_not_searched() -> None:
    meta = prepared([event("r0", 0.0, 1.0, "face")]).meta
    settings, grid = search(meta, 5.0, 3, 0)
    assert (settings.delay_s, settings.window, grid.delays_s) == (5.0, 3, ())
    assert {window for window, _ in grid.shapes} == {3}
    settings, grid = search(meta, None, None, 0)
    assert grid.delays_s == (1.0, 3.0, 5.0, 7.0)


def blocks(run: str, count: int = 8) -> list[TimedEvent]:
    return [event(run, 6.0 + 12.0 * k, 6.0, ("face", "house")[k % 2]) for k in range(count)]


def signal(data: PreparedData) -> PreparedData:
    """Let voxel 0 follow faces and voxel 1 houses, one volume late."""
    for e in data.meta.events:
        rows = (data.runs == e.run) & (data.t_data > e.t_s + TR_S)
        rows &= data.t_data <= e.t_s + e.duration_s + TR_S
        data.responses[rows, 0 if e.label == "face" else 1] += 6.0
    return data


def test_command_fits_a_bundle(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = signal(prepared(blocks("r0") + blocks("r1"), volumes=54, runs=2))
    write_prepared(tmp_path / "prepared.npz", data)
    arguments = [str(tmp_path / "prepared.npz"), "--out", str(tmp_path / "bundle"), "--window", "1"]
    assert main(arguments) == 0
    manifest = Bundle.load(tmp_path / "bundle").manifest
    assert manifest.labels == ("face", "house", "rest")
    assert manifest.window.delay_s == 3.0
    assert manifest.acquisition == json.loads(data.meta.settings)
    assert "b" * 64 in manifest.training.data_sha256
    told = capsys.readouterr().out
    assert "category_2_way: 1.000" in told and "chance 0.500" in told and "shuffled" in told
    assert main(arguments) == 1
    assert "does not exist" in capsys.readouterr().err


def betas(delays_s: tuple[float, ...], useful: int, runs: int = 4) -> PreparedData:
    """Betas of 8 events in each run; the patterns are there at one of the delays only."""
    rng = np.random.default_rng(0)
    events = [
        event(f"r{r}", 10.0 + 9.0 * k, 2.0, str(name))
        for r in range(runs)
        for k, name in enumerate(rng.permutation(["face", "house"] * 4))
    ]
    held = prepared(events)
    codes = np.array([e.label == "face" for e in events])
    at = rng.normal(0, 1, (len(delays_s), len(events), 6)).astype(np.float32)
    at[useful, :, 0] += 6.0 * codes
    onsets = np.array([e.t_s for e in events])
    fmri = {"features": "beta", "beta_delay_s": 8.0}
    meta = msgspec.structs.replace(
        held.meta, kind="fmri-beta", delays_s=delays_s, settings=json.dumps({"fmri": fmri})
    )
    groups, several = np.array([e.run for e in events]), len(delays_s) > 1
    return PreparedData(
        meta, at[0], groups, onsets + 9.0, onsets, held.mask, at_delays=at if several else None
    )


def test_a_beta_is_about_its_own_event() -> None:
    data = betas((8.0,), 0, runs=1)
    made = make_dataset(data, 8.0, 9.0, None)
    assert made.labels is not None
    assert made.labels.tolist() == [e.label for e in data.meta.events]
    np.testing.assert_array_equal(made.times, data.t_event)


def test_the_delay_of_betas_is_chosen_where_the_patterns_are(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = betas((5.0, 7.0, 9.0), 1)
    settings, grid = search(data.meta, None, None, 0)
    assert settings.per_event and grid.delays_s == (5.0, 7.0, 9.0)
    write_prepared(tmp_path / "prepared.npz", data)
    assert main([str(tmp_path / "prepared.npz"), "--out", str(tmp_path / "b")]) == 0
    manifest = Bundle.load(tmp_path / "b").manifest
    assert manifest.window.delay_s == 7.0
    assert manifest.acquisition["fmri"] == {"features": "beta", "beta_delay_s": 7.0}
    assert manifest.metrics[0].value > 0.9
    told = capsys.readouterr().out
    assert (
        "7 s from each event's onset to its beta (chosen on training runs among 5 to 9 s)" in told
    )
    given = [str(tmp_path / "prepared.npz"), "--out", str(tmp_path / "c"), "--delay"]
    assert main([*given, "5"]) == 0
    assert Bundle.load(tmp_path / "c").manifest.window.delay_s == 5.0
    assert "5 s from each event's onset to its beta (as given)" in capsys.readouterr().out
    assert main([*given, "6", "--window", "2"]) == 1
    assert "2 problem" in capsys.readouterr().err


def test_delay_is_a_number_or_auto() -> None:
    assert (delay("auto"), delay("4.5")) == (None, 4.5)


def test_single_run_is_cut_into_blocks(tmp_path: Path) -> None:
    data = signal(prepared(blocks("r0", 16), volumes=104))
    write_prepared(tmp_path / "prepared.npz", data)
    arguments = [str(tmp_path / "prepared.npz"), "--out", str(tmp_path / "b"), "--window", "1"]
    assert main([*arguments, "--delay", "3"]) == 0
    manifest = Bundle.load(tmp_path / "b").manifest
    assert manifest.training.groups == tuple(f"r0 block-{k}" for k in range(6))
    assert manifest.metrics[0].value > 0.9
