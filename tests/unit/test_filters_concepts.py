"""The filter `concepts` with a tower of one line: a picture's mean colour."""

from __future__ import annotations

import hashlib
from pathlib import Path

import msgspec
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from PIL import Image

from phosphene.errors import ConfigError
from phosphene.filters import look, open_filter
from phosphene.filters.concept_files import (
    CONCEPTS,
    TOWER,
    Concept,
    ConceptFile,
    Resample,
    fitted,
    read_folder,
    read_list,
)
from phosphene.filters.concepts import Concepts
from phosphene.filters.look import filter_finding
from phosphene.session import Session, anchored
from phosphene.session_gate import FilterSettings

SIDE = 8


def colour_tower() -> bytes:
    """Return a graph that takes a picture's mean colour as its direction."""
    axes = helper.make_tensor("axes", TensorProto.INT64, [2], [1, 2])
    nodes = [
        helper.make_node("Cast", ["picture"], ["x"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["x", "axes"], ["mean"], keepdims=0),
        helper.make_node("LpNormalization", ["mean"], ["direction"], axis=-1, p=2),
    ]
    given = helper.make_tensor_value_info("picture", TensorProto.UINT8, ["n", SIDE, SIDE, 3])
    made = helper.make_tensor_value_info("direction", TensorProto.FLOAT, ["n", 3])
    graph = helper.make_graph(nodes, "colour", [given], [made], [axes])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    content: bytes = model.SerializeToString()
    onnx.checker.check_model(model)
    return content


def red_filter(folder: Path) -> Path:
    """Write a filter that refuses what is red."""
    tower = colour_tower()
    held = ConceptFile(
        format=1, model="mean colour", tower_sha256=hashlib.sha256(tower).hexdigest(),
        side_px=SIDE, shortest_px=SIDE, resample="bicubic",
        concepts=(Concept("red", 0.9, (2.0, 0.0, 0.0)), Concept("blue", 0.99, (0.0, 0.0, 0.1))),
    )  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    (folder / TOWER).write_bytes(tower)
    (folder / CONCEPTS).write_bytes(msgspec.json.encode(held))
    return folder


def plain(red: int, green: int, blue: int) -> np.ndarray:
    return np.full((20, 30, 3), (red, green, blue), np.uint8)


def test_what_reaches_a_threshold_is_refused_and_nothing_else(tmp_path: Path) -> None:
    made = open_filter("concepts", {"folder": str(red_filter(tmp_path))})
    assert not made(plain(200, 20, 10), 0.0)
    assert made(plain(200, 150, 10), 0.0)
    assert made(plain(60, 0, 200), 0.0), "blue has a threshold of its own"
    assert not made(plain(0, 10, 200), 0.0)
    assert not made(plain(0, 0, 0), 0.0), "what has no direction cannot be judged"
    stricter = Concepts(str(tmp_path), stricter=0.2)
    assert not stricter(plain(200, 150, 10), 0.0)
    assert stricter.cosines(plain(255, 0, 0)) == pytest.approx([1.0, 0.0], abs=1e-6)


@pytest.mark.parametrize("resample", ["bicubic", "bilinear"])
def test_a_picture_is_brought_to_size_by_its_shorter_side_and_its_middle(
    resample: Resample,
) -> None:
    wide = np.zeros((20, 60, 3), np.uint8)
    wide[:, 20:40] = 255
    assert fitted(wide, 10, 10, resample).min() > 200, "only the middle is left"
    squeezed = fitted(wide, 12, None, resample)
    assert squeezed.shape == (12, 12, 3)
    assert squeezed[:, 0].max() == 0
    same = np.random.default_rng(0).integers(0, 256, (10, 10, 3), np.uint8)
    assert np.array_equal(fitted(same, 10, 10, resample), same)
    wanted = np.asarray(Image.fromarray(same).resize((5, 5), Image.Resampling[resample.upper()]))
    assert np.array_equal(fitted(same, 5, 5, resample), wanted)


def test_a_list_of_concepts_is_read_as_people_write_it(tmp_path: Path) -> None:
    file = tmp_path / "list.txt"
    file.write_text("# remark\na spider @ 0.3\n\n  blood, close # 0.1\npicture:x @ y.png @0.9\n")
    assert read_list(file, 0.25) == [
        ("a spider", 0.3), ("blood, close", 0.25), ("picture:x @ y.png", 0.9),
    ]  # fmt: skip
    with pytest.raises(ConfigError, match="a text file"):
        read_list(tmp_path, 0.25)


def test_the_folder_counts_from_the_session_and_reaches_the_filter(tmp_path: Path) -> None:
    red_filter(tmp_path / "red")
    table = {"name": "concepts", "folder": "red", "options": {"stricter": 0.1}}
    session = Session.model_validate(
        {"person": "p", "modality": "fmri", "source": {"kind": "folder", "path": "in"},
         "gate": {"filter": table}}
    )  # fmt: skip
    chosen = anchored(session, tmp_path).gate.filter
    assert chosen is not None
    assert chosen.given == {"stricter": 0.1, "folder": str(tmp_path / "red")}
    assert filter_finding(chosen).level == "ok"
    assert FilterSettings(name="flashes").given == {}


def test_what_can_be_known_of_a_filter_before_a_run(tmp_path: Path) -> None:
    def level(**settings: object) -> str:
        found = filter_finding(FilterSettings.model_validate(settings))
        assert (found.fix == "") == (found.level == "ok")
        return found.level

    none = filter_finding(None)
    assert (none.level, bool(none.fix)) == ("hint", True), "worth knowing, and no alarm"
    assert level(name="flashes") == "ok"
    assert level(name="magic") == "error"
    assert level(name="concepts") == "error"
    assert level(name="concepts", folder=tmp_path) == "error"
    assert level(name="concepts", folder=red_filter(tmp_path)) == "ok"


def test_a_tower_that_is_the_same_is_read_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = []

    def counted(folder: Path) -> tuple[ConceptFile, bytes]:
        looks.append(folder)
        return read_folder(folder)

    monkeypatch.setattr(look, "read_folder", counted)
    chosen = FilterSettings(name="concepts", folder=red_filter(tmp_path))
    assert [filter_finding(chosen).level for _ in range(3)] == ["ok"] * 3
    assert len(looks) == 1
    (tmp_path / TOWER).write_bytes(b"another")
    assert [filter_finding(chosen).level for _ in range(3)] == ["error"] * 3
    assert len(looks) == 2
    (tmp_path / TOWER).unlink()
    assert filter_finding(chosen).level == "error"
    red_filter(tmp_path)
    assert filter_finding(chosen).level == "ok"
