from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from phosphene.bus import Puller, RunFolder
from phosphene.clock import FakeClock
from phosphene.messages import Painting
from phosphene.node import NodeContext
from phosphene.plan import Plan
from phosphene.recorder.node import scope_for
from phosphene.session import RendererSettings
from renderer.outlet import Outlet
from renderer.resized import Resized
from renderer.told import told_of


class Painted:
    model = "ab" * 8
    size_px = 64
    modes = ("z",)
    noise_shape = ()
    latent = None

    def describe(self) -> str:
        return "ONNX Runtime, 1 thread"


def painter(size_px: int = 64) -> Any:
    made: Any = Painted()
    return made if size_px == 64 else Resized(made, size_px)


def test_what_paints_is_told_with_every_setting() -> None:
    told = told_of(painter(128), RendererSettings(model="world-64", path="hold", size_px=128))
    assert (told["model"], told["weights"], told["size_px"]) == ("world-64", "ab" * 8, 128)
    assert told["engine"] == "ONNX Runtime, 1 thread", "a resized picture is computed by the same"
    assert set(told["settings"]) == set(RendererSettings.model_fields) - {"large"}
    assert told["settings"]["path"] == "hold"
    silent: Any = SimpleNamespace(model="m", size_px=8)
    assert told_of(silent, RendererSettings())["engine"] == ""


def test_folders_keep_their_name_alone(tmp_path: Path) -> None:
    large = {"tiny": str(tmp_path / "tiny"), "lora": "owner/lora"}
    settings = RendererSettings.model_validate(
        {"model": f"diffusers:{tmp_path / 'pipeline'}", "large": large}
    )
    told = told_of(painter(), settings)
    assert told["model"] == "diffusers:pipeline"
    assert told["settings"]["large.tiny"] == "tiny"
    assert told["settings"]["large.lora"] == "owner/lora"
    assert str(tmp_path) not in str(told)


@pytest.fixture
def context(tmp_path: Path) -> Any:
    source = {"kind": "recording", "path": "x"}
    session = {"person": "p", "modality": "fmri", "source": source}
    folder = RunFolder.create("t", tmp_path).path
    plan = Plan.model_validate({"run": "r", "folder": folder, "mode": "replay", "session": session})
    made = NodeContext("renderer", plan, FakeClock(10.0))
    yield made
    made.close()


def test_it_is_recorded_once_and_again_after_each_change(context: NodeContext) -> None:
    records = Puller(context.zmq, context.endpoint("records"))
    outlet, first, second = Outlet(context, lambda: True), painter(), painter(128)
    settings = RendererSettings()
    try:
        for now, how in (
            (first, settings), (first, settings), (first, settings.model_copy()),
            (first, RendererSettings(path="hold")), (second, RendererSettings(path="hold")),
        ):  # fmt: skip
            outlet.painted_with(now, how)
        found: list[Painting] = []
        while len(found) < 3 and records.socket.poll(2000):
            found += [message.header for message in records.receive()]
        assert [(p.settings["path"], p.size_px) for p in found] == [
            ("smooth", 64), ("hold", 64), ("hold", 128)
        ]  # fmt: skip
        assert scope_for("painting") is None, "what painted holds nothing of the brain"
        assert np.all([p.t_sent == 10.0 for p in found])
    finally:
        outlet.close()
        records.close()
