"""The SD-Turbo architecture on a GPU: one step and the tiny decoder, four ways, random weights."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from tests.benchmarks.bench_gpu_rows import Row, Timer, measure
from tests.benchmarks.bench_gpu_world import memory_mib

__all__ = ["TINY", "turbo_rows"]

MODEL = "SD-Turbo 512x512"
TINY: dict[str, Any] = {
    "sample_size": 8, "block_out_channels": (32, 64), "attention_head_dim": (1, 2),
    "down_block_types": ("CrossAttnDownBlock2D", "DownBlock2D"),
    "up_block_types": ("UpBlock2D", "CrossAttnUpBlock2D"), "layers_per_block": 1,
    "cross_attention_dim": 32,
}  # fmt: skip
"""For dry runs: the same kinds of blocks, on pictures of 16 pixels."""
TINY_CODER: dict[str, Any] = {
    "encoder_block_out_channels": (8, 8), "decoder_block_out_channels": (8, 8),
    "num_encoder_blocks": (1, 1), "num_decoder_blocks": (1, 1),
}  # fmt: skip
ALLOWED_GREY = 4
"""Grey levels between a captured or compiled picture and the eager one, on average."""
Frame = Callable[[], Any]


class Turbo:
    """UNet, tiny decoder and the work of one frame, on one device.

    Parameters
    ----------
    device : str
        ``cuda``, or ``cpu`` for a dry run, which is tiny.
    """

    def __init__(self, device: str) -> None:
        from renderer.large.architectures import build_sd_turbo, build_tiny_coder, turbo_work
        from renderer.large.work import Worker

        torch.manual_seed(0)
        self.device, self.capture = device, device == "cuda"
        dtype = torch.float16 if self.capture else torch.float32
        unet, coder = ({}, {}) if self.capture else (TINY, TINY_CODER)
        self.unet: Any = build_sd_turbo(device, dtype, **unet)
        self.coder = build_tiny_coder(device, dtype, **coder)
        self.work = turbo_work(self.unet, 1, device)
        self._worker = Worker

    def eager(self) -> Frame:
        """Every operator launched by itself."""
        return self._frame(self.unet, self.coder, capture=False)

    def captured(self) -> Frame:
        """Recorded once, replayed: what the renderer does."""
        return self._frame(self.unet, self.coder, self.capture)

    def compiled(self) -> Frame:
        """Fused by torch.compile before it is recorded."""
        unet = torch.compile(self.unet, dynamic=False)
        self.coder._model.decoder = torch.compile(self.coder._model.decoder, dynamic=False)
        return self._frame(unet, self.coder, self.capture)

    def _frame(self, unet: Any, coder: Any, capture: bool) -> Frame:
        worker = self._worker(unet, coder, capture)

        def frame() -> Any:
            with torch.no_grad():
                return worker.run(self.work)[1].cpu().numpy()

        return frame

    def pipeline(self) -> Frame:
        """diffusers' own pipeline with the same weights, as its documentation writes it."""
        import diffusers

        from renderer.large.architectures import SD_TURBO_SCHEDULER

        facts = {k: v for k, v in SD_TURBO_SCHEDULER.items() if k != "_class_name"}
        make: Any = diffusers.StableDiffusionPipeline
        pipe = make(
            vae=self.coder._model, text_encoder=None, tokenizer=None, unet=self.unet,
            scheduler=diffusers.EulerDiscreteScheduler(**facts), safety_checker=None,
            feature_extractor=None, requires_safety_checker=False,
        )  # fmt: skip
        pipe.set_progress_bar_config(disable=True)
        width = int(self.unet.config.cross_attention_dim)
        words = torch.randn(1, 77, width, device=self.device, dtype=self.unet.dtype)
        side = int(self.unet.config.sample_size) * self.coder.cell_px

        def frame() -> Any:
            made = pipe(
                prompt_embeds=words, num_inference_steps=1, guidance_scale=0.0, height=side,
                width=side, output_type="np",
            )  # fmt: skip
            return (255 * made.images[0]).round().astype(np.uint8)

        return frame


def turbo_rows(
    device: str, timer: Callable[[], Timer], left_s: Callable[[], float], compile_s: float = 150.0
) -> Iterator[Row]:
    """Measure all ways; the compiled one only where enough time is left."""
    model = MODEL if device == "cuda" else "SD-Turbo, tiny (dry run)"
    before = memory_mib()
    try:
        turbo = Turbo(device)
        eager = turbo.eager()
        wanted = eager()
    except Exception as error:  # diffusers may be missing, or the GPU too small
        yield Row(model, "all", skipped=f"{type(error).__name__}: {error}"[:200])
        return
    ways: dict[str, Callable[[], Frame]] = {
        "CUDA graph": turbo.captured,
        "naive loop": lambda: eager,
        "diffusers pipeline": turbo.pipeline,
        "compiled, CUDA graph": turbo.compiled,
    }
    for way, make in ways.items():
        if way.startswith("compiled") and left_s() < compile_s:
            yield Row(model, way, skipped=f"{left_s():.0f} s left, {compile_s:.0f} needed")
            continue
        said: list[str] = []

        def checked(
            make: Callable[[], Frame] = make, way: str = way, said: list[str] = said
        ) -> Any:
            frame = make()
            if way != "diffusers pipeline":  # it draws its own noise
                said.append(_close(frame(), wanted))
            return frame

        row = measure(Row(model, way), checked, timer(), lambda: memory_mib() - before)
        yield replace(row, parity=said[0] if said else "")


def _close(got: Any, wanted: Any) -> str:
    error = np.abs(got.astype(float) - wanted.astype(float))
    if error.mean() > ALLOWED_GREY:
        raise RuntimeError(f"{error.mean():.2f} grey levels from the eager picture on average")
    return f"{error.mean():.3f} grey levels from eager on average (allowed {ALLOWED_GREY})"
