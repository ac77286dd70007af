from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper

from decoder.spaces.pixels import Pixels
from phosphene.bundle import Bundle
from phosphene.engine import OnnxEngine
from phosphene.errors import BundleError, ConfigError, InputError
from phosphene.session import RendererSettings
from phosphene.stimuli import C_DIM, Z_SHAPE
from phosphene.stimuli.encoder import decoder_bytes, space_hash
from renderer.generator import WEIGHTS, Generator
from renderer.paint import main, read_percepts
from renderer.painter import Painter, SpacePainter, open_painter
from renderer.painting import How, Percepts, paint, paintable


@pytest.fixture(scope="module")
def generator() -> Generator:
    return Generator()


@pytest.fixture(scope="module")
def percepts() -> Percepts:
    rng = np.random.default_rng(0)
    z, c = rng.standard_normal((3, *Z_SHAPE)), rng.standard_normal((3, C_DIM))
    return Percepts(z.astype(np.float32), (0.5 * c).astype(np.float32))


def save(path: Path, percepts: Percepts, **more: Any) -> Path:
    arrays = {"z": percepts.z, "c": percepts.c, **more}
    np.savez(path, allow_pickle=False, **{k: v for k, v in arrays.items() if v is not None})
    return path


class OfSpace:
    """What `open_painter` asks of a bundle."""

    def __init__(self, sha256: str, graph: bytes | None, heads: tuple[str, ...] = ("z",)) -> None:
        target = {"id": "pixels:8", "sha256": sha256, "z_shape": (3, 8, 8) if graph else None}
        self.manifest = type("M", (), {"target": type("T", (), target)(), "heads": heads})()
        self.payload = {} if graph is None else {"space.onnx": graph}


def test_a_row_is_painted_the_same_whatever_is_painted_beside_it(
    generator: Generator, percepts: Percepts
) -> None:
    assert percepts.z is not None
    assert percepts.c is not None
    all_three = paint(generator, percepts, ("z", "c", "zc"), How(steps=2))
    alone = paint(generator, Percepts(percepts.z[:2], percepts.c[:2]), ("zc",), How(steps=2))
    np.testing.assert_array_equal(alone["zc"], all_three["zc"][:2])
    other = paint(generator, percepts, ("zc",), How(steps=2, seed=1))
    assert (other["zc"] != all_three["zc"]).any(axis=(1, 2, 3)).all()
    assert len({picture.tobytes() for made in all_three.values() for picture in made}) == 9


def test_a_space_without_a_generator_paints_z_and_says_what_it_cannot(percepts: Percepts) -> None:
    painter = SpacePainter(decoder_bytes(), "other")
    made = paint(painter, percepts, ("z", "plain"), How())
    wanted = OnnxEngine(decoder_bytes()).run({"z": percepts.z})["pictures"]  # type: ignore[dict-item]
    np.testing.assert_array_equal(made["z"], made["plain"])
    assert np.abs(made["z"].astype(int) - wanted).max() <= 1
    reasons = paintable(percepts, painter, ("z", "c", "zc"))
    assert reasons["z"] == ""
    assert "no generator" in reasons["c"] and "no generator" in reasons["zc"]
    with pytest.raises(ConfigError, match=r"(?s)mode.*c.*mode.*zc"):
        paint(painter, percepts, ("c", "zc"), How())


def test_the_bundle_says_what_paints() -> None:
    def opened(bundle: OfSpace | None) -> Painter:
        return open_painter(bundle, RendererSettings(model="world-64"))  # type: ignore[arg-type]

    assert opened(None).modes == ("z", "c", "zc")
    assert isinstance(opened(OfSpace(space_hash(), None)), Generator)
    small = opened(OfSpace("0" * 64, Pixels(8).graph()))
    assert (small.modes, small.size_px) == (("z",), 8)
    blind = opened(OfSpace("0" * 64, None, ("c",)))
    assert blind.modes == ()
    assert "stay neutral" in blind.limits()
    with pytest.raises(BundleError, match="z to pictures"):
        SpacePainter((WEIGHTS / "generator.onnx").read_bytes(), "x")


