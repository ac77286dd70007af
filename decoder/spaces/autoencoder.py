"""z of any picture autoencoder that diffusers can load; needs the extra `train`.

Pictures go in as -1 to 1 and come out so. The latent is the mean of the encoder's distribution
where it has one, never a draw, and is brought to about unit variance by the model's own numbers:
z = (latent - shift_factor) * scaling_factor.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from decoder.spaces.base import Floats, Shape, name_of
from decoder.spaces.export_z import z_graph
from decoder.spaces.pictures import Pictures, resize
from decoder.spaces.weights import Weights, find_weights, need
from phosphene.errors import InputError, problem

__all__ = ["AutoencoderLatents", "open_autoencoder"]

BATCH = 16
KINDS = ("AutoencoderTiny", "AutoencoderKL")
PATTERNS = ("diffusion_pytorch_model.safetensors",)
RULE = "square bicubic; pixels / 127.5 - 1; mean of the distribution"


class AutoencoderLatents:
    """z of a diffusers autoencoder at one picture size.

    Parameters
    ----------
    model : torch.nn.Module
        With `encode` and `decode` as `AutoencoderTiny` and `AutoencoderKL` have them.
    name : str
        For `id`.
    weights_sha256 : str
        Of the weights; `sha256` covers the picture size and preprocessing too.
    size_px : int
        Side of the pictures, a multiple of what one latent cell spans.
    """

    def __init__(self, model: nn.Module, name: str, weights_sha256: str, size_px: int) -> None:
        self._model: Any = model.float().eval().requires_grad_(False)
        scale, shift = _number(model, "scaling_factor", 1.0), _number(model, "shift_factor", 0.0)
        self._scale, self._shift, self.size_px = scale, shift, size_px
        self.id = f"{name}@{size_px}"
        self.sha256 = name_of(weights_sha256, RULE, f"{size_px} px, {scale!r}, {shift!r}")
        self._graph: bytes | None = None
        self.z_shape: Shape = self._probe()

    def encode_z(self, pictures: Pictures) -> Floats:
        """Latents (n, *z_shape) of pictures (n, H, W, 3) of any size."""
        parts = [self._encode(part) for part in _batches(resize(pictures, self.size_px))]
        return np.concatenate(parts) if parts else np.empty((0, *self.z_shape), np.float32)

    def decode_z(self, z: Floats) -> Pictures:
        """Pictures (n, size_px, size_px, 3) of latents (n, *z_shape)."""
        unit = _Unit(self._model, self._scale, self._shift)
        parts = []
        with torch.no_grad():
            for part in _batches(z):
                values: Floats = unit(torch.from_numpy(np.ascontiguousarray(part))).numpy()
                parts.append(np.rint(values * np.float32(255)).astype(np.uint8))
        empty = np.empty((0, self.size_px, self.size_px, 3), np.uint8)
        return np.concatenate(parts) if parts else empty

    def graph(self) -> bytes:
        """Return the decoder as ONNX, compared with torch before it is handed out."""
        if self._graph is None:
            unit = _Unit(self._model, self._scale, self._shift)
            self._graph = z_graph(unit, self.z_shape, self.size_px)
        return self._graph

    def _encode(self, square: Pictures) -> Floats:
        values = torch.from_numpy(square.astype(np.float32)).permute(0, 3, 1, 2) / 127.5 - 1
        with torch.no_grad():
            made = self._model.encode(values.contiguous())
        raw = made.latents if hasattr(made, "latents") else made.latent_dist.mode()
        z: Floats = ((raw - self._shift) * self._scale).numpy()
        return z

    def _probe(self) -> Shape:
        """Find the shape of z, and whether pictures come back as large as they went in."""
        square = np.zeros((1, self.size_px, self.size_px, 3), np.uint8)
        z = self._encode(square)
        back = self.decode_z(z).shape
        if back != square.shape:
            raise InputError(
                problem(
                    "size of pictures",
                    self.size_px,
                    f"a size that comes back; this one comes back as {back[1]} x {back[2]}",
                    "Take a multiple of what one latent cell spans, often 8.",
                )
            )
        return (z.shape[1], z.shape[2], z.shape[3])


class _Unit(nn.Module):
    """z to pictures (n, H, W, 3) with values of 0 to 1."""

    def __init__(self, model: nn.Module, scale: float, shift: float) -> None:
        super().__init__()
        self.model: Any = model
        self.scale, self.shift = scale, shift

    def forward(self, z: Tensor) -> Tensor:
        sample: Tensor = self.model.decode(z / self.scale + self.shift).sample
        return (sample * 0.5 + 0.5).clamp(0.0, 1.0).permute(0, 2, 3, 1)


def open_autoencoder(place: str, size_px: int, local_files_only: bool) -> AutoencoderLatents:
    """Open a diffusers `AutoencoderTiny` or `AutoencoderKL`.

    Parameters
    ----------
    place : str
        Folder (of the model, or of a pipeline with it in `vae`) or hub id.
    size_px : int
        Side of the pictures.
    local_files_only : bool
        See `find_weights`.

    Raises
    ------
    InputError
        If there is none.
    ConfigError
        If the extra `train` is missing.
    """
    weights = find_weights(place, PATTERNS, local_files_only, "vae")
    model = _load(weights)
    return AutoencoderLatents(model, f"diffusers:{weights.name}", weights.sha256, size_px)


def _load(weights: Weights) -> nn.Module:
    kind = weights.config.get("_class_name")
    if kind not in KINDS:
        cure = "Give the folder of such a model."
        raise InputError(problem("kind of autoencoder", kind, " or ".join(KINDS), cure))
    loader = getattr(need("diffusers"), kind)
    try:
        model: nn.Module = loader.from_pretrained(
            weights.folder, local_files_only=True, use_safetensors=True, low_cpu_mem_usage=False
        )
    except Exception as error:  # of a damaged file; the libraries' errors share no base
        cure = "Save it again from diffusers."
        raise InputError(
            problem("weights", f"{weights.name}: {error}", f"those of {kind}", cure)
        ) from error
    return model


def _number(model: nn.Module, name: str, default: float) -> float:
    value = getattr(model.config, name, None)
    return default if value is None else float(value)


def _batches(rows: npt.NDArray[Any]) -> Iterator[npt.NDArray[Any]]:
    for start in range(0, len(rows), BATCH):
        yield rows[start : start + BATCH]
