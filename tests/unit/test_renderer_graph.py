"""One graph for one picture: the same numbers as its parts in a loop."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import onnx
import pytest
from onnx import TensorProto, numpy_helper

from phosphene.engine import OnnxEngine
from phosphene.errors import BundleError, ConfigError
from renderer.graph import StartKind, compose
from tests.unit.tiny_world256 import decoder, flow, low

Floats = np.ndarray[tuple[int, ...], np.dtype[np.float32]]
FLOW, DECODER, LOW = flow(), decoder(), low()


def feed(seed: int = 0, start_t: float = 0.7, has_z: float = 1.0) -> dict[str, Floats]:
    rng = np.random.default_rng(seed)

    def draw(*shape: int) -> Floats:
        return rng.standard_normal(shape, dtype=np.float32)

    def one(value: float) -> Floats:
        return np.full(1, value, np.float32)

    return {
        "noise": draw(1, 4, 32, 32), "start": draw(1, 4, 32, 32), "start_t": one(start_t),
        "z_low": draw(1, 4, 16, 16), "has_z": one(has_z), "c": draw(1, 17), "has_c": one(1.0),
        "guidance": one(2.5),
    }  # fmt: skip


def by_hand(given: dict[str, Floats], steps: int, start: StartKind, guided: bool) -> Floats:
    """Compute the latent by calls of the parts."""
    net = OnnxEngine(FLOW)
    lifted = OnnxEngine(LOW).run({"z_low": given["z_low"]})["z"]
    if start == "plain":
        return lifted
    begin = given["start"] if start == "given" else lifted
    t0 = given["start_t"]
    z = (1 - t0) * begin + t0 * given["noise"]
    told = {name: given[name] for name in ("has_z", "c", "has_c")}
    told["z_low"] = given["z_low"] * given["has_z"]
    for k in range(steps):
        here = {"z_t": z, "t": t0 * np.float32(1 - k / steps), "h": t0 / np.float32(steps)}
        u = net.run({**told, **here})["u"]
        if guided:
            nothing = {name: np.zeros_like(value) for name, value in told.items()}
            u0 = net.run({**nothing, **here})["u"]
            u = u0 + given["guidance"] * (u - u0)
        z = z - here["h"] * u
    return z


@pytest.mark.parametrize(
    ("steps", "start", "guided"),
    [
        (1, "given", False),
        (2, "given", False),
        (4, "given", True),
        (1, "low", False),
        (4, "low", False),
        (1, "plain", False),
    ],
)
@pytest.mark.parametrize("has_z", [0.0, 1.0])
def test_the_graph_gives_what_its_parts_give(
    steps: int, start: StartKind, guided: bool, has_z: float
) -> None:
    engine = OnnxEngine(compose(FLOW, DECODER, LOW, steps, start, guided))
    given = feed(steps, has_z=has_z)
    made = engine.run({spec.name: given[spec.name] for spec in engine.inputs})
    wanted = by_hand(given, steps, start, guided)
    np.testing.assert_allclose(made["latent"], wanted, atol=1e-5)
    pictures = OnnxEngine(DECODER).run({"z": made["latent"]})["pictures"]
    np.testing.assert_array_equal(made["picture"], pictures)
    assert [str(spec) for spec in engine.outputs] == [
        "latent (1, 4, 32, 32) float32", "picture (1, 256, 256, 3) uint8"
    ]  # fmt: skip


def test_inputs_say_what_the_picture_needs() -> None:
    def names(start: StartKind, guided: bool = False) -> set[str]:
        engine = OnnxEngine(compose(FLOW, DECODER, LOW, 2, start, guided))
        assert all(None not in spec.shape for spec in engine.inputs), "fixed shapes"
        return {spec.name for spec in engine.inputs}

    always = {"noise", "start_t", "z_low", "has_z", "c", "has_c"}
    assert names("given") == always | {"start"}
    assert names("low") == always
    assert names("given", guided=True) == always | {"start", "guidance"}
    assert names("plain") == {"z_low"}


def test_weights_are_there_once_and_stay_in_16_bits() -> None:
    sizes = [len(compose(FLOW, DECODER, LOW, steps, "given", guided=True)) for steps in (1, 2, 4)]
    nodes = len(onnx.load_from_string(FLOW).graph.node)
    for (short, long), added in zip(pairwise(sizes), (1, 2), strict=True):
        assert long - short < added * 2 * nodes * 200, "operators only"
    graph = onnx.load_from_string(compose(FLOW, DECODER, LOW, 4, "given")).graph
    halves = [c for c in graph.initializer if c.data_type == TensorProto.FLOAT16]
    assert [numpy_helper.to_array(c).shape for c in halves] == [(4, 4, 1, 1)]
    casts = [n for n in graph.node if n.op_type == "Cast" and n.input[0] == halves[0].name]
    assert len(casts) == 1, "what depends on nothing is computed once"
    assert sum(n.op_type == "Tanh" for n in graph.node) == 1, "and so is what all steps share"
    assert sum(n.op_type == "Conv" and n.input[0].startswith("z_") for n in graph.node) == 4


@pytest.mark.parametrize("cast_last", [True, False])
def test_bytes_come_last(cast_last: bool) -> None:
    content = compose(FLOW, decoder(cast_last=cast_last), LOW, 1, "given")
    graph = onnx.load_from_string(content).graph
    assert graph.node[-1].op_type == "Cast" and graph.node[-1].output[0] == "picture"
    given, engine = feed(), OnnxEngine(content)
    made = engine.run({spec.name: given[spec.name] for spec in engine.inputs})
    wanted = OnnxEngine(DECODER).run({"z": made["latent"]})["pictures"]
    np.testing.assert_array_equal(made["picture"], wanted)


def test_parts_that_do_not_fit_are_refused() -> None:
    with pytest.raises(BundleError, match="flow"):
        compose(b"nothing", DECODER, LOW, 1, "given")
    with pytest.raises(BundleError, match="input"):
        compose(LOW, DECODER, LOW, 1, "given")
    with pytest.raises(BundleError, match="casts"):
        compose(FLOW, LOW, LOW, 1, "given")
    for wrong in (0, 9):
        with pytest.raises(ConfigError, match="steps"):
            compose(FLOW, DECODER, LOW, wrong, "given")
    with pytest.raises(ConfigError, match="start"):
        compose(FLOW, DECODER, LOW, 1, "elsewhere")  # type: ignore[arg-type]