def foreign(
    dtype: int = TensorProto.UINT8, shape: tuple[int, ...] = (8, 8, 3), domain: str = ""
) -> bytes:
    """A z decoder (3, 8, 8) with the outside that is asked for; it computes nothing sensible."""
    sizes = helper.make_tensor("s", TensorProto.INT64, [4], [1, *shape])
    nodes = [
        helper.make_node("ReduceMean", ["z"], ["m"], keepdims=1, axes=[0, 1, 2, 3]),
        helper.make_node("Expand", ["m", "s"], ["e"]),
        helper.make_node("Cast", ["e"], ["pictures"], to=dtype),
    ]
    graph = helper.make_graph(
        nodes, "g",
        [helper.make_tensor_value_info("z", TensorProto.FLOAT, [1, 3, 8, 8])],
        [helper.make_tensor_value_info("pictures", dtype, [1, *shape])],
        [sizes],
    )  # fmt: skip
    opset = [helper.make_opsetid("", 17)]
    opset += [helper.make_opsetid(domain, 1)] if domain else []
    made: bytes = helper.make_model(graph, opset_imports=opset, ir_version=9).SerializeToString()
    return made


def test_a_z_decoder_of_unfit_pictures_is_refused_before_it_runs() -> None:
    assert SpacePainter(foreign(), "x", z_shape=(3, 8, 8)).size_px == 8
    for graph in (
        foreign(TensorProto.FLOAT),
        foreign(shape=(8, 8, 1)),
        foreign(shape=(60000, 60000, 3)),
        foreign(shape=(8, 16, 3)),
    ):
        with pytest.raises(BundleError, match="square uint8 pictures"):
            SpacePainter(graph, "x")
    with pytest.raises(BundleError, match=r"\(4, 8, 8\) of the manifest"):
        SpacePainter(foreign(), "x", z_shape=(4, 8, 8))
    with pytest.raises(BundleError, match="operators of ONNX only"):
        SpacePainter(foreign(domain="com.microsoft"), "x")


def test_the_command_paints_what_it_can_and_tells_the_rest(
    tmp_path: Path, percepts: Percepts, capsys: pytest.CaptureFixture[str]
) -> None:
    source, out = save(tmp_path / "p.npz", Percepts(c=percepts.c)), tmp_path / "new" / "o.npz"
    assert main([str(source), "--out", str(out), "--steps", "1", "--seed", "3"]) == 0
    with np.load(out, allow_pickle=False) as stored:
        assert sorted(stored) == ["c", "facts"]
        assert stored["c"].shape == (3, 64, 64, 3)
        facts = json.loads(str(stored["facts"]))
    assert (facts["steps"], facts["seed"], facts["strength"]) == (1, 3, 0.8)
    assert set(facts["not_painted"]) == {"z", "zc"}
    told = capsys.readouterr().err
    assert "not painted: z; the percepts have no z" in told
    assert "3/3" in told
    assert [f.name for f in out.parent.iterdir()] == ["o.npz"]
    assert main([str(source), "--out", str(out), "--mode", "zc"]) == 1
    assert main([str(source), "--out", str(out), "--strength", "2"]) == 1
    assert "strength 0 to 1" in capsys.readouterr().err


def test_the_bundle_that_a_file_names_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def load(path: Path) -> OfSpace:
        asked.append(path)
        return OfSpace("0" * 64, Pixels(8).graph())

    monkeypatch.setattr(Bundle, "load", load)
    z = np.zeros((2, 3, 8, 8), np.float32)
    source, out = save(tmp_path / "p.npz", Percepts(z), bundle="there"), tmp_path / "o.npz"
    assert main([str(source), "--out", str(out), "--mode", "plain"]) == 0
    assert main([str(source), "--out", str(out), "--bundle", "here"]) == 0
    assert asked == [Path("there"), Path("here")]
    with np.load(out) as stored:
        assert stored["z"].shape == (2, 8, 8, 3)
        assert set(np.unique(stored["z"])) == {128}


def test_percepts_that_cannot_be_painted_are_refused_all_at_once(tmp_path: Path) -> None:
    z = np.zeros((4, *Z_SHAPE), np.float32)
    z[2] = np.nan
    with pytest.raises(InputError, match=r"(?s)rows \[2\].*float64.*4 z, 3 c"):
        Percepts(z, np.zeros((3, C_DIM)))  # type: ignore[arg-type]
    with pytest.raises(InputError, match="neither"):
        Percepts()
    (tmp_path / "x.npz").write_bytes(b"no zip")
    with pytest.raises(InputError, match=r"x\.npz"):
        read_percepts(tmp_path / "x.npz")
