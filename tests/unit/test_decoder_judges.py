"""Judges: the packed network bit by bit, graphs, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from decoder.metrics.judges import open_judge, prepared
from decoder.metrics.judges.onnxfile import OnnxJudge
from decoder.metrics.judges.squeezenet import CONVOLUTIONS, Convolution, graph_of, unpack
from phosphene.errors import ConfigError, InputError, TruncatedError


def packed(places: list[int], codes: list[int], convolution: Convolution) -> bytes:
    """Pack one layer by the form's description, with codebook k -> k / 2 and bias k."""
    gaps = np.diff([-1, *places]) - 1
    assert (gaps < 16).all()
    halves = [*gaps, 0] if len(gaps) % 2 else list(gaps)
    return b"".join(
        [
            np.array([len(places)], "<u4").tobytes(),
            (np.arange(256) / 2).astype("<f4").tobytes(),
            np.arange(convolution.outputs).astype("<f4").tobytes(),
            np.array(codes, np.uint8).tobytes(),
            bytes(low | high << 4 for low, high in zip(halves[::2], halves[1::2], strict=True)),
        ]
    )


LAYER = Convolution("small", 2, 3, 2)


def test_a_packed_layer_is_unpacked() -> None:
    ((weights, bias),) = unpack(packed([0, 3, 19], [10, 200, 7], LAYER), [LAYER])
    expected = np.zeros(24, np.float32)
    expected[[0, 3, 19]] = [5.0, 100.0, 3.5]
    assert weights.shape == (3, 2, 2, 2)
    assert np.array_equal(weights.ravel(), expected)
    assert bias.tolist() == [0.0, 1.0, 2.0]


def test_a_damaged_packed_file_is_refused() -> None:
    whole = packed([0, 3, 19], [10, 200, 7], LAYER)
    with pytest.raises(TruncatedError, match="counts say"):
        unpack(whole[:-1], [LAYER])
    with pytest.raises(InputError, match="counts say"):
        unpack(whole + b"x", [LAYER])
    with pytest.raises(TruncatedError, match="counts expected"):
        unpack(b"", [LAYER])
    with pytest.raises(InputError, match="below 24"):
        unpack(packed([10, 25], [1, 1], LAYER), [LAYER])


def test_the_network_has_the_published_size() -> None:
    weights = sum(int(np.prod(c.shape)) for c in CONVOLUTIONS)
    assert len(CONVOLUTIONS) == 26
    # 1,248,424 parameters with biases (Iandola et al. 2016, version 1.0).
    assert weights + sum(c.outputs for c in CONVOLUTIONS) == 1_248_424


def test_the_graph_runs_and_takes_blue_first() -> None:
    """Only the first convolution passes anything on: the mean of the blue channel of one pixel."""
    weights = [
        (np.zeros(c.shape, np.float32), np.zeros(c.outputs, np.float32)) for c in CONVOLUTIONS
    ]
    weights[0][0][0, 0, 0, 0] = 1.0
    for c, (w, _) in zip(CONVOLUTIONS[1:], weights[1:], strict=True):
        if "expand3" not in c.name:
            w[0, 0, 0, 0] = 1.0
    judge = OnnxJudge(graph_of(weights), "squeezenet")
    pictures = np.zeros((2, 30, 30, 3), np.uint8)
    pictures[0] = [0, 0, 204]
    pictures[1] = [204, 0, 0]
    found = judge.judge(pictures)
    assert found.scores is not None
    assert found.scores.shape == (2, 1000)
    # 13 x 13 places within a rim of one pixel, where there is nothing.
    assert found.scores[0, 0] == pytest.approx(100.0 * 13**2 / 15**2, rel=1e-5)
    assert found.scores[1, 0] == 0.0
    assert {name: f.shape for name, f in found.features.items()} == {
        "fire4": (2, 256 * 81), "fire9": (2, 512),
    }  # fmt: skip


