"""Where a large pipeline computes, in which number format, and whether it fits into memory."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch

from phosphene.errors import ConfigError, problem
from phosphene.session import RendererSettings

__all__ = ["Place", "check_memory", "choose_place", "free_bytes"]

ON_CPU = ("cpu", "reference")
ON_GPU = ("auto", "torch", "cuda")
SPARE = 1.25
"""What a frame needs beside the weights, as a share of them; a guess on the safe side."""
_FORMATS = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


@dataclass(frozen=True)
class Place:
    """Device and number format; `note` says where it is not what was asked for."""

    device: torch.device
    dtype: torch.dtype
    note: str = ""


def choose_place(settings: RendererSettings, gpu: bool | None = None) -> Place:
    """Choose by the settings `engine` and `precision`.

    Parameters
    ----------
    settings : RendererSettings
        Engines other than torch take no part in a large pipeline: torch on the GPU, or on the CPU
        where there is none, takes their place and says so.
    gpu : bool, optional
        Whether there is a GPU; None looks.
    """
    there = torch.cuda.is_available() if gpu is None else gpu
    notes = []
    if settings.engine not in (*ON_CPU, *ON_GPU):
        notes.append(f"engine {settings.engine} does not run large pipelines, torch does")
    if settings.engine == "cuda" and not there:
        notes.append("no GPU was found, the CPU computes")
    device = torch.device("cuda" if there and settings.engine not in ON_CPU else "cpu")
    wanted = settings.precision
    if wanted == "auto":
        wanted = "fp16" if device.type == "cuda" else "fp32"
    elif wanted == "fp16" and device.type == "cpu":
        wanted = "fp32"
        notes.append("the CPU computes in fp32, as it has no fast fp16")
    return Place(device, _FORMATS[wanted], "; ".join(notes))


def check_memory(parameters: int, place: Place, free: int | None = None) -> None:
    """Refuse a pipeline that does not fit, before any of it is read.

    Parameters
    ----------
    parameters : int
        Numbers in its weights.
    place : Place
        Where they go.
    free : int, optional
        Bytes that are free there; None looks.

    Raises
    ------
    ConfigError
        With what it needs and what there is.
    """
    needed = int(parameters * place.dtype.itemsize * SPARE)
    there = free_bytes(place.device) if free is None else free
    if there is not None and needed > there:
        have, want = f"{there / 1e9:.1f} GB free on {place.device.type}", f"{needed / 1e9:.1f} GB"
        cure = 'Take a smaller model or size, precision = "fp16", or a larger machine.'
        raise ConfigError(problem("memory for renderer.model", have, want, cure))


def free_bytes(device: torch.device) -> int | None:
    """Bytes that are free on a device; None where the system does not say."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    try:
        lines = Path("/proc/meminfo").read_text("ascii").splitlines()
    except OSError:
        return None
    kilobytes = {line.split(":")[0]: line.split()[1] for line in lines}
    return int(kilobytes["MemAvailable"]) * 1024 if "MemAvailable" in kilobytes else None
