from __future__ import annotations

import tracemalloc
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from phosphene.session import RendererSettings
from renderer.frameclock import FrameClock
from renderer.neutral import neutral_frame
from renderer.pacing import Lead
from renderer.resized import Resized
from renderer.studio import Mode, Seen, Studio

Array = npt.NDArray[np.float32]


class Recorder:
    """A painter that notes what it was asked for and paints the first value of c."""

    size_px = 64
    model = "m"
    noise_shape: tuple[int, ...] = (4, 16, 16)
    latent: Array | None = None

    def __init__(self, modes: tuple[Mode, ...] = ("z", "c", "zc")) -> None:
        self.modes = modes
        self.calls: list[tuple[Array | None, Array | None, int, Mode]] = []
        self.noises: list[Array] = []
        self.strengths: list[float] = []
        self.guided: list[tuple[str, float]] = []
        self.starts: list[tuple[Array | None, float]] = []

    def render(
        self,
        z: Array | None,
        c: Array | None,
        noise: Array,
        steps: int = 1,
        mode: Mode = "zc",
        strength: float = 1.0,
        guides: str = "zc",
        guidance: float = 1.0,
        start: Array | None = None,
        start_t: float = 1.0,
    ) -> npt.NDArray[np.uint8]:
        self.starts.append((start, start_t))
        self.guided.append((guides, guidance))
        self.latent = np.full(self.noise_shape, len(self.calls), np.float32)
        self.calls.append((z, c, steps, mode))
        self.noises.append(noise)
        self.strengths.append(strength)
        level = 0 if c is None else int(100 * c[0])
        return np.full((64, 64, 3), level, np.uint8)

    def decode(self, z: Array) -> npt.NDArray[np.uint8]:
        return np.zeros((64, 64, 3), np.uint8)

    def limits(self) -> str:
        return "no generator here"


def seen(c0: float = 1.0, *, t: float = 0.0, confidence: float = 1.0, z: bool = True) -> Seen:
    latent = np.zeros((4, 16, 16), np.float32) if z else None
    return Seen(0, 0, confidence, t, t, t, latent, np.full(3, c0, np.float32))


def studio(**settings: float | str) -> tuple[Studio, Recorder]:
    painter = Recorder()
    return Studio(painter, RendererSettings.model_validate(settings), 0.0), painter


def test_without_a_percept_the_frame_is_neutral() -> None:
    scene, painter = studio()
    picture = scene.picture(1.0)
    assert picture.state == "neutral"
    np.testing.assert_array_equal(picture.pixels, neutral_frame())
    assert painter.calls == []


def test_a_percept_below_the_threshold_is_not_shown() -> None:
    scene, painter = studio(min_confidence=0.5)
    scene.see(seen(confidence=0.4))
    assert scene.picture(0.1).state == "neutral"
    scene.see(seen(confidence=0.6))
    assert scene.picture(0.1).state == "picture"
    assert len(painter.calls) == 1


def test_a_stale_percept_is_not_shown() -> None:
    scene, _ = studio(stale_s=5.0)
    scene.see(seen())
    assert scene.picture(5.0).state == "picture"
    assert scene.picture(5.1).state == "neutral"


def test_the_path_between_percepts_is_smooth_and_ends_at_the_newest() -> None:
    scene, _ = studio(smoothing_s=0.5)
    scene.see(seen(0.0))
    scene.see(seen(1.0, t=1.0))
    levels = [int(scene.picture(t).pixels[0, 0, 0]) for t in np.arange(1.0, 6.0, 0.1)]
    assert levels[0] == 0
    assert levels == sorted(levels)
    assert levels[-1] >= 99


@pytest.mark.parametrize(
    ("mode", "has_z", "expected"),
    [("zc", True, "zc"), ("zc", False, "c"), ("z", True, "z"), ("c", True, "c")],
)
def test_the_mode_uses_what_there_is(mode: str, has_z: bool, expected: str) -> None:
    scene, painter = studio(mode=mode)
    scene.see(seen(z=has_z))
    scene.picture(0.1)
    assert painter.calls[-1][3] == expected


def test_a_mode_without_its_condition_shows_nothing() -> None:
    scene, painter = studio(mode="z")
    scene.see(seen(z=False))
    assert scene.picture(0.1).state == "neutral"
    assert painter.calls == []


