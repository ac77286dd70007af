"""TAEF2, a tiny autoencoder of the FLUX.2 latent space; needs the extra `train`.

Weights: madebyollin/taesd, MIT licence, `taef2_encoder` and `taef2_decoder` as `.safetensors` or
`.pth`. It is diffusers' `AutoencoderTiny` with 32 latent channels, whose three innermost blocks
first add a normalised 1 x 1 branch to what they are given.
"""

from __future__ import annotations

import pickle
from pathlib import Path

import torch
from torch import Tensor, nn

from decoder.spaces.autoencoder import AutoencoderLatents
from decoder.spaces.weights import hash_files, need
from phosphene.errors import InputError, problem

__all__ = ["NAMES", "open_taef2", "taef2_network"]

NAMES = ("taef2_encoder", "taef2_decoder")
ENDINGS = (".safetensors", ".pth")
CHANNELS = 32
WIDTH = 64
WIDEN, GROUPS = 4, 4
INNER = {"encoder": (11, 12, 13), "decoder": (2, 3, 4)}
"""Places of the innermost blocks in diffusers' lists of layers."""
# The weights count a clamp as the decoder's first layer, which diffusers does elsewhere.
SKIPPED = {"encoder": 0, "decoder": 1}


class Pooled(nn.Module):
    """A block of `AutoencoderTiny` behind a normalised branch."""

    def __init__(self, block: nn.Module, width: int) -> None:
        super().__init__()
        self.block = block
        self.pool = nn.Sequential(
            nn.Conv2d(width, WIDEN * width, 1, bias=False),
            nn.GroupNorm(GROUPS, WIDEN * width),
            nn.ReLU(),
            nn.Conv2d(WIDEN * width, width, 1, bias=False),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return the block of x and its branch."""
        made: Tensor = self.block(x + self.pool(x))
        return made


def taef2_network(width: int = WIDTH) -> nn.Module:
    """Build the network without weights; `width` is smaller in tests only."""
    model: nn.Module = need("diffusers").AutoencoderTiny(
        latent_channels=CHANNELS,
        encoder_block_out_channels=(width,) * 4,
        decoder_block_out_channels=(width,) * 4,
    )
    for half, places in INNER.items():
        layers = model.get_submodule(f"{half}.layers")
        for k in places:
            layers[k] = Pooled(layers[k], width)  # type: ignore[operator, index]
    return model


def open_taef2(place: str, size_px: int, width: int = WIDTH) -> AutoencoderLatents:
    """Open TAEF2.

    Parameters
    ----------
    place : str
        Folder with the two files.
    size_px : int
        Side of the pictures, a multiple of 8; z is (32, size / 8, size / 8).
    width : int
        Channels of the hidden layers.

    Raises
    ------
    InputError
        If they are missing or of another network.
    ConfigError
        If the extra `train` is missing.
    """
    files = [_find(Path(place), name) for name in NAMES]
    model = taef2_network(width)
    for file, half in zip(files, INNER, strict=True):
        wanted = model.get_submodule(f"{half}.layers")
        try:
            wanted.load_state_dict(_renamed(_read(file), half))
        except (RuntimeError, ValueError, KeyError) as error:
            cure = "Take taef2_encoder and taef2_decoder of madebyollin/taesd."
            raise InputError(problem(file.name, str(error)[:200], "TAEF2", cure)) from error
    return AutoencoderLatents(model, "taef2", hash_files(files), size_px)


def _find(folder: Path, name: str) -> Path:
    for ending in ENDINGS:
        if (folder / (name + ending)).is_file():
            return folder / (name + ending)
    allowed = f"a folder with {' and '.join(NAMES)} ({' or '.join(ENDINGS)})"
    cure = "Download them from github.com/madebyollin/taesd (MIT licence)."
    raise InputError(problem("space taef2", str(folder), allowed, cure))


def _read(file: Path) -> dict[str, Tensor]:
    if file.suffix == ".safetensors":
        loaded: dict[str, Tensor] = need("safetensors.torch").load_file(file)
        return loaded
    try:
        # weights_only: tensors in plain containers, no code is ever run.
        return dict(torch.load(file, map_location="cpu", weights_only=True))
    except (pickle.UnpicklingError, EOFError, OSError) as error:
        raise InputError(
            problem(file.name, "not plain weights", "tensors", "Get it anew.")
        ) from error


def _renamed(state: dict[str, Tensor], half: str) -> dict[str, Tensor]:
    """Translate names: layers are counted as diffusers does, blocks lie within `Pooled`."""
    found = {}
    for key, value in state.items():
        number, _, rest = key.partition(".")
        place = int(number) - SKIPPED[half]
        inner = place in INNER[half] and not rest.startswith("pool")
        found[f"{place}.block.{rest}" if inner else f"{place}.{rest}"] = value.float()
    return found
