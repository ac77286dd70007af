"""``phosphene evaluate`` through its real processes, and a judge of the transformers library."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import msgspec
import numpy as np

from decoder.metrics.judges import open_judge
from phosphene.dataset import PreparedData, PreparedMeta, TimedEvent, write_prepared
from phosphene.stimuli import CATEGORIES, draw, sample_clip

TRIALS = 27


def prepared(path: Path) -> None:
    """Write trials of scenes; voxels see them on a grid of 8 x 8."""
    rng = np.random.default_rng(0)
    scenes = [sample_clip(k, 6.0, CATEGORIES[k % 3]).scene_at(3.0) for k in range(TRIALS)]
    pictures = np.stack([draw(scene) for scene in scenes])
    coarse = pictures.reshape(TRIALS, 8, 8, 8, 8, 3).mean(axis=(2, 4)).reshape(TRIALS, -1) / 64
    responses = coarse @ rng.normal(size=(192, 120)) + rng.normal(size=(TRIALS, 120))
    events = [
        TimedEvent(run="1", t_s=float(k), duration_s=1.0, label=CATEGORIES[k % 3],
                   detail=msgspec.json.encode(scene).decode())
        for k, scene in enumerate(scenes)
    ]  # fmt: skip
    meta = PreparedMeta(
        person="p1", modality="fmri", kind="fmri-beta", mask_hash="0" * 64, tr_s=0.0, affine=(),
        channels=(), times_s=(), settings="{}", sources={}, events=events,
    )  # fmt: skip
    times = np.arange(TRIALS, dtype=float)
    mask = np.zeros((0, 0, 0), bool)
    runs = np.full(TRIALS, "1")
    data = PreparedData(meta, responses.astype(np.float32), runs, times, times, mask)
    write_prepared(path, data)


def test_trials_of_the_world_become_a_report(tmp_path: Path) -> None:
    source, out = tmp_path / "trials.npz", tmp_path / "out"
    prepared(source)
    command = [sys.executable, "-m", "phosphene.cli", "evaluate", str(source), "--out", str(out)]
    command += ["--folds", "3", "--steps", "1", "--permutations", "20"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert f"report: {out / 'evaluation.html'}" in done.stdout
    table = json.loads((out / "evaluation.json").read_text())
    assert table["held_out"] is True
    assert table["facts"]["split"] == "3 folds by stimulus"
    assert table["facts"]["painting"]["steps"] == 1
    for kind in ("z", "c", "zc"):
        two_way = table["scores"][f"picture-{kind}.two_way"]
        assert two_way["low"] > 0.5 == two_way["chance"]
        assert abs(two_way["shuffled"] - 0.5) < 0.15
    assert (out / "best.png").is_file()
    assert out.stat().st_mode & 0o077 == 0


def test_judges_of_transformers_by_folder(tmp_path: Path) -> None:
    import torch
    from transformers import ViTConfig, ViTForImageClassification, ViTImageProcessor

    torch.manual_seed(0)
    config = ViTConfig(
        hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=16,
        image_size=32, patch_size=16, num_labels=4,
    )  # fmt: skip
    model = ViTForImageClassification(config).eval()
    model.save_pretrained(tmp_path)
    processor = ViTImageProcessor(size={"height": 32, "width": 32})
    processor.save_pretrained(tmp_path)
    judge = open_judge(f"transformers:{tmp_path}")
    assert (judge.side_px, len(judge.classes), len(judge.sha256)) == (32, 4, 64)
    pictures = np.random.default_rng(0).integers(0, 256, (20, 32, 32, 3)).astype(np.uint8)
    found = judge.judge(pictures)
    assert found.scores is not None
    assert {name: f.shape for name, f in found.features.items()} == {
        "middle": (20, 16), "last": (20, 16),
    }  # fmt: skip
    given = processor(images=[pictures[19]], return_tensors="pt")
    with torch.no_grad():
        expected = model(**given).logits.numpy()[0]
    np.testing.assert_allclose(found.scores[19], expected, atol=1e-5)
