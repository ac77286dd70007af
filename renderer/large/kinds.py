"""What a pipeline was trained for, and so its sampler and whether guidance has effect."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

from phosphene.errors import ConfigError, problem
from phosphene.session_renderer import LargeSettings
from renderer.large.consistency import GRID, lcm, tcd
from renderer.large.euler import euler
from renderer.large.noise_levels import NoiseLevels
from renderer.large.schedule import Schedule
from renderer.large.solver import dpm_solver

__all__ = ["Kind", "choose_kind", "is_sdxl"]

Sampler = Callable[[NoiseLevels, int, float], Schedule | None]
Guided = Literal["no", "embedded", "free"]


@dataclass(frozen=True)
class Kind:
    """A family of pipelines.

    Attributes
    ----------
    name : str
        As `LargeSettings.kind`.
    sampler : Callable
        Makes a schedule of noise levels, steps and strength.
    guided : str
        "no": it was distilled without, the setting `guidance` has no effect. "embedded": it was
        told the guidance in training, one evaluation a step. "free": classifier-free, beside what
        the network says of the empty prompt.
    """

    name: str
    sampler: Sampler
    guided: Guided


def choose_kind(
    large: LargeSettings, unet: Mapping[str, Any], scheduler: Mapping[str, Any]
) -> Kind:
    """Choose the kind that is set, or tell it from the pipeline's own files.

    Parameters
    ----------
    large : LargeSettings
        `kind` and `lora`.
    unet, scheduler : Mapping
        `unet/config.json` and `scheduler/scheduler_config.json`.

    Raises
    ------
    ConfigError
        If it cannot be told, or the UNet is not of that kind.
    """
    name = large.kind if large.kind != "auto" else _told(large, unet, scheduler)
    if name in ("sd-turbo", "sdxl-turbo") and is_sdxl(unet) != (name == "sdxl-turbo"):
        fits = "sdxl-turbo" if is_sdxl(unet) else "sd-turbo"
        cure = "Set it, or leave it at auto."
        raise ConfigError(problem("renderer.large.kind", name, f"{fits} for this UNet", cure))
    if name == "lcm":
        grid = int(scheduler.get("original_inference_steps", GRID))
        guided: Guided = "free" if unet.get("time_cond_proj_dim") is None else "embedded"
        return Kind(name, partial(lcm, grid=grid), guided)
    if name == "hyper-sd":
        return Kind(name, tcd, "no")
    if name == "few-step":
        return Kind(name, dpm_solver, "free")
    return Kind(name, euler, "no")


def is_sdxl(unet: Mapping[str, Any]) -> bool:
    """Whether a UNet wants the pooled prompt and the sizes of SDXL."""
    return unet.get("addition_embed_type") == "text_time"


def _told(large: LargeSettings, unet: Mapping[str, Any], scheduler: Mapping[str, Any]) -> str:
    if large.lora is not None:
        name = large.lora.lower() if "/" in large.lora else Path(large.lora).name.lower()
        for mark, kind in (("hyper", "hyper-sd"), ("tcd", "hyper-sd"), ("lcm", "lcm")):
            if mark in name:
                return kind
        cure = 'Set renderer.large.kind, as kind = "lcm".'
        allowed = "a LoRA whose name says lcm, hyper or tcd, or a kind that is set"
        raise ConfigError(problem("renderer.large.lora", large.lora, allowed, cure))
    sampler = str(scheduler.get("_class_name", ""))
    if unet.get("time_cond_proj_dim") is not None or sampler == "LCMScheduler":
        return "lcm"
    if sampler == "TCDScheduler":
        return "hyper-sd"
    if sampler.startswith("Euler") and scheduler.get("timestep_spacing") == "trailing":
        return "sdxl-turbo" if is_sdxl(unet) else "sd-turbo"
    return "few-step"
