"""Engines on disk: keys, refusals, parity, progress, graphs in half precision."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import onnx
import onnxruntime
import pytest

from phosphene.doctor import CHECKS
from phosphene.engine import CPU, Array, GraphEngine, OnnxEngine, TensorSpec
from phosphene.engines import bound, built, choose
from phosphene.engines.bound import BoundEngine, open_gpu, provider_options
from phosphene.engines.built import Builder, in_precision, parity_of
from phosphene.engines.cache import EngineCache, cache_folder
from phosphene.engines.device import NONE, Device, device_here
from phosphene.engines.engine_file import (
    NOT_CHECKED,
    EngineFile,
    Made,
    key_of,
    read_engine_file,
    write_engine_file,
)
from phosphene.engines.half_network import half_network, is_network
from phosphene.engines.parity import compare, fixed_inputs
from phosphene.engines.progress import PhaseBar, monitor
from phosphene.engines.shapes import fixed_shapes
from phosphene.engines.tensorrt import targets_of
from phosphene.errors import BundleError, ConfigError
from tests.unit.engine_network import NETWORK

ADA = Device("NVIDIA RTX 4090", "8.9")
MADE = Made(
    label="net", graph="a" * 64, precision="fp16", shapes={"x": (1, 4, 8, 8)},
    engine="tensorrt_rtx", version="1.7", gpu=ADA.name, capability=ADA.capability, targets=("8.9",),
)  # fmt: skip
AHEAD = msgspec.structs.replace(MADE, gpu=NONE.name, capability="", targets=("8.6", "8.9"))


def test_half_network_and_fixed_shapes_agree_with_the_graph() -> None:
    half = half_network(NETWORK)
    kinds = {c.data_type for c in onnx.load_from_string(half).graph.initializer}
    assert onnx.TensorProto.FLOAT16 in kinds
    # the sine of a time is taken before the first product, in 32 bits
    first = onnx.load_from_string(half).graph.node[0]
    assert (first.op_type, first.input[0]) == ("Sin", "t")
    found = parity_of(OnnxEngine(fixed_shapes(half)), NETWORK, "fp16")
    assert found.agrees and "allowed" in found.text, found.text
    assert parity_of(OnnxEngine(fixed_shapes(NETWORK)), NETWORK, "fp32").agrees
    assert is_network(NETWORK) and in_precision(NETWORK, "fp32") is NETWORK
    with pytest.raises(BundleError, match="ONNX"):
        fixed_shapes(b"not a graph")


@pytest.mark.parametrize("precision", ["fp32", "fp16", "bf16"])
def test_torch_engine_agrees_on_every_operator(precision: str) -> None:
    torch_engine = pytest.importorskip("renderer.torch_engine", reason="needs torch")
    engine = torch_engine.TorchEngine(NETWORK, precision=precision)
    found = parity_of(engine, NETWORK, precision)
    assert found.agrees, found.text
    two = {k: np.concatenate([v, v]) for k, v in fixed_inputs(engine.inputs).items()}
    assert engine.run(two)["picture"].shape == (2, 32, 32, 6)


@pytest.mark.skipif(
    not entry_points(group=choose.GROUP), reason="runs from a checkout that is not installed"
)
def test_torch_is_found_by_its_name() -> None:
    pytest.importorskip("torch", reason="needs torch")
    assert choose.why_not_here("torch") is None
    assert "torch" in choose.open_engine(NETWORK, "torch", "fp32").describe()


@pytest.mark.skipif(device_here() == NONE, reason="needs a GPU")
@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_a_captured_graph_replays_with_new_inputs(precision: str) -> None:
    torch_engine = pytest.importorskip("renderer.torch_engine", reason="needs torch")
    engine = torch_engine.TorchEngine(NETWORK, "cuda", precision)
    yardstick, inputs = OnnxEngine(NETWORK), fixed_inputs(engine.inputs)
    for k in range(3):
        now = {name: (value * (1 + k)).astype(value.dtype) for name, value in inputs.items()}
        found = compare(engine, yardstick, now, precision)
        assert found.agrees, found.text


@pytest.mark.parametrize(
    ("name", "value"),
    [("graph", "b" * 64), ("precision", "fp32"), ("shapes", {"x": (2, 4, 8, 8)}),
     ("engine", "tensorrt"), ("version", "1.8"), ("capability", "8.6"), ("gpu", "another")],
)  # fmt: skip
def test_any_difference_is_another_key_and_is_refused(
    name: str, value: Any, tmp_path: Path
) -> None:
    other = msgspec.structs.replace(MADE, **{name: value})
    assert key_of(other) != key_of(MADE)
    assert key_of(msgspec.structs.replace(MADE, label="other")) == key_of(MADE)
    path = tmp_path / "net-0.engine"
    write_engine_file(path, EngineFile(other, NOT_CHECKED, b"plan"))
    with pytest.raises(BundleError, match=r"another|other shapes|built for"):
        read_engine_file(path, MADE, ADA)
    write_engine_file(path, EngineFile(MADE, NOT_CHECKED, b"plan"))
    assert read_engine_file(path, MADE, ADA).engine_bytes == b"plan"
    assert path.stat().st_mode & 0o077 == 0


def test_cut_off_and_changed_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "net-0.engine"
    write_engine_file(path, EngineFile(MADE, NOT_CHECKED, bytes(range(200))))
    whole = path.read_bytes()
    for size in (0, 5, 11, 40, len(whole) - 33, len(whole) - 1):
        path.write_bytes(whole[:size])
        with pytest.raises(BundleError, match="build-engine"):
            read_engine_file(path, MADE, ADA)
    for place in range(0, len(whole), 29):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        with pytest.raises(BundleError):
            read_engine_file(path, MADE, ADA)
    path.write_bytes(whole)
    path.chmod(0o666)
    with pytest.raises(BundleError, match="others can write"):
        read_engine_file(path)


def test_an_engine_built_ahead_runs_where_it_was_built_for() -> None:
    assert AHEAD.runs_on(ADA) and AHEAD.runs_on(NONE)
    assert not AHEAD.runs_on(Device("H100", "9.0"))
    assert MADE.runs_on(ADA) and not MADE.runs_on(Device("NVIDIA L40", "8.9"))
    assert not MADE.runs_on(NONE)


def test_cache_finds_its_own_and_clears_what_is_replaced(tmp_path: Path) -> None:
    cache = EngineCache(tmp_path / "engines")
    assert cache.find(MADE, ADA) == (None, [])
    cache.put(AHEAD, NOT_CHECKED, b"ahead")
    found, _ = cache.find(MADE, ADA)
    assert found is not None and found.content is not None
    assert found.content.engine_bytes == b"ahead"
    cache.put(MADE, "agrees", b"here")
    found, _ = cache.find(MADE, ADA)
    assert found is not None and found.content is not None
    assert found.content.engine_bytes == b"here"
    newer = msgspec.structs.replace(MADE, version="1.8")
    found, refused = cache.find(newer, ADA)
    assert found is None and any("another version: 1.7, here is 1.8" in line for line in refused)
    cache.put(newer, "agrees", b"newer")
    assert {c.content.engine_bytes for c in cache if c.content} == {b"ahead", b"newer"}


def test_cache_folder_follows_xdg(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "phosphene" / "engines"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_folder() == tmp_path / ".cache" / "phosphene" / "engines"


class Plan(OnnxEngine):
    """Stands for an engine of TensorRT: its plan is the graph it was built from."""


def fake_tensorrt(monkeypatch: pytest.MonkeyPatch, wrong: bool = False) -> list[str]:
    """Replace builder and runtime; return the labels of what was built."""
    made: list[str] = []

    def build(graph: bytes, targets: Any, bar: Any) -> bytes:
        made.append(",".join(targets))
        bar.start("Building", None, 2)
        bar.finish("Building")
        return NETWORK.replace(b"Sin", b"Cos") if wrong else graph

    monkeypatch.setattr(built, "build_plan", build)
    monkeypatch.setattr(built, "TensorRtEngine", Plan)
    monkeypatch.setattr(built, "name_and_version", lambda: ("tensorrt_rtx", "1.7"))
    monkeypatch.setattr(built, "targets_of", lambda d, w: (d.capability or "8.9",))
    return made


def test_builder_builds_once_and_checks_on_the_first_gpu(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    made, lines = fake_tensorrt(monkeypatch), list[str]()
    cache = EngineCache(tmp_path)
    without = Builder(cache, lines.append, device=NONE).build(NETWORK, "net", "fp16")
    assert without.content.parity == NOT_CHECKED and not without.cached
    assert any("medical" in line for line in lines)
    again = Builder(cache, lines.append, device=NONE).build(NETWORK, "net", "fp16")
    assert again.cached and made == ["8.9"]
    here = Builder(cache, lines.append, device=ADA).build(NETWORK, "net", "fp16")
    assert here.cached and here.content.parity.startswith("agrees")
    assert made == ["8.9"]
    # a byte changed on disk: told, and built anew
    here.path.write_bytes(here.path.read_bytes()[:-1])
    lines.clear()
    anew = Builder(cache, lines.append, device=ADA).build(NETWORK, "net", "fp16")
    assert not anew.cached and len(made) == 2 and "cut off" in lines[0]


def test_an_engine_with_other_numbers_is_not_kept(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    fake_tensorrt(monkeypatch, wrong=True)
    with pytest.raises(BundleError, match="DISAGREES"):
        Builder(EngineCache(tmp_path), device=ADA).build(NETWORK, "net")
    assert not list(EngineCache(tmp_path))


class Constant(GraphEngine):
    """Gives one number, whatever comes in."""

    def __init__(self, value: Any) -> None:
        self._value = np.asarray(value)
        self._outputs = (TensorSpec("y", self._value.shape, self._value.dtype),)

    def describe(self) -> str:
        return "constant"

    def _compute(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        return {"y": self._value}


def test_parity_knows_bounds_shapes_and_nan() -> None:
    def agrees(a: Any, b: Any, precision: str = "fp32") -> bool:
        return compare(Constant(a), Constant(b), {}, precision).agrees

    ones = np.ones(4, np.float32)
    assert agrees(ones, ones) and agrees(ones + np.float32(9e-4), ones)
    assert not agrees(ones + np.float32(2e-3), ones) and agrees(ones * 1.02, ones * 1.0, "fp16")
    assert not agrees(ones * np.float32("nan"), ones) and not agrees(ones, ones[:3])
    assert not agrees(ones, ones * np.float32("nan"))
    grey = np.full(100, 100, np.uint8)
    one_off = np.where(np.arange(100) == 0, 101, grey).astype(np.uint8)
    assert agrees(one_off, grey) and not agrees(grey + np.uint8(1), grey)


def test_progress_follows_the_outer_phase(capsys: pytest.CaptureFixture[str]) -> None:
    class Base:
        """As TensorRT's."""

    class Fake:
        IProgressMonitor = Base

    bar = PhaseBar("net", shown=True)
    watch = monitor(Fake, bar)
    assert isinstance(watch, Base)
    watch.phase_start("Building engine", None, 4)
    watch.phase_start("Timing", "Building engine", 9)
    assert watch.step_complete("Timing", 8) and watch.step_complete("Building engine", 2)
    watch.phase_finish("Timing")
    watch.phase_finish("Building engine")
    assert bar.phases == ["Building engine", "Timing"]
    shown = capsys.readouterr().err
    assert "net: Building engine" in shown and "3/4" in shown
    assert monitor(object(), bar) is None


