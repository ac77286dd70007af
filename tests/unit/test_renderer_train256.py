from __future__ import annotations

import functools
import json
from pathlib import Path

import numpy as np
import pytest

from phosphene.stimuli import C_DIM, draw, embed

torch = pytest.importorskip("torch", reason="the train extra is not installed")
diffusers = pytest.importorskip("diffusers", reason="the train extra is not installed")

from phosphene.engine import OnnxEngine  # noqa: E402
from renderer import train  # noqa: E402
from renderer.quality.readers import Readers  # noqa: E402
from renderer.training import (  # noqa: E402
    compare_report,
    flowmap,
    generator256_stage,
    recipes,
)
from renderer.training.accelerator import Scale, train_generator_on  # noqa: E402
from renderer.training.atlas import Atlas  # noqa: E402
from renderer.training.autoencoder256 import Autoencoder256  # noqa: E402
from renderer.training.compare import CHANNELS, train_recipe  # noqa: E402
from renderer.training.compare_report import CELLS, KINDS, STEPS, Row, write_report  # noqa: E402
from renderer.training.dataset import TRAINING_SEED, large_chunks, scene_number  # noqa: E402
from renderer.training.export import export_graph, flow_example, sha256_of  # noqa: E402
from renderer.training.flowmap import Condition  # noqa: E402
from renderer.training.generator256_stage import Drafts, as_velocity  # noqa: E402
from renderer.training.judge import Judge  # noqa: E402
from renderer.training.low import LowNet, mildly_corrupted  # noqa: E402
from renderer.training.network256 import FlowMapNet256  # noqa: E402
from renderer.training.notes import told, trained  # noqa: E402
from renderer.training.progress import Budget  # noqa: E402
from renderer.training.stored import (  # noqa: E402
    load_autoencoder,
    load_flow,
    round_to_half,
    save_autoencoder,
    save_flow,
)

SMALL = (32, 32)
SHIPPED = Path(train.__file__).parent / "weights" / "world-256"


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def flow(tmp_path_factory: pytest.TempPathFactory) -> tuple[FlowMapNet256, Path]:
    torch.manual_seed(0)
    net = FlowMapNet256(SMALL).eval()
    round_to_half(net)
    file = tmp_path_factory.mktemp("flow") / "flow.safetensors"
    save_flow(net, file)
    return net, file


def condition(n: int, seed: int = 0) -> Condition:
    rng = torch.Generator().manual_seed(seed)
    return Condition(
        torch.randn(n, 4, 16, 16, generator=rng),
        torch.tensor([k % 2.0 for k in range(n)]),
        torch.randn(n, C_DIM, generator=rng),
        torch.ones(n),
    )


def test_stages_train_and_go_on_by_the_same_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = functools.partial(FlowMapNet256, SMALL)
    monkeypatch.setattr(generator256_stage, "FlowMapNet256", small)
    monkeypatch.setattr(generator256_stage, "BATCHES", (2, 2))
    few = functools.partial(generator256_stage.sample_sheet, n=1)
    monkeypatch.setattr(generator256_stage, "sample_sheet", few)
    common = ["--scenes", "3", "--threads", "1", "--out", str(tmp_path)]
    for steps in ("1", "2"):
        for stage in ("autoencoder", "low", "atlas", "generator"):
            assert train.main([stage, "--steps", steps, *common]) == 0
    for stage, name, network in (
        ("autoencoder", "autoencoder", Autoencoder256()),
        ("generator", "average", small()),
        ("low", "low", LowNet()),
        ("atlas", "atlas", Atlas()),
    ):
        _, budget = trained(tmp_path / stage, network, name)
        assert told(tmp_path / stage, budget)["steps"] == 2
        assert told(tmp_path / stage, budget)["scenes"] == 3
    assert {f.name for f in (tmp_path / "cache").glob("latents*")} == {
        "latents256_3_1.safetensors",  # of the autoencoder that was there the first time
        "latents256_3_2.safetensors",
    }
    for sheet in ("autoencoder/autoencoder.png", "generator/samples_last.png", "low/low.png"):
        assert (tmp_path / sheet).stat().st_size > 1000
    with pytest.raises(SystemExit, match="train that stage first"):
        train.main(["generator", "--steps", "1", "--out", str(tmp_path / "elsewhere")])


