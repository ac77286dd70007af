"""Engines give the same numbers: ONNX Runtime, onnx's reference, torch, half precision."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

from decoder.committee import Layout, fit_committee
from decoder.familiar import Familiarity
from decoder.model import LinearModel
from decoder.samples import learn_priors, make_samples
from decoder.trust import Curves, Trust
from phosphene.doctor import CHECKS
from phosphene.engine import CPU, Engine, OnnxEngine
from phosphene.engines import choose, tensorrt
from phosphene.engines.choose import open_engine, why_not_here
from phosphene.engines.half import half_precision
from phosphene.engines.reference import ReferenceEngine
from phosphene.engines.tensorrt import TensorRtEngine, build_plan, tensorrt_module
from phosphene.errors import BundleError, ConfigError, InputError
from tests.unit.test_decoder_fit import EMPTY, SETTINGS, make
from tests.unit.test_phosphene_bundle import make_graph

Floats = np.ndarray[tuple[int, ...], np.dtype[np.float32]]
CURVES = Curves(
    centre=np.array([-0.4, -1.0, -0.5]), spread=np.array([0.2, 0.4, 0.5]),
    belongs=(-np.array([1.0, 0.2, 0.1, 0.0, 0.5, 1.0]), 4.0), right=(np.array([1.5, 0.5]), 1.0),
)  # fmt: skip


def decoder() -> tuple[LinearModel, Floats]:
    data = make()
    samples = make_samples(data, SETTINGS, learn_priors(data, SETTINGS))
    model = EMPTY.fit(samples, SETTINGS).calibrated(1.7, 1.0, 0.0)
    trust = Trust(Familiarity.of(samples.X, SETTINGS.window), CURVES)
    return model.trusting(trust), samples.X[::9]


MODEL, ROWS = decoder()
GRAPH = MODEL.export()


def largest_error(engine: Engine, rows: Floats = ROWS) -> float:
    """Of all outputs, against the model itself."""
    wanted = MODEL.predict(rows)
    errors = []
    for k in range(len(rows)):
        got = engine.run({"x": rows[k : k + 1]})
        for name, value in got.items():
            errors.append(np.abs(value[0] - getattr(wanted, name)[k]).max())
    return float(np.max(errors))


def strange() -> Floats:
    """Windows like no training data: nothing, noise, constants, far too much."""
    rng = np.random.default_rng(0)
    wide = ROWS.shape[1]
    rows = [np.zeros(wide), *(a * rng.standard_normal(wide) for a in (0.01, 1, 100)), np.ones(wide)]
    return np.array(rows, np.float32)


@pytest.mark.parametrize("rows", [ROWS, strange()], ids=["own", "strange"])
def test_engines_agree_in_single_precision(rows: Floats) -> None:
    torch_engine = pytest.importorskip("renderer.torch_engine", reason="needs torch")
    scale = max(1.0, float(np.abs(rows).max()) / 10)
    engines = [OnnxEngine(GRAPH), torch_engine.TorchEngine(GRAPH)]
    if rows is ROWS:  # the reference takes logarithms of probabilities that are 0
        engines.append(ReferenceEngine(GRAPH))
    for engine in engines:
        assert isinstance(engine, Engine)
        assert largest_error(engine, rows) <= 1e-4 * scale, engine.describe()


def test_half_precision_agrees_to_a_hundredth() -> None:
    torch_engine = pytest.importorskip("renderer.torch_engine", reason="needs torch")
    half = half_precision(GRAPH, least=12)
    kinds = {i.data_type for i in onnx.load_from_string(half).graph.initializer}
    assert onnx.TensorProto.FLOAT16 in kinds
    assert len(half) < len(GRAPH)
    for engine in (OnnxEngine(half), ReferenceEngine(half), torch_engine.TorchEngine(half)):
        error = largest_error(engine)
        assert 0 < error <= 1e-2, engine.describe()
    assert half_precision(make_graph()) is not None
    with pytest.raises(BundleError, match="ONNX"):
        half_precision(b"not a graph")


def test_weights_of_many_voxels_are_not_lost_in_half_precision() -> None:
    """Weights of 1e-7 are below what 16 bits can tell from nothing."""
    rng = np.random.default_rng(0)
    weights = (1e-7 * rng.standard_normal((2000, 80))).astype(np.float32)
    node = onnx.helper.make_node("MatMul", ["x", "w"], ["y"])
    value = onnx.helper.make_tensor_value_info
    graph = onnx.helper.make_graph(
        [node], "g", [value("x", 1, [1, 2000])], [value("y", 1, [1, 80])],
        [onnx.numpy_helper.from_array(weights, "w")],
    )  # fmt: skip
    opset = [onnx.helper.make_opsetid("", 17)]
    model = onnx.helper.make_model(graph, opset_imports=opset, ir_version=9)
    x = rng.standard_normal((1, 2000)).astype(np.float32)
    y = OnnxEngine(half_precision(model.SerializeToString())).run({"x": x})["y"]
    np.testing.assert_allclose(y, x @ weights, atol=1e-2 * np.abs(x @ weights).max())


def test_committee_and_trust_share_a_graph() -> None:
    rng = np.random.default_rng(0)
    X = rng.standard_normal((60, 3 * 40)).astype(np.float32)
    names = np.tile(["face", "house"], 30)
    X[names == "face", 10:20] += 1
    groups = np.repeat(["a", "b", "c"], 20)
    layout = Layout(3, 50.0)
    committee = fit_committee(X, names, ("face", "house"), groups, layout, (0.2, 0.5), 3)
    model = LinearModel(
        categories=EMPTY.categories, prototypes=EMPTY.prototypes, scores=committee,
        labels=("face", "house"), trust=Trust(Familiarity.of(X, 1), CURVES),
    )  # fmt: skip
    engine, wanted = OnnxEngine(model.export()), model.predict(X[:10]).confidence
    got = [engine.run({"x": X[k : k + 1]})["confidence"][0] for k in range(10)]
    np.testing.assert_allclose(got, wanted, atol=1e-4)
    assert np.std(got) > 1e-3


def test_wrong_inputs_and_graphs_are_refused() -> None:
    engine = ReferenceEngine(GRAPH)
    with pytest.raises(InputError, match="float64"):
        engine.run({"x": ROWS[:1].astype(np.float64)})
    with pytest.raises(BundleError, match="ONNX"):
        ReferenceEngine(b"not a graph")


@pytest.mark.parametrize("name", ["cuda", "tensorrt", "tensorrt-file", "torch"])
def test_missing_engine_gives_the_cpu_and_one_line(
    name: choose.EngineName, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(choose, "why_not_here", lambda _: "no NVIDIA driver")
    lines: list[str] = []
    engine = open_engine(GRAPH, name, tell=lines.append)
    assert isinstance(engine, OnnxEngine) and engine.provider == CPU
    assert lines == [f"engine {name}: no NVIDIA driver; the CPU takes its place"]
    assert largest_error(engine) <= 1e-4


def test_engines_open_by_name() -> None:
    lines: list[str] = []
    assert isinstance(open_engine(GRAPH, "reference", tell=lines.append), ReferenceEngine)
    assert largest_error(open_engine(GRAPH, "cpu", "fp16", tell=lines.append)) <= 1e-2
    assert largest_error(open_engine(GRAPH, tell=lines.append)) <= 1e-4
    assert not lines
    assert why_not_here("cpu") is None
    (check,) = (c for c in CHECKS if c.name == "engines")
    assert "cpu, " in check.look().text and "reference" in check.look().text


@pytest.mark.skipif(
    Path("/dev/nvidia0").exists() and why_not_here("cuda") is None, reason="there is a GPU"
)
def test_provider_without_a_gpu_says_why() -> None:
    assert why_not_here("cuda") in (
        "this ONNX Runtime has no CUDAExecutionProvider", "no NVIDIA driver"
    )  # fmt: skip


def installed() -> bool:
    try:
        tensorrt_module()
    except ConfigError:
        return False
    return True


@pytest.mark.skipif(not installed(), reason="neither tensorrt nor tensorrt_rtx is installed")
@pytest.mark.parametrize("half", [False, True])
def test_tensorrt_builds_an_engine_file_ahead_of_time(half: bool) -> None:
    plan = build_plan(half_precision(GRAPH, least=12) if half else GRAPH)
    assert len(plan) > 1000
    if why_not_here("tensorrt-file") is None:
        assert largest_error(TensorRtEngine(plan)) <= (1e-2 if half else 1e-4)
    else:
        with pytest.raises((ConfigError, BundleError)):
            TensorRtEngine(plan)
    with pytest.raises(BundleError, match="graph"):
        build_plan(b"not a graph")


def test_tensorrt_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tensorrt, "MODULES", ("no_tensorrt", "no_tensorrt_rtx"))
    with pytest.raises(ConfigError, match=r"no_tensorrt_rtx.*pip install tensorrt-rtx-cu13-libs"):
        build_plan(GRAPH)
