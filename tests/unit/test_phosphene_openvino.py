"""OpenVINO gives the numbers of ONNX Runtime: tightly in 32 bits, within a bound in bf16."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from phosphene.doctor import CHECKS
from phosphene.engine import Engine, OnnxEngine
from phosphene.engines import choose
from phosphene.engines.choose import open_engine, why_not_here
from phosphene.errors import BundleError, ConfigError, InputError
from renderer.generator import WEIGHTS

pytest.importorskip("openvino", reason="needs openvino")

from phosphene.engines import openvino
from phosphene.engines.openvino import OpenVinoEngine, has_bf16

GRAPH = (WEIGHTS / "generator.onnx").read_bytes()
DECODER = Path("phosphene/data/world_decoder.onnx").read_bytes()


def feed(seed: int = 0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)

    def draw(*shape: int) -> np.ndarray:
        return rng.standard_normal(shape).astype(np.float32)

    one = np.ones(1, np.float32)
    return {
        "z_t": draw(1, 4, 16, 16), "t": one, "h": one, "z_low": draw(1, 4, 16, 16),
        "has_z": one, "c": draw(1, 17), "has_c": one,
    }  # fmt: skip


WANTED = OnnxEngine(GRAPH).run(feed())["u"]


def test_single_precision_agrees_tightly() -> None:
    engine: Engine = OpenVinoEngine(GRAPH, 1, "fp32")
    np.testing.assert_allclose(engine.run(feed())["u"], WANTED, atol=1e-4)
    assert "fp32, 1 thread" in engine.describe()
    assert [str(spec) for spec in engine.inputs] == [str(s) for s in OnnxEngine(GRAPH).inputs]
    assert [str(spec) for spec in engine.outputs] == ["u (any, 4, 16, 16) float32"]


@pytest.mark.skipif(not has_bf16(), reason="this processor has no bf16")
def test_bf16_stays_within_its_bound() -> None:
    engine = OpenVinoEngine(GRAPH)
    assert engine.precision == "bf16", "the default where the processor has it"
    error = engine.run(feed())["u"] - WANTED
    # 8 bits of mantissa: relative steps of 1/256, through some thirty layers.
    assert 0 < np.sqrt(np.mean(error**2)) < 0.06 * WANTED.std()
    assert np.abs(error).max() < 0.4 * WANTED.std()


def test_answers_are_its_callers_own() -> None:
    engine = OpenVinoEngine(DECODER, 1, "fp32")
    zeros, ones = (np.full((1, 4, 16, 16), value, np.float32) for value in (0, 1))
    first = engine.run({"z": zeros})["pictures"]
    kept = first.copy()
    engine.run({"z": ones})
    np.testing.assert_array_equal(first, kept)


def test_what_it_cannot_do_is_refused() -> None:
    with pytest.raises(BundleError, match="OpenVINO can load"):
        OpenVinoEngine(b"not a graph")
    with pytest.raises(ConfigError, match="threads"):
        OpenVinoEngine(GRAPH, 0)
    with pytest.raises(ConfigError, match="fp16"):
        OpenVinoEngine(GRAPH, 1, "fp16")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="z_low"):
        OpenVinoEngine(DECODER, 1, "fp32").run({"z_low": np.zeros(1, np.float32)})


def test_it_opens_by_name_and_the_doctor_knows_it() -> None:
    lines: list[str] = []
    engine = open_engine(DECODER, "openvino", "fp32", tell=lines.append)
    assert isinstance(engine, OpenVinoEngine) and engine.precision == "fp32"
    assert isinstance(open_engine(DECODER, tell=lines.append), OnnxEngine), "auto is the CPU"
    assert not lines and why_not_here("openvino") is None
    (check,) = (c for c in CHECKS if c.name == "engines")
    assert "openvino" in check.look().text


def test_without_it_the_cpu_takes_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choose, "why_no_openvino", lambda: "openvino is not installed")
    lines: list[str] = []
    assert isinstance(open_engine(DECODER, "openvino", "bf16", tell=lines.append), OnnxEngine)
    assert lines == [
        "engine openvino: bf16 is OpenVINO's and torch's alone; fp32 takes its place",
        "engine openvino: openvino is not installed; the CPU takes its place",
    ]
    monkeypatch.setattr(openvino.importlib.util, "find_spec", lambda _name: None)
    assert openvino.why_no_openvino() == "openvino is not installed"


def test_nothing_is_reported_home() -> None:
    """Loading and running loads no reporter and opens no socket."""
    code = """
import socket, sys
def refuse(*_a, **_k): raise AssertionError("a connection")
socket.socket = refuse
from pathlib import Path
from phosphene.engines.openvino import OpenVinoEngine
OpenVinoEngine(Path(sys.argv[1]).read_bytes(), 1, "fp32")
assert not [name for name in sys.modules if name.startswith("openvino_telemetry")]
"""
    file = Path("phosphene/data/world_decoder.onnx").resolve()
    subprocess.run([sys.executable, "-c", code, str(file)], check=True, timeout=60)


def test_several_threads_may_open_the_first_engine_at_once() -> None:
    code = (
        "from concurrent.futures import ThreadPoolExecutor as Pool\n"
        "from phosphene.engines.openvino import why_no_openvino\n"
        "with Pool(6) as pool:\n"
        "    waiting = [pool.submit(why_no_openvino) for _ in range(6)]\n"
        "    print({one.result() for one in waiting})\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "{None}"
