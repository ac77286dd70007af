"""Peers of the renderer: the same weights by plain diffusers, a naive loop, and a random graph.

``diffusers`` is what a user of that library would write: a pipeline of the UNet, its
`FlowMapEulerDiscreteScheduler` and the decoder, eager, on the processor. ``naive`` is the published
loop of StreamDiffusion (Kodaira et al. 2023, arXiv 2312.12491) without its stream batch, graph and
filter, said again for a flow map: in each step predict the clean latent, put the stock noise of the
next step on it; then decode and bring it to bytes. The random graph has the size for which times
were published with the design: a UNet of 5.1 M parameters on 32x32x4 and a tiny decoder of half
width, in one graph from latent to bytes.

Only this module of the renderer's benchmark imports torch.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import diffusers
import numpy as np
import numpy.typing as npt
import torch
from diffusers import FlowMapEulerDiscreteScheduler
from diffusers.image_processor import VaeImageProcessor
from torch import Tensor, nn

from renderer.training.stored import load_autoencoder, load_flow
from tests.benchmarks.bench_render_work import CONDITIONS, conditions

__all__ = ["FlowMapPipeline", "export_reference", "naive_frame", "open_peer"]

Picture = npt.NDArray[np.uint8]
Paint = Callable[[int], Picture]


def condition(k: int, mode: str) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return condition k as the network takes it: z_low, has_z, c, has_c."""
    z, c = conditions()
    at = k % CONDITIONS
    has_z, has_c = float("z" in mode), float("c" in mode)
    low = torch.from_numpy(z[at : at + 1]) * has_z
    return (
        low,
        torch.tensor([has_z]),
        torch.from_numpy(c[at : at + 1]) * has_c,
        torch.tensor([has_c]),
    )


class FlowMapPipeline(diffusers.DiffusionPipeline):
    """The flow map as a diffusers pipeline.

    Parameters
    ----------
    flow : nn.Module
        Predicts the average velocity.
    decoder : nn.Module
        Latents to pixels in [-1, 1].
    scheduler : FlowMapEulerDiscreteScheduler
        Its steps.
    """

    def __init__(
        self, flow: nn.Module, decoder: nn.Module, scheduler: FlowMapEulerDiscreteScheduler
    ) -> None:
        super().__init__()
        self.register_modules(flow=flow, decoder=decoder, scheduler=scheduler)
        self.image_processor = VaeImageProcessor(vae_scale_factor=8)
        self.set_progress_bar_config(disable=True)

    @torch.no_grad()
    def __call__(self, told: tuple[Tensor, ...], latents: Tensor, num_inference_steps: int) -> Any:
        """Paint one picture, as PIL image."""
        self.scheduler.set_timesteps(num_inference_steps)
        for now, after in zip(
            self.scheduler.timesteps, [*self.scheduler.timesteps[1:], 0.0], strict=True
        ):
            t = torch.as_tensor(now, dtype=torch.float32)[None] / 1000
            h = t - torch.as_tensor(after, dtype=torch.float32)[None] / 1000
            u = self.flow(latents, t, h, *told)
            latents = self.scheduler.step(u, now, latents, return_dict=False)[0]
        return self.image_processor.postprocess(self.decoder(latents), output_type="pil")[0]


@torch.no_grad()
def naive_frame(
    flow: nn.Module, decoder: nn.Module, told: tuple[Tensor, ...], noise: Tensor, steps: int
) -> Picture:
    """Paint one picture by predicting the clean latent and noising it again for the next step."""
    times = [1.0 - k / steps for k in range(steps)]
    latent = noise
    for number, now in enumerate(times):
        t = torch.tensor([now])
        clean = latent - now * flow(latent, t, t, *told)
        if number + 1 < steps:
            after = times[number + 1]
            latent = (1.0 - after) * clean + after * noise
    pixels = (decoder(clean) / 2 + 0.5).clamp(0, 1)
    made: Picture = (pixels.permute(0, 2, 3, 1) * 255).round().to(torch.uint8).numpy()[0]
    return made


def open_peer(kind: str, threads: int, weights: str) -> tuple[str, Callable[[int, str], Paint]]:
    """Open a peer; return its name with versions, and what makes its painter of steps and mode."""
    torch.set_num_threads(threads)
    held = Path(weights)
    flow = load_flow(held / "flow.safetensors")
    decoder = load_autoencoder(held / "autoencoder.safetensors").decoder
    noise = torch.randn(1, 4, 32, 32, generator=torch.Generator().manual_seed(0))
    ready = {mode: [condition(k, mode) for k in range(CONDITIONS)] for mode in ("z", "c", "zc")}
    versions = f"torch {torch.__version__}"
    if kind == "naive":

        def naive(steps: int, mode: str) -> Paint:
            told = ready[mode]
            return lambda k: naive_frame(flow, decoder, told[k % CONDITIONS], noise, steps)

        return versions, naive
    pipeline = FlowMapPipeline(flow, decoder, FlowMapEulerDiscreteScheduler())

    def plain(steps: int, mode: str) -> Paint:
        told = ready[mode]
        return lambda k: np.asarray(pipeline(told[k % CONDITIONS], noise, steps))

    return f"diffusers {diffusers.__version__}, {versions}", plain


class _Reference(nn.Module):
    """UNet, one step, tiny decoder of half width, bytes."""

    def __init__(self) -> None:
        super().__init__()
        make_unet: Any = diffusers.UNet2DConditionModel
        self.unet = make_unet(
            sample_size=32, in_channels=4, out_channels=4, layers_per_block=1,
            block_out_channels=(64, 96, 128), cross_attention_dim=256, attention_head_dim=4,
            down_block_types=("CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"),
            up_block_types=("UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D"),
            time_cond_proj_dim=64,
        )  # fmt: skip
        make_tiny: Any = diffusers.AutoencoderTiny
        tiny = make_tiny(encoder_block_out_channels=(32,) * 4, decoder_block_out_channels=(32,) * 4)
        self.decoder = tiny.decoder

    def forward(self, z: Tensor, t: Tensor, h: Tensor, c: Tensor) -> Tensor:
        told = h[:, None].expand(-1, 64)
        u = self.unet(z, 1000 * t, c, timestep_cond=told, return_dict=False)[0]
        pixels = self.decoder(z - h[:, None, None, None] * u).permute(0, 2, 3, 1)
        return (pixels * 127.5 + 127.5).clamp(0, 255).to(torch.uint8)


def export_reference(file: Path) -> float:
    """Write the random graph; return its parameters in millions."""
    torch.manual_seed(0)
    module = _Reference().eval().requires_grad_(False)
    example = (torch.randn(1, *(4, 32, 32)), torch.ones(1), torch.ones(1), torch.randn(1, 4, 256))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            module, example, str(file), input_names=["z", "t", "h", "c"],
            output_names=["picture"], opset_version=20, dynamo=True, verbose=False,
            external_data=False,
        )  # fmt: skip
    return sum(p.numel() for p in module.parameters()) / 1e6


if __name__ == "__main__":
    print(export_reference(Path(sys.argv[1])))