def test_settings_change_without_losing_the_percept() -> None:
    scene, painter = studio(mode="zc", steps=1)
    scene.see(seen())
    scene.change(RendererSettings(mode="c", steps=4, guides="c", guidance=3.0))
    assert scene.picture(0.1).state == "picture"
    assert painter.calls[-1][2:] == (4, "c")
    assert painter.guided[-1] == ("c", 3.0)


def test_the_lead_follows_what_frames_cost_and_not_a_single_slow_one() -> None:
    lead = Lead(40.0)
    assert lead.seconds == pytest.approx(0.002)
    for _ in range(32):
        lead.learn(0.01)
    lead.learn(0.02)
    assert lead.seconds == pytest.approx(0.012)
    for _ in range(4):
        lead.learn(0.015)
    assert lead.seconds == pytest.approx(0.017)
    for _ in range(32):
        lead.learn(0.001)
    assert lead.seconds == pytest.approx(0.003)
    for _ in range(32):
        lead.learn(1.0)
    assert lead.seconds == pytest.approx(2.0 / 40)
    lead.retime(10.0)
    assert lead.seconds == pytest.approx(0.2)
    lead.forget()
    assert lead.seconds == pytest.approx(0.002)


def test_a_switch_moves_neither_noise_nor_path() -> None:
    scene, painter = studio(noise_s=10.0, smoothing_s=2.0)
    scene.see(seen(0.0))
    scene.see(seen(1.0, t=1.0))
    before = scene.picture(2.0)
    for change in (
        {"mode": "c", "steps": 4, "strength": 0.5, "guides": "c"},
        {"noise_s": 1.0},
        {"smoothing_s": 0.5},
        {"noise_s": 0.0},
    ):
        scene.change(scene.settings.model_copy(update=change))
        after = scene.picture(2.0)
        np.testing.assert_array_equal(after.pixels, before.pixels)
        np.testing.assert_allclose(painter.noises[-1], painter.noises[0], atol=1e-6)
    assert painter.strengths == [1.0, 0.5, 0.5, 0.5, 0.5]
    assert scene.picture(2.5).pixels[0, 0, 0] > before.pixels[0, 0, 0]
    np.testing.assert_allclose(painter.noises[-1], painter.noises[0], atol=1e-6)
    scene.change(scene.settings.model_copy(update={"noise_s": 1.0}))
    scene.picture(4.0)
    assert np.abs(painter.noises[-1] - painter.noises[0]).mean() > 0.5
    scene.change(scene.settings.model_copy(update={"seed": 1}))
    scene.picture(4.0)
    assert abs(np.corrcoef(painter.noises[-1].ravel(), painter.noises[-2].ravel())[0, 1]) < 0.15


@pytest.mark.parametrize(("mode", "state"), [("z", "picture"), ("c", "neutral"), ("zc", "picture")])
def test_what_no_painter_paints_stays_neutral_and_is_told(mode: str, state: str) -> None:
    painter = Recorder(modes=("z",))
    scene = Studio(painter, RendererSettings.model_validate({"mode": mode}), 0.0)
    scene.see(seen())
    assert scene.picture(0.1).state == state
    assert scene.still(seen(), 0.1).state == state
    told = {
        "z": None,
        "c": "no generator here",
        "zc": "no generator here; mode zc shows the picture of z, to which c adds nothing",
    }
    assert scene.complaint() == told[mode]
    assert [call[3] for call in painter.calls] == (["z", "z"] if state == "picture" else [])


def test_where_only_c_is_decoded_and_only_z_is_painted_the_frame_is_neutral() -> None:
    scene = Studio(painter := Recorder(modes=("z",)), RendererSettings(mode="zc"), 0.0)
    scene.see(seen(z=False))
    assert scene.picture(0.1).state == "neutral"
    assert not painter.calls


def test_the_neutral_frame_has_the_size_of_the_pictures() -> None:
    painter = Recorder()
    painter.size_px = 28
    picture = Studio(painter, RendererSettings(), 0.0).picture(0.0)
    assert picture.pixels.shape == (28, 28, 3)


def test_warm_start_begins_with_the_last_picture_and_never_with_one_before_neutral_frames() -> None:
    scene, painter = studio(warm_start=0.4)
    scene.see(seen())
    scene.picture(0.1)
    scene.picture(0.2)
    assert painter.starts[0] == (None, 1.0)
    start, start_t = painter.starts[1]
    assert start is not None
    assert start[0, 0, 0] == 0.0
    assert start_t == pytest.approx(0.6)
    assert scene.picture(50.0).state == "neutral"
    scene.see(seen(t=51.0))
    scene.picture(51.0)
    assert painter.starts[2] == (None, 1.0)
    scene.still(seen(t=51.0), 1.0)
    assert painter.starts[3] == (None, 1.0), "one percept alone is a function of the data only"
    scene.change(scene.settings.model_copy(update={"warm_start": 0.0}))
    scene.picture(51.2)
    assert painter.starts[4] == (None, 1.0)