def test_all_runs_the_stages_in_their_order_with_their_share(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from renderer.training import world256

    seen: list[tuple[str, float | None, int | None]] = []
    for name in world256.STAGES:
        monkeypatch.setitem(
            world256.STAGES, name, lambda o, name=name: seen.append((name, o.minutes, o.steps))
        )
    train.main(["all", "--minutes", "100", "--out", str(tmp_path)])
    assert [name for name, _, _ in seen] == ["autoencoder", "low", "atlas", "generator", "export"]
    assert sum(minutes or 0.0 for _, minutes, _ in seen[:4]) == pytest.approx(100.0)
    seen.clear()
    train.main(["low", "--out", str(tmp_path)])
    train.main(["generator", "--steps", "7", "--out", str(tmp_path)])
    assert seen == [("low", world256.MINUTES["low"], None), ("generator", None, 7)]
    for wrong in (["low", "--model", "world-64"], ["all", "--steps", "1", "--minutes", "1"]):
        with pytest.raises(SystemExit):
            train.parse([*wrong, "--out", str(tmp_path)])
    if not torch.cuda.is_available():
        with pytest.raises(SystemExit):
            train.parse(["all", "--device", "cuda", "--out", str(tmp_path)])


def test_training_on_a_device_goes_on_where_it_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On the CPU here: the same code runs on one GPU."""
    sheets: list[str] = []
    monkeypatch.setattr(
        generator256_stage, "sample_sheet", lambda net, a, data, file: sheets.append(file.name)
    )
    scale = Scale(torch.device("cpu"), batch=4, channels=SMALL, save_every=1)
    data = {"z": torch.randn(8, 4, 32, 32), "low": torch.randn(8, 4, 16, 16)}
    data |= {"c": torch.randn(8, C_DIM), "style": torch.arange(8) % 6}
    autoencoder = Autoencoder256().eval()
    drafts = Drafts(Atlas(), LowNet())
    weights = []
    for steps in (1, 2):
        budget = Budget(steps, None)
        net = train_generator_on(scale, data, autoencoder, drafts, budget, tmp_path, 0)
        assert budget.step == steps
        weights.append(next(net.parameters()).clone())
    assert not torch.equal(*weights)
    assert sheets == [
        "samples_000001.png",
        "samples_last.png",
        "samples_000002.png",
        "samples_last.png",
    ]


def test_scenes_come_in_order_at_both_sizes() -> None:
    chunks = list(large_chunks(TRAINING_SEED, 2))
    assert [len(chunk.c) for chunk in chunks] == [2]
    scene = scene_number(TRAINING_SEED, 1)
    np.testing.assert_array_equal(chunks[0].pictures[1], draw(scene, 256))
    np.testing.assert_array_equal(chunks[0].small[1], draw(scene))
    np.testing.assert_array_equal(chunks[0].c[1], embed(scene))
    assert chunks[0].style[1] == scene.style


def test_half_of_the_latents_are_left_alone_and_the_rest_moved_a_little() -> None:
    low = torch.randn(200, 4, 16, 16)
    moved = (mildly_corrupted(low, torch.Generator().manual_seed(0)) - low).abs().mean((1, 2, 3))
    assert 0.35 < (moved == 0).float().mean() < 0.65
    assert moved.max() < 0.5


def test_files_of_networks_load_into_diffusers_and_say_the_same(
    flow: tuple[FlowMapNet256, Path], tmp_path: Path
) -> None:
    net, file = flow
    again = load_flow(file)
    assert type(again.unet) is diffusers.UNet2DConditionModel
    example = flow_example((4, 32, 32))
    with torch.no_grad():
        assert torch.equal(net(*example.values()), again(*example.values()))
    save_flow(again, tmp_path / "again.safetensors")
    assert sha256_of(tmp_path / "again.safetensors") == sha256_of(file)
    model = Autoencoder256(32).eval()
    round_to_half(model)
    save_autoencoder(model, tmp_path / "autoencoder.safetensors")
    z = torch.randn(1, 4, 4, 4)
    kept = load_autoencoder(tmp_path / "autoencoder.safetensors")
    assert torch.equal(kept.decoder(z), model.decoder(z))


@torch.no_grad()
@pytest.mark.parametrize("steps", [1, 4])
def test_the_scheduler_of_diffusers_samples_as_ours(
    flow: tuple[FlowMapNet256, Path], steps: int
) -> None:
    net = load_flow(flow[1])
    noise, given = torch.randn(2, 4, 32, 32), condition(2)
    scheduler = diffusers.FlowMapEulerDiscreteScheduler()
    scheduler.set_timesteps(steps)
    z = noise
    for now, after in zip(scheduler.sigmas[:-1], scheduler.sigmas[1:], strict=True):
        t = torch.full((2,), float(now))
        u = net(z, t, torch.full((2,), float(now - after)), *given)
        z = scheduler.step(u, 1000.0 * now, z, 1000.0 * after).prev_sample
    ours = flowmap.sample(as_velocity(net, False), noise, given, steps)
    torch.testing.assert_close(z, ours, atol=1e-5, rtol=1e-5)


def test_export_is_the_same_every_time_and_refuses_what_differs(tmp_path: Path) -> None:
    torch.manual_seed(0)
    net = LowNet(16).eval().requires_grad_(False)
    round_to_half(net)
    example = {"z_low": torch.randn(2, 4, 16, 16)}
    for name in ("a.onnx", "b.onnx"):
        error = export_graph(net, example, "z", tmp_path / name, 1e-4, halve=True)
        assert error < 1e-4
    assert (tmp_path / "a.onnx").read_bytes() == (tmp_path / "b.onnx").read_bytes()
    many = OnnxEngine((tmp_path / "a.onnx").read_bytes()).run(
        {"z_low": np.zeros((5, 4, 16, 16), np.float32)}
    )
    assert many["z"].shape == (5, 4, 32, 32)
    with pytest.raises(RuntimeError, match="away from torch"):
        export_graph(net, example, "z", tmp_path / "c.onnx", -1.0)
    assert not (tmp_path / "c.onnx").exists()


def test_the_shipped_graph_computes_what_the_shipped_network_does() -> None:
    described = json.loads((SHIPPED / "model.json").read_text("utf-8"))
    for name, wanted in described["files"].items():
        assert sha256_of(SHIPPED / name) == wanted
    assert sum((SHIPPED / name).stat().st_size for name in described["files"]) < 40e6
    torch.manual_seed(0)
    example = flow_example((4, 32, 32))
    got = OnnxEngine((SHIPPED / "flow.onnx").read_bytes()).run(
        {name: value.numpy() for name, value in example.items()}
    )
    with torch.no_grad():
        wanted = load_flow(SHIPPED / "flow.safetensors")(*example.values()).numpy()
    np.testing.assert_allclose(got["u"], wanted, atol=1e-4)


def exact(x: torch.Tensor) -> flowmap.Velocity:
    """The true flow map where all data are the one point x."""
    return lambda z_t, t, h, condition: (z_t - x) / t[:, None, None, None]


@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated:DeprecationWarning")
@pytest.mark.parametrize("loss", [recipes.split_loss, recipes.mean_flow_loss])
def test_other_recipes_have_no_loss_at_the_true_flow_map(loss: recipes.Loss) -> None:
    rng = torch.Generator().manual_seed(0)
    x = 0.3 * torch.randn(1, 4, 16, 16, generator=rng)
    many, given = x.expand(32, -1, -1, -1), condition(32)
    right = loss(exact(x), exact(x), many, given, rng).item()

    def wrong(z_t: torch.Tensor, t: torch.Tensor, h: torch.Tensor, _: Condition) -> torch.Tensor:
        return z_t * (1.0 + h[:, None, None, None])

    assert right < 0.1
    assert loss(wrong, wrong, many, given, rng).item() > 0.2


def test_recipes_get_the_same_processor_time_and_are_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    z, c = torch.randn(40, 4, 16, 16), torch.randn(40, C_DIM)
    for name in ("fm", "shortcut"):
        train_recipe(name, 0, z, c, 0.01, tmp_path / name)
        steps = len(np.load(tmp_path / name / "norms.npy"))
        assert steps >= 1
        train_recipe(name, 0, z, c, 0.01, tmp_path / name)  # spent: no further step
        assert len(np.load(tmp_path / name / "norms.npy")) == steps
    untrained = Judge(64).eval()
    readers = Readers(untrained, untrained, untrained)
    monkeypatch.setattr(compare_report, "open_readers", lambda size_px, kept: readers)
    row = compare_report.measure("fm", 0, tmp_path / "fm", 4, CHANNELS)
    assert row.steps >= 1
    assert row.cpu_s >= 0.01
    assert set(row.cells) == {f"{kind}-{steps}" for kind in KINDS for steps in STEPS}
    assert all(len(cell) == len(CELLS) and np.isfinite(cell).all() for cell in row.cells.values())
    write_report([row], 0.01, 4, tmp_path / "page.md")
    assert recipes.RECIPES["fm"].title in (tmp_path / "page.md").read_text("utf-8")


def test_the_report_names_every_recipe_and_its_controls(tmp_path: Path) -> None:
    cells = {f"{kind}-{k}": [0.5, 0.125, 0.01, 0.02, 3.0] for kind in KINDS for k in STEPS}
    assert len(CELLS) == 5
    rows = [Row(name, 0, 100, 9.0, 1.5, 400_000, 1.0, cells) for name in recipes.RECIPES]
    write_report(rows, 9.0, 50, tmp_path / "page.md")
    page = (tmp_path / "page.md").read_text("utf-8")
    for recipe in recipes.RECIPES.values():
        assert page.count(recipe.title) == 1 + len(KINDS) * len(STEPS)
    assert "shuffled" in page
    assert "chance 0.125" in page