def graph(shape: list[object], kind: int) -> bytes:
    """Make a graph that flattens its input to `logits`."""
    nodes = [
        helper.make_node("Cast", ["x"], ["f"], to=TensorProto.FLOAT),
        helper.make_node("Flatten", ["f"], ["logits"]),
    ]
    given = helper.make_tensor_value_info("x", kind, shape)
    made = helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["n", "k"])
    model = helper.make_model(
        helper.make_graph(nodes, "g", [given], [made]),
        opset_imports=[helper.make_opsetid("", 17)], ir_version=9,
    )  # fmt: skip
    helper.set_model_props(model, {"mean": "[0.5, 0.5, 0.5]", "std": "[0.5, 0.5, 0.5]"})
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


def test_graphs_of_one_s_own_by_path(tmp_path: Path) -> None:
    path = tmp_path / "own.onnx"
    path.write_bytes(graph(["n", 3, 2, 2], TensorProto.FLOAT))
    path.with_suffix(".txt").write_text("cat\ndog\n")
    judge = open_judge(f"onnx:{path}")
    assert (judge.id, judge.side_px, judge.classes) == ("onnx:own", 2, ("cat", "dog"))
    black = np.zeros((20, 2, 2, 3), np.uint8)
    black[..., 1] = 255
    scores = judge.judge(black).scores
    assert scores is not None
    assert scores[17].tolist() == [-1.0] * 4 + [1.0] * 4 + [-1.0] * 4
    path.write_bytes(graph(["n", 2, 2, 3], TensorProto.UINT8))
    assert open_judge(f"onnx:{path}").judge(black).scores[3, 1] == 255  # type: ignore[index]


def test_what_is_no_judge_is_refused(tmp_path: Path) -> None:
    for spec in ("squeezenet", "nothing:here", "onnx:"):
        with pytest.raises(ConfigError, match="squeezenet:PATH"):
            open_judge(spec)
    for spec in ("onnx:nowhere.onnx", "squeezenet:nowhere"):
        with pytest.raises(InputError, match="nowhere"):
            open_judge(spec)
    path = tmp_path / "bad.onnx"
    path.write_bytes(b"no graph")
    with pytest.raises(InputError, match="no ONNX graph"):
        open_judge(f"onnx:{path}")
    path.write_bytes(graph(["n", 5], TensorProto.FLOAT))
    with pytest.raises(InputError, match="side"):
        open_judge(f"onnx:{path}")


def test_a_target_space_is_a_judge() -> None:
    judge = open_judge("space:pixels:4:grey")
    pictures = np.random.default_rng(0).integers(0, 256, (3, 8, 8, 3)).astype(np.uint8)
    found = judge.judge(pictures)
    assert found.scores is None
    assert {name: f.shape for name, f in found.features.items()} == {"z": (3, 16)}
    assert len(judge.sha256) == 64


def test_pictures_are_made_fit() -> None:
    grey = np.arange(16, dtype=np.uint8).reshape(1, 4, 4, 1)
    assert np.array_equal(prepared(grey, 4), np.repeat(grey, 3, axis=3))
    assert (
        prepared(np.full((2, 5, 9, 3), 77, np.uint8), 8).tolist()
        == np.full((2, 8, 8, 3), 77).tolist()
    )
    with pytest.raises(InputError, match="uint8"):
        prepared(grey / 255, 4)


@pytest.mark.realdata
def test_the_real_network_knows_a_lion_and_a_lemon(realdata: Path) -> None:
    from scipy.io import loadmat

    file = realdata / "recon/kriegeskorte92/Kriegeskorte_Neuron2008_supplementalData.mat"
    stimuli = loadmat(file, squeeze_me=True)["stimuli_92objs"]
    pictures = np.stack([stimuli[k]["image"] for k in (46, 50, 66)])
    judge = open_judge(f"squeezenet:{realdata / 'weights' / 'squeezenet'}")
    scores = judge.judge(pictures).scores
    assert scores is not None
    best = [judge.classes[k].split(",")[0] for k in scores.argmax(axis=1)]
    assert best == ["lion", "lemon", "broccoli"]