def test_targets_are_said_explicitly_without_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    class Kinds:
        __members__ = {"SM86": 1, "SM89": 2, "SM120": 3, "CURRENT": 4}  # noqa: RUF012

    class Fake:
        ComputeCapability = Kinds

    module = "phosphene.engines.tensorrt.tensorrt_module"
    monkeypatch.setattr(module, lambda: Fake)
    assert targets_of(NONE) == ("8.6", "8.9", "12.0")
    assert targets_of(ADA) == ("8.9",)
    assert targets_of(ADA, ["8.6"]) == ("8.6",)
    with pytest.raises(ConfigError, match=r"9\.0"):
        targets_of(NONE, ["9.0"])
    monkeypatch.setattr(module, lambda: object())
    with pytest.raises(ConfigError, match="Classic"):
        targets_of(NONE)


def test_bound_engine_on_the_cpu_and_its_fallback(tmp_path: Path) -> None:
    engine = BoundEngine(NETWORK, [(CPU, {})], "cpu")
    engine.warm()
    assert parity_of(engine, NETWORK, "fp32").agrees
    tried: list[str] = []

    def make(graph: bytes, options: bound.Options, device: str, threads: int) -> BoundEngine:
        tried.append(options[0][1]["enable_cuda_graph"])
        if tried[-1] == "1":
            raise BundleError("cannot be captured")
        return BoundEngine(graph, [(CPU, {})], "cpu", threads)

    lines: list[str] = []
    open_gpu(NETWORK, "cuda", 1, tmp_path / "x", lines.append, make)
    assert tried == ["1", "0"] and "no CUDA graph" in lines[0]
    names = [name for name, _ in provider_options("tensorrt", tmp_path)]
    assert names[0] == "TensorrtExecutionProvider" and names[-1] == CPU
    if "CUDAExecutionProvider" not in onnxruntime.get_available_providers():
        with pytest.raises((ConfigError, BundleError)):
            BoundEngine(NETWORK, provider_options("cuda", tmp_path))


def test_doctor_says_what_runs_and_what_builds() -> None:
    (check,) = (c for c in CHECKS if c.name == "engines")
    text = check.look().text
    assert "run here: cpu" in text and "engine files" in text
    assert all(name in text for name in ("openvino", "tensorrt-file", "torch", "reference"))
