"""Maps of the run so far: they find what responds, from what is known by then."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from acquisition.fmri.config import FmriConfig
from acquisition.fmri.core import FmriCore, FmriStep
from acquisition.fmri.regressors import Stimulus
from acquisition.fmri.volume import Volume
from acquisition.fmri_chain import FmriChain
from acquisition.fmri_maps import Events, MapMaker, default_contrasts
from acquisition.simulate.head import RunConfig, SyntheticHead, simulate
from phosphene.session import FmriSettings
from phosphene.stimuli import make_programme

HEAD = SyntheticHead(
    seed=3, shape=(24, 24, 10), voxel_mm=(8.0, 8.0, 9.0), n_early=60, n_higher=60,
    early_psc=8.0, higher_psc=8.0,
)  # fmt: skip
PROGRAMME = make_programme(seed=2, n_blocks=8)
N = 90


@cache
def processed() -> tuple[FmriCore, tuple[FmriStep, ...]]:
    core = FmriCore(FmriConfig(scale=False))
    volumes = simulate(HEAD, PROGRAMME, N, 1.0, RunConfig(seed=5))
    made = tuple(
        core.step(Volume(v.data.astype(np.float32), HEAD.affine, v.index, 1.0)) for v in volumes
    )
    return core, made


def blocks() -> list[Stimulus]:
    return [Stimulus(b.onset_s, "picture", b.duration_s) for b in PROGRAMME.blocks]


def modelled(stimuli: list[Stimulus], until: int = N, contrasts: tuple[str, ...] = ()) -> MapMaker:
    core, steps = processed()
    maps = MapMaker(core, 1.0, contrasts)
    for step in steps[:until]:
        maps.step(step, stimuli)
    return maps


def test_the_map_finds_what_responds() -> None:
    (made,) = list(modelled(blocks()).all())
    visual = HEAD.mask("early") | HEAD.mask("higher")
    rest = HEAD.anatomy.brain & ~visual
    assert np.median(made.t[visual]) > 1.8
    assert abs(np.median(made.t[rest])) < 0.5
    assert (made.t[~HEAD.anatomy.brain] == 0).mean() > 0.9
    assert made.contrast == "picture"
    assert made.index == N - 1
    rng = np.random.default_rng(0)
    onsets = rng.permutation(N - 10)[: len(PROGRAMME.blocks)]
    wrong = [Stimulus(float(t), "picture", 4.0) for t in sorted(onsets)]
    (control,) = list(modelled(wrong).all())
    assert np.median(control.t[visual]) < 1.0


def test_what_has_not_begun_is_not_in_the_map() -> None:
    until = 40
    known = [s for s in blocks() if s.onset_s <= until]
    later = [*known, Stimulus(60.0, "picture", 4.0), Stimulus(70.0, "other", 4.0)]
    one, other = modelled(known, until).shown(), modelled(later, until).shown()
    assert one is not None
    assert other is not None
    np.testing.assert_array_equal(one.t, other.t)


def test_nothing_is_shown_of_what_is_not_known() -> None:
    assert modelled([]).shown() is None
    assert list(modelled([]).all()) == []
    assert modelled(blocks(), 5).shown() is None
    assert modelled(blocks(), contrasts=("picture - music",)).shown() is None


def test_big_volumes_are_thinned_out_for_the_eye(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("acquisition.fmri_maps._MOST_SHOWN", 12)
    maps = modelled(blocks())
    shown, (full,) = maps.shown(), list(maps.all())
    assert shown is not None
    assert shown.t.shape == shown.underlay.shape == (12, 12, 10)
    np.testing.assert_array_equal(shown.t, full.t[::2, ::2])
    voxel = np.array([3.0, 4.0, 5.0, 1.0])
    np.testing.assert_allclose(shown.affine @ voxel, full.affine @ (voxel * [2, 2, 1, 1]))


def test_usual_contrasts() -> None:
    assert default_contrasts(()) == ()
    assert default_contrasts(("face",)) == ("face",)
    pair, together, *each = default_contrasts(("face", "house"))
    assert pair == "face - house"
    assert together == "0.5000 * face + 0.5000 * house"
    assert each == ["face", "house"]
    assert default_contrasts(("a", "b", "c"))[0].startswith("0.3333 * a + ")
    assert default_contrasts(("a - b", "c")) == ("c",), "that name would be a difference"


def test_events_are_kept_in_order() -> None:
    events = Events()
    for onset in (0.0, 8.0, 4.0):
        events.add(onset, "x", None)
    assert [s.onset_s for s in events.known] == [0.0, 4.0, 8.0]


def test_memory_does_not_grow_with_the_run() -> None:
    core, steps = processed()
    maps, stimuli = MapMaker(core, 1.0), blocks()
    chain = FmriChain(FmriSettings(smooth_mm=8.0, features="beta"), 1.0)
    reference = core.reference
    assert reference is not None
    held = []
    tracemalloc.start()
    try:
        for k in range(50):
            maps.step(replace(steps[k % 8], index=k), stimuli)
            data = steps[k % 8].realigned
            chain.step(replace(reference, data=data, index=k), stimuli)
            if k in (25, 49):
                held.append(tracemalloc.get_traced_memory()[0])
    finally:
        tracemalloc.stop()
    assert held[1] - held[0] < 60_000, "a volume has 23,000 bytes"
