"""World-256 paints what is asked, by one call, and is ready before a switch takes effect."""

from __future__ import annotations

import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from phosphene.bus import Puller
from phosphene.clock import FakeClock
from phosphene.engine import Array, Engine, OnnxEngine
from phosphene.errors import ConfigError, InputError
from phosphene.messages import Command
from phosphene.node import NodeContext
from phosphene.session import RendererSettings
from phosphene.stimuli import prototype
from renderer import painter as painters
from renderer.asked import Mode
from renderer.generator import Generator, seeded_noise
from renderer.node import RendererNode
from renderer.painter import Prepared, open_painter, warm_up
from renderer.resized import Resized, resize
from renderer.studio import Seen, Studio
from renderer.swap import PainterSwap
from renderer.world256 import Variant, World256, variants
from tests.unit.test_renderer_node import plan_in
from tests.unit.tiny_world256 import write_world256

Floats = np.ndarray[tuple[int, ...], np.dtype[np.float32]]
Z = seeded_noise(3)
C = prototype("shoe")
NOISE = seeded_noise(5, (4, 32, 32))


class Counted(OnnxEngine):
    """Counts its calls."""

    calls = 0

    def _compute(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        Counted.calls += 1
        return super()._compute(inputs)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_world256(tmp_path_factory.mktemp("w"), guidance=2.0)


@pytest.fixture(scope="module")
def painter(folder: Path) -> World256:
    return World256(folder, open_graph=Counted)


@pytest.mark.parametrize("mode", ["z", "c", "zc"])
@pytest.mark.parametrize("strength", [0.0, 0.6, 1.0])
def test_each_frame_is_one_call_and_depends_on_its_arguments_only(
    painter: World256, mode: Mode, strength: float
) -> None:
    first = painter.render(Z, C, NOISE, 2, mode, strength)
    assert (first.shape, first.dtype) == ((256, 256, 3), np.dtype(np.uint8))
    painter.render(None, C, seeded_noise(9, (4, 32, 32)), 1, "c")
    before = Counted.calls
    again = painter.render(Z, C, NOISE, 2, mode, strength)
    assert Counted.calls == before + 1
    np.testing.assert_array_equal(first, again)
    assert painter.latent is not None and painter.latent.shape == painter.noise_shape


def test_conditions_that_the_mode_leaves_out_change_nothing(painter: World256) -> None:
    other = seeded_noise(8)
    for z, c, mode, same in (
        (other, C, "c", True),
        (other, C, "zc", False),
        (Z, -C, "z", True),
        (Z, -C, "zc", False),
    ):
        wanted = painter.render(Z, C, NOISE, 2, mode)  # type: ignore[arg-type]
        found = painter.render(z, c, NOISE, 2, mode)  # type: ignore[arg-type]
        assert np.array_equal(wanted, found) == same, mode


def test_strength_goes_from_z_as_it_stands_to_noise_alone(painter: World256) -> None:
    plain = painter.decode(Z)
    np.testing.assert_array_equal(painter.render(Z, C, NOISE, 2, "zc", 0.0), plain)
    away = [
        float(np.abs(painter.render(Z, C, NOISE, 2, "zc", s).astype(int) - plain).mean())
        for s in (0.05, 0.4, 0.9)
    ]
    assert 0 < away[0] < away[1] < away[2]
    silent = painter.render(Z, C, NOISE, 2, "zc", 1.0, "c")
    np.testing.assert_array_equal(silent, painter.render(None, C, NOISE, 2, "c"))


def test_guidance_up_to_the_folded_one_is_free(painter: World256) -> None:
    free = painter.render(None, C, NOISE, 4, "c", guidance=1.0)
    np.testing.assert_array_equal(free, painter.render(None, C, NOISE, 4, "c", guidance=2.0))
    further = painter.render(None, C, NOISE, 4, "c", guidance=4.0)
    assert not np.array_equal(free, further)
    single = painter.render(None, C, NOISE, 1, "c", guidance=4.0)
    np.testing.assert_array_equal(single, painter.render(None, C, NOISE, 1, "c"))


def test_a_warm_start_begins_at_the_last_latent(painter: World256) -> None:
    painter.render(Z, C, NOISE, 2, "zc")
    last = painter.latent
    other = seeded_noise(7, (4, 32, 32))
    cold = painter.render(None, C, other, 2, "c")
    warm = painter.render(None, C, other, 2, "c", start=last, start_t=0.5)
    assert not np.array_equal(cold, warm)
    full = painter.render(None, C, other, 2, "c", start=last, start_t=1.0)
    np.testing.assert_array_equal(cold, full)
    from_z = painter.render(Z, C, other, 2, "zc", 0.5)
    kept = painter.render(Z, C, other, 2, "zc", 0.5, start=last, start_t=0.5)
    np.testing.assert_array_equal(from_z, kept)


def test_many_steps_agree_with_the_unrolled_ones(
    painter: World256, monkeypatch: pytest.MonkeyPatch
) -> None:
    cases: tuple[tuple[Mode, float, float], ...] = (("zc", 0.6, 1), ("zc", 1, 1), ("c", 1, 4))
    wanted = [painter.render(Z, C, NOISE, 8, m, s, "zc", g) for m, s, g in cases]
    latents = [painter.latent for _ in wanted]
    monkeypatch.setattr("renderer.world256.MOST_STEPS", 4)
    for (mode, strength, guidance), picture in zip(cases, wanted, strict=True):
        found = painter.render(Z, C, NOISE, 8, mode, strength, "zc", guidance)
        assert np.abs(found.astype(int) - picture).max() <= 1, "one grey level of rounding"
    assert latents and painter.latent is not None


def test_wrong_arguments_and_files_are_refused(painter: World256, folder: Path) -> None:
    with pytest.raises(ConfigError, match="noise") as found:
        painter.render(Z, C, Z, 0, "zc")
    assert "steps" in str(found.value), "all at once"
    with pytest.raises(ConfigError, match="conditions"):
        painter.render(None, C, NOISE, 1, "z")
    with pytest.raises(ConfigError, match="z"):
        painter.decode(NOISE)
    other = write_world256(folder.parent / "broken")
    (other / "low.onnx").write_bytes(b"else")
    with pytest.raises(InputError, match=r"low\.onnx"):
        World256(other)
    (other / "flow.onnx").unlink()
    with pytest.raises(InputError, match="cannot be read"):
        World256(other)
    with pytest.raises(InputError, match=r"model\.json"):
        World256(folder / "nowhere")


def test_what_settings_call_for() -> None:
    def named(**settings: object) -> tuple[Variant, ...]:
        return variants(RendererSettings.model_validate({"steps": 2} | settings), 2.0)

    given, guided = Variant("given", 2), Variant("given", 2, guided=True)
    assert named(mode="zc") == (given,)
    assert named(mode="z", guidance=4) == (given,)
    assert named(mode="zc", guidance=4) == (given, guided)
    assert named(mode="c", guidance=4) == (guided,)
    assert named(mode="c", guidance=4, steps=1) == (Variant("given", 1),)
    assert named(mode="zc", strength=0.5) == (Variant("low", 2), given)
    assert named(mode="zc", strength=0) == (Variant("plain", 1), given)


@pytest.mark.parametrize("settings", [
    {"mode": "zc", "steps": 1}, {"mode": "zc", "strength": 0.5, "guidance": 3.0, "steps": 2},
    {"mode": "zc", "strength": 0.0, "steps": 2}, {"mode": "c", "guidance": 3.0, "steps": 2},
    {"mode": "z", "steps": 2},
])  # fmt: skip
def test_when_ready_no_frame_compiles_anything(folder: Path, settings: dict[str, object]) -> None:
    opened: list[int] = []

    def open_graph(graph: bytes) -> Engine:
        opened.append(len(graph))
        return OnnxEngine(graph)

    painter = World256(folder, open_graph=open_graph)
    wanted = RendererSettings.model_validate(settings)
    assert isinstance(painter, Prepared) and not painter.ready(wanted)
    painter.prepare(wanted)
    assert painter.ready(wanted)
    before = len(opened)
    for z, c in ((Z, C), (Z, None), (None, C)):
        mode = "".join(n for n, v in (("z", z), ("c", c)) if v is not None and n in wanted.mode)
        if mode:
            how = (wanted.steps, mode, wanted.strength, wanted.guides, wanted.guidance)
            painter.render(z, c, NOISE, *how)  # type: ignore[arg-type]
    assert len(opened) == before


def test_settings_choose_model_size_and_engine(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(painters, "World256", lambda open_graph: World256(folder, 1, open_graph))
    cpu = {"engine": "cpu"}
    small = open_painter(None, RendererSettings.model_validate({"model": "world-64", **cpu}))
    assert isinstance(small, Generator)
    large = open_painter(None, RendererSettings.model_validate({"model": "world-256", **cpu}))
    assert isinstance(large, World256) and large.size_px == 256
    sized = {"model": "world-256", "size_px": 100, **cpu}
    resized = open_painter(None, RendererSettings.model_validate(sized))
    assert isinstance(resized, Resized) and resized.noise_shape == (4, 32, 32)
    warm_up(resized, None, RendererSettings.model_validate(sized))
    picture = resized.render(Z, C, NOISE, 2)
    assert picture.shape == (100, 100, 3)
    np.testing.assert_array_equal(picture, resize(large.render(Z, C, NOISE, 2), 100))
    assert resized.model == large.model and resized.latent is not None
    lines: list[str] = []
    monkeypatch.setattr(painters, "why_not_here", lambda _name: "not installed")
    usual = RendererSettings.model_validate({"model": "world-256", "engine": "auto"})
    other = open_painter(None, usual, lines.append)
    assert isinstance(other, World256)
    other.prepare(usual)
    assert other.describe().startswith("ONNX Runtime") and not lines


def test_large_pipelines_are_opened_by_their_own_part(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = RendererSettings.model_validate({"model": "diffusers:x"})
    part = SimpleNamespace(open_large=lambda asked, bundle: (asked, bundle))
    monkeypatch.setitem(sys.modules, "renderer.large", part)
    opened: object = open_painter(None, settings)
    assert opened == (settings, None)
    monkeypatch.setitem(sys.modules, "renderer.large", None)
    with pytest.raises(ConfigError, match=r"phosphene\[train\]"):
        open_painter(None, settings)


def test_sizes_are_areas_below_and_lanczos_above() -> None:
    checks = np.zeros((4, 4, 3), np.uint8)
    checks[::2, ::2] = checks[1::2, 1::2] = 200
    np.testing.assert_array_equal(resize(checks, 2), np.full((2, 2, 3), 100, np.uint8))
    assert resize(checks, 8).shape == (8, 8, 3)
    assert resize(checks, 4) is checks


def test_what_frames_are_painted_with_is_neither_run_nor_dropped_by_a_preparation(
    folder: Path,
) -> None:
    """Engines serve one caller at a time: a second one would get, or spoil, its answer."""
    opened: list[OnnxEngine] = []

    class Watched(OnnxEngine):
        def run(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
            assert all(engine is not self for engine in frames_with)
            return super().run(inputs)

    def open_graph(graph: bytes) -> Engine:
        opened.append(Watched(graph))
        return opened[-1]

    frames_with: list[Engine] = []
    painter = World256(folder, open_graph=open_graph)
    now = RendererSettings(mode="zc", strength=0.5, guidance=3.0, steps=1)
    painter.prepare(now)
    frames_with += opened
    painter.prepare(now)
    for steps in (2, 4, 2, 4):
        painter.prepare(now.model_copy(update={"steps": steps, "mode": "c"}))
        painter.prepare(now.model_copy(update={"steps": steps, "mode": "z"}))
        frames_with.clear()
        painter.render(Z, C, NOISE, 1, "zc", 0.5)
        painter.render(Z, None, NOISE, 1, "z")
        frames_with += opened[:2]
    assert painter.ready(now) and len(opened) == 2 + 4


class Slow:
    """A painter that is opened when it is let."""

    modes: tuple[Mode, ...] = ("z",)
    size_px, model, noise_shape, latent = 8, "slow", (), None

    def __init__(self) -> None:
        self.warmed: list[RendererSettings] = []


def test_a_swap_loads_in_a_thread_and_the_newest_wish_wins() -> None:
    may_load = threading.Event()
    asked: list[str] = []
    settings = RendererSettings(model="world-64")

    def opened(wanted: RendererSettings) -> Slow:
        asked.append(wanted.model)
        may_load.wait(5)
        if wanted.model == "diffusers:broken":
            raise OSError("no such folder")
        return Slow()

    warm: list[RendererSettings] = []
    old = Slow()
    swap = PainterSwap(old, settings, opened, lambda _p, s: warm.append(s))  # type: ignore[arg-type]
    first = settings.model_copy(update={"model": "world-256"})
    second = settings.model_copy(update={"model": "diffusers:x"})
    assert swap.later(settings, settings) == () and "model" in swap.later(settings, first)
    swap.begin(first)
    swap.begin(second)
    assert swap.take() is None
    may_load.set()
    found = taken(swap)
    assert isinstance(found, Slow) and found is not old
    assert asked[-1] == "diffusers:x" and warm[-1] == second
    assert swap.later(second, second) == () and swap.take() is None
    swap.begin(settings.model_copy(update={"model": "diffusers:broken"}))
    failed = taken(swap)
    assert isinstance(failed, ConfigError) and "no such folder" in str(failed)
    assert swap.later(second, second) == (), "the old one is still there"
    swap.begin(first)
    swap.give_up()
    swap.close()
    assert swap.take() is None


def lacking(**_arguments: object) -> Generator:
    raise InputError("no weights")


def test_a_running_node_takes_another_model_and_more_steps(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(painters, "World256", lambda open_graph: World256(folder, 1, open_graph))
    settings = RendererSettings.model_validate(
        {"model": "world-64", "engine": "cpu", "mode": "z", "steps": 2}
    )
    context = NodeContext("renderer", plan_in(tmp_path), FakeClock(10.0))
    records = Puller(context.zmq, context.endpoint("records"))
    swap = PainterSwap(
        Generator(), settings, lambda wanted: open_painter(None, wanted),
        lambda made, wanted: warm_up(made, None, wanted),
    )  # fmt: skip
    studio = Studio(Generator(), settings, 10.0)
    node = RendererNode(context, studio, "m", swap)

    def ask(**arguments: str) -> str:
        said = node.command(
            Command(run="r", seq=0, t_acquired=0.0, t_sent=0.0, producer="gui", id="1",
                    action="set", arguments=arguments)
        )  # fmt: skip
        swap.wait(10)
        return said

    def held() -> tuple[str, int, int]:
        now = studio.settings
        return now.model, now.steps, now.seed

    try:
        said = ask(model="world-256", seed="3")
        assert said == "set model=world-256, seed=3; loading, the old one paints until then"
        assert held() == ("world-64", 2, 3)
        node.step()
        assert held() == ("world-256", 2, 3) and studio.painter.size_px == 256
        assert context.note == "painting with model world-256, 256 pixels"
        preparing = "set steps=4, seed=3; preparing steps=4, painting goes on as before until then"
        assert ask(steps="4", seed="3") == preparing and held() == ("world-256", 2, 3)
        node.step()
        assert context.note == "painting with steps=4"
        assert held() == ("world-256", 4, 3)
        assert ask(steps="2") == "set steps=2", "that graph is still there"
        studio.see(Seen(0, 0, 1.0, 10.0, 10.0, 10.0, Z, C))
        assert studio.picture(10.1).pixels.shape == (256, 256, 3)
        monkeypatch.setattr(painters, "Generator", lacking)
        assert "; loading" in ask(model="world-64", threads="2", mode="c", steps="4")
        node.step()
        took_back = "taken back: model=world-64, threads=2; all else that was set holds"
        assert context.note == f"it stays with model world-256: no weights; {took_back}"
        assert (studio.settings.mode, studio.settings.steps) == ("c", 4)
        assert studio.settings.threads == settings.threads
        assert "model=world-256" in node.command(
            Command(run="r", seq=0, t_acquired=0.0, t_sent=0.0, producer="gui", id="2",
                    action="status")
        )  # fmt: skip
    finally:
        node.close()
        records.close()
        context.close()


def taken(swap: PainterSwap) -> object:
    """Wait for what is being loaded."""
    swap.wait(5)
    return swap.take()
