"""Bundles: what is written is read back, and whatever does not belong here is refused."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from phosphene.bundle import MANIFEST, Bundle, Expectation, _read_npz, mask_sha256, pack_bundle
from phosphene.engine import CPU, Engine, OnnxEngine, choose_providers
from phosphene.errors import BundleError, ConfigError, InputError
from phosphene.manifest import (
    Calibration,
    Manifest,
    NormaliserInfo,
    Score,
    TargetInfo,
    TrainingInfo,
    WindowInfo,
)
from phosphene.model_card import model_card

AFFINE = np.diag([3.0, 3.0, 3.0, 1.0])


def make_graph(factor: float = 2.0) -> bytes:
    """Return y = factor * x for x (1, 3)."""
    node = helper.make_node("Mul", ["x", "k"], ["y"])
    graph = helper.make_graph(
        [node],
        "double",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 3])],
        [helper.make_tensor("k", TensorProto.FLOAT, [1], [factor])],
    )
    opset = [helper.make_opsetid("", 17)]
    return onnx.ModelProto.SerializeToString(
        helper.make_model(graph, opset_imports=opset, ir_version=9)
    )


def make_mask() -> np.ndarray[Any, np.dtype[np.bool_]]:
    mask = np.zeros((2, 3, 4), dtype=bool)
    mask[0, 1, :3] = True
    return mask


def make_draft(**changes: Any) -> Manifest:
    draft = Manifest(
        person="p01",
        modality="fmri",
        features=3,
        heads=("c",),
        mask_hash=mask_sha256(make_mask(), AFFINE),
        window=WindowInfo(length=1, period_s=2.0, delay_s=4.0),
        target=TargetInfo(id="world-64", sha256="a" * 64, c_dim=5, z_shape=None, categories=()),
        normaliser=NormaliserInfo(kind="none"),
        training=TrainingInfo(
            data_sha256=("b" * 64,), samples=10, groups=("1",), split="leave one run out", seed=0
        ),
        metrics=(
            Score(
                name="two_way",
                value=0.8,
                chance=0.5,
                shuffled=0.51,
                low=0.7,
                high=0.9,
                n=10,
                split="leave one run out",
            ),
        ),
        calibration=Calibration(
            feature="log_odds", slope=1.0, intercept=0.0, brier=0.1, base_brier=0.2, n=10
        ),
        versions={"phosphene": "0"},
        licence="private",
        consent="consent-1",
        created="2026-01-01T00:00:00+00:00",
    )
    return msgspec.structs.replace(draft, **changes)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    bundle = pack_bundle(
        make_draft(), make_graph(), {"prior_mean": np.arange(3.0)}, make_mask(), AFFINE
    )
    return bundle.write(tmp_path / "p01.bundle")


def test_round_trip(folder: Path) -> None:
    expect = Expectation(
        person="p01",
        modality="fmri",
        mask_hash=mask_sha256(make_mask(), AFFINE),
        target_id="world-64",
        target_sha256="a" * 64,
        features=3,
        period_s=2.0,
    )
    bundle = Bundle.load(folder, expect)
    assert bundle.graph == make_graph()
    assert bundle.mask is not None and (bundle.mask == make_mask()).all()
    assert bundle.affine is not None and (bundle.affine == AFFINE).all()
    assert bundle.statistics["prior_mean"].tolist() == [0.0, 1.0, 2.0]
    assert bundle.manifest.metrics[0].chance == 0.5
    assert folder.stat().st_mode & 0o077 == 0


def test_same_content_has_same_digest(folder: Path, tmp_path: Path) -> None:
    again = Bundle.load(folder).write(tmp_path / "again")
    assert Bundle.load(again).digest == Bundle.load(folder).digest


def test_all_mismatches_in_one_error(folder: Path) -> None:
    other = ~make_mask()
    with pytest.raises(BundleError) as caught:
        Bundle.load(
            folder,
            Expectation(person="p02", mask_hash=mask_sha256(other, AFFINE), target_sha256="c" * 64),
        )
    message = str(caught.value)
    assert "3 problem(s)" in message
    assert all(word in message for word in ("person", "mask_hash", "target_sha256"))


def test_changed_missing_and_added_files_in_one_error(folder: Path) -> None:
    graph = folder / "decoder.onnx"
    graph.write_bytes(make_graph(3.0))
    (folder / "mask.npz").unlink()
    (folder / "run.py").write_text("print()")
    with pytest.raises(BundleError) as caught:
        Bundle.load(folder)
    message = str(caught.value)
    assert "decoder.onnx: got 'changed'" in message
    assert "mask.npz: got 'missing'" in message
    assert "run.py: got 'not in the manifest'" in message


def test_every_single_bit_of_the_graph_counts(folder: Path) -> None:
    graph = folder / "decoder.onnx"
    content = bytearray(graph.read_bytes())
    content[len(content) // 2] ^= 1
    graph.write_bytes(bytes(content))
    with pytest.raises(BundleError, match="changed"):
        Bundle.load(folder)


def test_name_that_leaves_the_folder_is_refused(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "outside.npz").write_bytes(b"")
    text = json.loads((folder / MANIFEST).read_text())
    text["files"]["../outside.npz"] = {"sha256": "0" * 64, "size": 0}
    (folder / MANIFEST).write_text(json.dumps(text))
    with pytest.raises(BundleError, match="plain names"):
        Bundle.load(folder)


@pytest.mark.parametrize(
    ("key", "value"), [("person", "Jane Doe"), ("features", 4), ("format_version", 2)]
)
def test_manifest_that_contradicts_itself_is_refused(folder: Path, key: str, value: object) -> None:
    text = json.loads((folder / MANIFEST).read_text())
    text[key] = value
    (folder / MANIFEST).write_text(json.dumps(text))
    with pytest.raises(BundleError, match=key):
        Bundle.load(folder)


def test_unknown_field_and_no_manifest_are_refused(folder: Path, tmp_path: Path) -> None:
    text = json.loads((folder / MANIFEST).read_text())
    text["command"] = "rm"
    (folder / MANIFEST).write_text(json.dumps(text))
    with pytest.raises(BundleError, match="command"):
        Bundle.load(folder)
    with pytest.raises(BundleError, match=r"manifest\.json"):
        Bundle.load(tmp_path / "nowhere")


def test_pickled_array_is_never_loaded(folder: Path, tmp_path: Path) -> None:
    np.savez(tmp_path / "evil.npz", prior_mean=np.array([{"a": 1}], dtype=object))
    content = (tmp_path / "evil.npz").read_bytes()
    bundle = Bundle.load(folder)
    (folder / "statistics.npz").write_bytes(content)
    text = json.loads((folder / MANIFEST).read_text())
    import hashlib

    info = {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content)}
    text["files"]["statistics.npz"] = info
    (folder / MANIFEST).write_text(json.dumps(text))
    with pytest.raises(BundleError, match="plain numeric arrays"):
        Bundle.load(folder)
    assert set(bundle.statistics) == {"prior_mean"}


def test_existing_folder_is_kept_unless_told(folder: Path) -> None:
    bundle = Bundle.load(folder)
    with pytest.raises(BundleError, match="does not exist"):
        bundle.write(folder)
    bundle.write(folder, replace=True)
    assert Bundle.load(folder).digest == bundle.digest
    assert [p.name for p in folder.parent.iterdir()] == [folder.name]


def test_failed_write_leaves_nothing(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = Bundle.load(folder)

    def full_disk(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("phosphene.bundle_store.os.fsync", full_disk)
    with pytest.raises(OSError, match="No space"):
        bundle.write(tmp_path / "new")
    assert sorted(p.name for p in tmp_path.iterdir()) == [folder.name]


@pytest.mark.parametrize(
    "changes",
    [
        {"person": ""},
        {"heads": ()},
        {"modality": "eeg"},
        {"heads": ("z", "c")},
        {"heads": ("class",), "labels": ("face", "dog")},
    ],
)
def test_inconsistent_draft_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(BundleError):
        pack_bundle(make_draft(**changes), make_graph(), {}, make_mask(), AFFINE)


def test_mask_name_depends_on_place_and_voxels_not_on_rounding() -> None:
    name = mask_sha256(make_mask(), AFFINE)
    assert mask_sha256(make_mask(), AFFINE + 1e-9) == name
    assert mask_sha256(make_mask(), AFFINE + 0.01) != name
    assert mask_sha256(make_mask()[:, :, ::-1], AFFINE) != name
    assert mask_sha256(make_mask().reshape(3, 2, 4), AFFINE) != name
    with pytest.raises(BundleError, match="3-D bool"):
        mask_sha256(make_mask().astype(np.uint8), AFFINE)  # type: ignore[arg-type]


def test_engine_runs_and_describes_itself() -> None:
    engine = OnnxEngine(make_graph())
    assert isinstance(engine, Engine)
    assert str(engine.inputs[0]) == "x (1, 3) float32"
    got = engine.run({"x": np.ones((1, 3), np.float32)})
    assert got["y"].tolist() == [[2.0, 2.0, 2.0]]
    assert CPU in engine.describe()


def test_engine_lists_every_wrong_input() -> None:
    engine = OnnxEngine(make_graph())
    with pytest.raises(InputError, match=r"2 problem\(s\)"):
        engine.run({"w": np.ones(1, np.float32)})
    with pytest.raises(InputError, match="float64"):
        engine.run({"x": np.ones((1, 3))})
    with pytest.raises(InputError, match=r"\(1, 4\)"):
        engine.run({"x": np.ones((1, 4), np.float32)})


def test_engine_refuses_noise_and_no_threads() -> None:
    with pytest.raises(BundleError, match="ONNX"):
        OnnxEngine(b"not a graph")
    with pytest.raises(ConfigError, match="threads"):
        OnnxEngine(make_graph(), threads=0)


def test_providers_fall_back_to_cpu_and_say_so() -> None:
    chosen, line = choose_providers(["CUDAExecutionProvider"], [CPU])
    assert chosen == (CPU,)
    assert line == f"runs on {CPU}; not available here: CUDAExecutionProvider"
    chosen, line = choose_providers(["CUDAExecutionProvider"], ["CUDAExecutionProvider", CPU])
    assert chosen == ("CUDAExecutionProvider", CPU)
    assert line == "runs on CUDAExecutionProvider"


def test_card_says_where_confidence_carries_nothing_and_what_was_left_out() -> None:
    draft = make_draft()
    bad = msgspec.structs.replace(draft.calibration, brier=0.3)
    training = msgspec.structs.replace(draft.training, notes=("2 of 9 epochs hold NaN",))
    score = msgspec.structs.replace(draft.metrics[0], shuffled_high=0.616)
    card = model_card(
        msgspec.structs.replace(draft, calibration=bad, training=training, metrics=(score,))
    )
    assert "Confidence carries no information about which percepts are right here: n = 10" in card
    assert "2 of 9 epochs hold NaN." in card and "0.510 (97.5 % below 0.616)" in card
    assert "carries no information" not in model_card(draft)


def test_card_of_trials_speaks_of_trials() -> None:
    draft = make_draft(placed=False)
    training = msgspec.structs.replace(
        draft.training, settings={"per_event": True}, groups=("fold 07", "fold 02")
    )
    card = model_card(msgspec.structs.replace(draft, training=training))
    assert "one response for each trial" in card and "a window of" not in card
    assert "2 part(s) that were left out in turn (fold 02, fold 07)" in card
    assert "(responses and targets that were learned from)" in card


def test_arrays_that_would_grow_are_refused_before_they_are_read() -> None:
    packed, lying = io.BytesIO(), io.BytesIO()
    np.savez_compressed(packed, a=np.zeros(100_000))
    header = {"descr": "<f8", "fortran_order": False, "shape": (1 << 40,)}
    with zipfile.ZipFile(lying, "w") as archive, archive.open("a.npy", "w") as member:
        np.lib.format.write_array_header_1_0(member, header)
    for held, why in ((packed, "compressed"), (lying, "does not hold")):
        arrays, found = _read_npz("statistics.npz", held.getvalue())
        assert not arrays
        assert why in found[0]


def test_a_file_that_is_too_large_is_refused_before_it_is_read(folder: Path) -> None:
    with (folder / MANIFEST).open("r+b") as manifest:
        manifest.truncate(1 << 40)  # sparse: takes no room, but no memory could hold it
    with pytest.raises(BundleError, match="up to 8388608"):
        Bundle.load(folder)
