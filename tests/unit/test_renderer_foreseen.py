"""What is refused before anything is loaded, and how settings are worded."""

from __future__ import annotations

from pathlib import Path

import pytest
from huggingface_hub import constants

from phosphene.errors import ConfigError
from phosphene.session import RendererSettings
from phosphene.setting_words import allowed_values, settings_help
from renderer import foreseen
from renderer.foreseen import foresee
from renderer.protocol import Painter
from renderer.swap import PainterSwap
from renderer.wishes import changed, wished

USUAL = RendererSettings()


def wish(**changes: str) -> RendererSettings:
    return wished(USUAL, {name.replace("__", "."): value for name, value in changes.items()})


def test_models_that_are_not_here_are_refused_all_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(ConfigError, match="hf download owner/model") as refused:
        foresee(USUAL, wish(model="diffusers:owner/model", large__lora="./none"))
    assert "large.lora: got './none'; allowed: a folder that is there" in str(refused.value)
    (tmp_path / "models--owner--model").mkdir()
    foresee(USUAL, wish(model="diffusers:owner/model", large__lora="owner/model/x.safetensors"))
    foresee(USUAL, wish(model=f"diffusers:{tmp_path}"))
    absent = wish(model="diffusers:owner/other")
    foresee(absent, absent.model_copy(update={"threads": 2}))


def test_an_engine_that_cannot_run_here_is_refused_when_it_is_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    why = {"cuda": "no NVIDIA driver", "torch": "torch is not installed"}
    monkeypatch.setattr(foreseen, "why_not_here", why.get)
    with pytest.raises(
        ConfigError, match=r"engine: got 'cuda'; allowed: auto, cpu.*no NVIDIA"
    ) as e:
        foresee(USUAL, wish(engine="cuda"))
    assert "torch" not in str(e.value)
    foresee(wish(engine="cuda"), wish(engine="cuda", model="world-256"))
    foresee(wish(engine="cuda"), wish(engine="openvino"))


def test_an_extra_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(foreseen, "find_spec", lambda name: None if name == "diffusers" else name)
    with pytest.raises(ConfigError, match=r"diffusers missing.*phosphene\[train\]"):
        foresee(USUAL, wish(model="diffusers:a/b"))


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("strength", "1.5", "0 to 1"),
        ("warm_start", "1", "a number, at least 0, below 1"),
        ("model", "sd", "world-64, world-256 or diffusers:FOLDER_OR_HUB_ID"),
        ("steps", "3", "1, 2 or 4"),
        ("size_px", "8", "16 to 2048 or none"),
        ("cores", "-1", "whole numbers separated by commas or none"),
        ("large.kind", "x", "auto, sd-turbo, sdxl-turbo, lcm, hyper-sd or few-step"),
        ("stepz", "2", "model, engine, "),
    ],
)
def test_refused_settings_say_what_is_allowed(name: str, value: str, allowed: str) -> None:
    with pytest.raises(ConfigError) as refused:
        wished(RendererSettings(model="diffusers:x"), {name: value})
    assert f"allowed: {allowed}" in str(refused.value)
    assert name in str(refused.value) and "pattern" not in str(refused.value)


def test_every_setting_is_listed_with_its_default() -> None:
    names = {*RendererSettings.model_fields} - {"large"}
    assert names < set(allowed_values(RendererSettings))
    told = settings_help(RendererSettings).splitlines()
    assert "  guidance: 1 to 5 (default 2.0)" in told
    assert any(line.startswith("  large.tiny: a text or none (default none)") for line in told)


def test_changes_of_a_table_are_told_only_with_its_model() -> None:
    large = wish(model="diffusers:x", large__lora="y")
    assert changed(USUAL, large, ("model", "large")) == "model=diffusers:x, large.lora=y"
    assert changed(large, USUAL, ("model", "large")) == f"model={USUAL.model}"


class Choosy:
    """Ready for some numbers of steps only, as a painter is that compiles."""

    def ready(self, settings: RendererSettings) -> bool:
        return settings.steps in (1, 2)

    def prepare(self, settings: RendererSettings) -> None:
        raise AssertionError("not asked for here")


def test_only_what_is_not_ready_waits() -> None:
    painter: Painter = Choosy()  # type: ignore[assignment]
    old = RendererSettings(steps=2, model="world-64")
    swap = PainterSwap(painter, old, lambda _wanted: painter, lambda _made, _wanted: None)
    wanted = old.model_copy(update={"steps": 4, "mode": "c", "strength": 0.5})
    assert swap.later(old, wanted) == ("steps",)
    assert swap.later(old, wanted.model_copy(update={"steps": 1})) == ()
    other = wanted.model_copy(update={"model": "diffusers:x", "steps": 1})
    assert "mode" not in swap.later(old, other) and "model" in swap.later(old, other)
