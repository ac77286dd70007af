"""Settings of the renderer: which model paints, on what, and how percepts become a stream."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

__all__ = ["LargeSettings", "RendererSettings"]

Seconds = Annotated[float, Field(ge=0)]


class LargeSettings(BaseModel):
    """what a large pipeline of diffusers needs; only for ``model = "diffusers:..."``.

    Parameters
    ----------
    kind : str
        What the pipeline was trained for: its scheduler, steps and conditions follow from it.
        ``auto`` reads the pipeline's own files.
    lora : str or None
        Folder or hub id of a LoRA that makes it few-step (LCM, Hyper-SD).
    tiny : str or None
        Folder or hub id of an ``AutoencoderTiny`` that decodes in place of its own decoder.
    adapter : str or None
        Folder or hub id of an image adapter (IP-Adapter) for image embeddings.
    stream_batch : bool
        Denoise several frames at several noise levels in one call: more frames per second, each
        ``steps - 1`` frames later.
    residual : str
        For models that are guided by what they say of the empty prompt: ask for it at each step
        (``full``, 2 x steps evaluations), at the first alone (``onetime``, steps + 1), or take what
        was started from in its place (``self``, steps).
    skip_similar : float
        Cosine similarity of conditions above which the last picture is shown again; 1 never skips.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["auto", "sd-turbo", "sdxl-turbo", "lcm", "hyper-sd", "few-step"] = "auto"
    lora: str | None = None
    tiny: str | None = None
    adapter: str | None = None
    stream_batch: bool = False
    residual: Literal["full", "onetime", "self"] = "full"
    skip_similar: Annotated[float, Field(ge=0, le=1)] = 1.0


class RendererSettings(BaseModel):
    """Settings of the renderer node; each can be changed while a session runs.

    Parameters
    ----------
    model : str
        ``world-256`` or ``world-64``, which are shipped, or ``diffusers:FOLDER_OR_HUB_ID``.
    engine : str
        What computes the graph. ``auto`` takes OpenVINO where it is installed, else ONNX Runtime
        on the CPU; where the one asked for is not there, the CPU takes its place and says so.
    precision : str
        ``auto`` is bf16 with OpenVINO on processors that have it, fp16 on GPUs, else fp32.
    size_px : int or None
        Side of the frames in pixels; None is the model's own.
    fps : float
        Frames per second.
    steps : int
        Denoising steps: 1, 2 or 4.
    mode : str
        What is painted: ``z`` what it looked like, ``c`` what it was about, ``zc`` both.
    strength : float
        For ``zc``: how far the decoded z is noised before c denoises it, 0 (kept as it is) to 1
        (nothing but noise is left of where it starts).
    guides : str
        What the generator is told while it denoises for ``zc``: ``c`` alone, or z too.
    guidance : float
        For ``c`` in two steps or more: how far beyond its own pull c leads, 1 to 5; above 1 a step
        costs twice as much.
    path : str
        How pictures get from one percept to the next: ``smooth`` approaches the newest one with
        the time constant `smoothing_s`; ``hold`` jumps to it; ``slerp`` turns evenly from the last
        to the newest and so lags by one percept.
    smoothing_s : float
        Time constant in seconds of the path ``smooth``.
    warm_start : float
        How much of each picture is kept from the one before it, 0 (none) to below 1: denoising
        starts from the last latent, noised to 1 - `warm_start`.
    noise_s : float
        Time constant in seconds of the slowly walking noise; 0 keeps it fixed.
    min_confidence : float
        Below this confidence the neutral frame is shown. Where it is not set, the threshold of the
        bundle holds, which keeps 80 % of the right percepts of its left-out runs.
    stale_s : float
        A percept older than this, in seconds, is no longer shown.
    seed : int
        Seed of the noise.
    threads : int
        CPU threads of the inference engine.
    cores : tuple of int or None
        CPU cores that the renderer keeps to, so that acquisition always has one; None leaves the
        choice to the operating system.
    large : LargeSettings
        For large pipelines only.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: Annotated[str, Field(pattern=r"^(world-64|world-256|diffusers:.+)$")] = "world-256"
    engine: Literal[
        "auto", "cpu", "openvino", "cuda", "tensorrt", "tensorrt-file", "torch", "reference"
    ] = "auto"
    precision: Literal["auto", "fp32", "bf16", "fp16"] = "auto"
    size_px: Annotated[int, Field(ge=16, le=2048)] | None = None
    fps: Annotated[float, Field(gt=0, le=240)] = 24.0
    steps: Literal[1, 2, 4] = 1
    mode: Literal["z", "c", "zc"] = "zc"
    strength: Annotated[float, Field(ge=0, le=1)] = 1.0
    guides: Literal["c", "zc"] = "zc"
    guidance: Annotated[float, Field(ge=1, le=5)] = 2.0
    path: Literal["smooth", "hold", "slerp"] = "smooth"
    smoothing_s: Seconds = 0.5
    warm_start: Annotated[float, Field(ge=0, lt=1)] = 0.0
    noise_s: Seconds = 60.0
    min_confidence: Annotated[float, Field(ge=0, le=1)] = 0.1
    stale_s: Annotated[float, Field(gt=0)] = 10.0
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0
    threads: Annotated[int, Field(ge=1, le=64)] = 1
    cores: tuple[Annotated[int, Field(ge=0, le=1023)], ...] | None = None
    large: LargeSettings = LargeSettings()

    @model_validator(mode="after")
    def _large_only_for_large(self) -> Self:
        if self.large != LargeSettings() and not self.model.startswith("diffusers:"):
            raise ValueError(
                f'renderer.large is not used by model "{self.model}"; remove that table or set '
                'model = "diffusers:FOLDER_OR_HUB_ID"'
            )
        return self