def test_where_z_is_the_start_warm_start_is_refused_in_words() -> None:
    scene, painter = studio(warm_start=0.4, strength=0.5)
    scene.see(seen())
    scene.picture(0.1)
    scene.picture(0.2)
    assert painter.starts == [(None, 1.0)] * 2
    assert "warm_start changes nothing" in str(scene.complaint())
    painter.noise_shape = ()
    scene.change(RendererSettings(warm_start=0.4))
    assert "nothing is denoised" in str(scene.complaint())


def test_what_was_not_worth_showing_does_not_colour_the_next_picture() -> None:
    scene, _ = studio(min_confidence=0.5, smoothing_s=5.0)
    scene.see(seen(0.2))
    scene.see(seen(1.0, t=1.0, confidence=0.1))
    assert scene.picture(2.0).state == "neutral"
    scene.see(seen(0.6, t=3.0))
    assert scene.picture(3.0).pixels[0, 0, 0] == 60


@pytest.mark.parametrize("path", ["smooth", "hold", "slerp"])
def test_another_way_between_percepts_goes_on_from_the_picture_that_is_shown(path: str) -> None:
    scene, _ = studio(path="slerp")
    for t in (0.0, 1.0, 2.0):
        scene.see(seen(float(t % 2), t=t))
    here = scene.picture(2.5)
    assert here.pixels[0, 0, 0] == 50
    scene.change(scene.settings.model_copy(update={"path": path}))
    assert scene.picture(2.5).pixels[0, 0, 0] == 50
    # A percept that came between the last frame's begin and its due time is not the past.
    scene.see(seen(1.0, t=2.49))
    assert scene.picture(2.5).state == "picture"
    later = scene.picture(9.0).pixels[0, 0, 0]
    assert later >= 99


def test_another_painter_goes_on_with_percept_and_path() -> None:
    scene, _ = studio(warm_start=0.5)
    scene.see(seen(0.5))
    scene.picture(0.1)
    larger = Recorder()
    larger.size_px, larger.noise_shape = 256, (4, 32, 32)
    scene.repaint(larger)
    assert scene.picture(0.2).pixels[0, 0, 0] == 50
    assert larger.noises[0].shape == (4, 32, 32)
    assert larger.starts == [(None, 1.0)]
    assert scene.picture(99.0).pixels.shape == (256, 256, 3)


def test_nothing_is_kept_of_frames_that_are_gone() -> None:
    class Forgetful(Recorder):
        def render(self, *_: object, **__: object) -> npt.NDArray[np.uint8]:
            self.latent = np.zeros(self.noise_shape, np.float32)
            return np.zeros((64, 64, 3), np.uint8)

    scene = Studio(Forgetful(), RendererSettings(path="slerp", warm_start=0.3, noise_s=2.0), 0.0)
    lead, clock = Lead(24.0), FrameClock(24.0, 0.0)

    def frames(first: int, last: int) -> None:
        for k in range(first, last):
            if k % 40 == 0:
                scene.see(seen(k / 2000, t=k / 24))
            assert clock.poll(k / 24) is not None
            scene.picture(k / 24)
            lead.learn(0.001 * (k % 7))

    frames(0, 200)
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    frames(200, 2200)
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert grown < 40_000, "two noises and two percepts, not one for each frame"


def test_after_a_neutral_frame_nothing_of_before_comes_out() -> None:
    class Keeps(Recorder):
        kept: float | None = None

        def render(self, *given: Any, **more: Any) -> npt.NDArray[np.uint8]:
            self.kept = 1.0
            return super().render(*given, **more)

        def reset(self) -> None:
            self.kept = None

    for painter in (Keeps(), Resized(inner := Keeps(), 32)):
        scene = Studio(painter, RendererSettings(mode="c"), 0.0)
        scene.see(seen())
        assert scene.picture(0.1).state == "picture"
        held = painter if isinstance(painter, Keeps) else inner
        assert held.kept == 1.0
        assert scene.picture(99.0).state == "neutral"
        assert held.kept is None
