"""A LoRA is added into the weights once, so that a frame costs nothing more.

W <- W + (alpha / rank) up down (Hu et al. 2021). Three ways of naming are read: that of kohya's
scripts (LCM-LoRA and Hyper-SD are published in it; blocks may be counted as in SDXL's original
code), that of peft, and the older one of diffusers.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor, nn

from phosphene.errors import InputError, problem

__all__ = ["fuse_lora", "read_lora"]

KOHYA = "lora_unet_"
_DOWN = re.compile(r"\.lora(?:\.down|_down|_A(?:\.\w+)?)\.weight$")
_UP = re.compile(r"\.lora(?:\.up|_up|_B(?:\.\w+)?)\.weight$")
_OLD = re.compile(r"\.processor\.to_(q|k|v|out)_lora\.(down|up)\.weight$")
_COUNTED = re.compile(r"^(input_blocks|middle_block|output_blocks)_(\d+)_(?:(\d+)_)?(.+)$")
_RESNET = {
    "in_layers_0": "norm1",
    "in_layers_2": "conv1",
    "emb_layers_1": "time_emb_proj",
    "out_layers_0": "norm2",
    "out_layers_3": "conv2",
    "skip_connection": "conv_shortcut",
}


@dataclass
class _Pair:
    """Parts of one layer's change as they are found."""

    down: Tensor | None = None
    up: Tensor | None = None
    alpha: float | None = None


@dataclass(frozen=True)
class Lora:
    """Low-rank changes by layer name, as the file names it; alpha where it is told for all."""

    pairs: Mapping[str, _Pair] = field(repr=False)
    alpha: float | None = None


def read_lora(file: Path) -> Lora:
    """Read a LoRA.

    Raises
    ------
    InputError
        If the file is not a LoRA of a UNet.
    """
    from safetensors import SafetensorError, safe_open

    pairs: dict[str, _Pair] = {}
    strange = []
    try:
        with safe_open(file, "pt") as stored:
            alpha = _told_alpha(stored.metadata() or {})
            for key in stored.keys():  # noqa: SIM118  (it is no mapping)
                layer, part = _parse(key)
                if part is None:
                    strange.append(key)
                    continue
                value = stored.get_tensor(key)
                pair = pairs.setdefault(layer, _Pair())
                setattr(pair, part, float(value) if part == "alpha" else value.float())
    except (SafetensorError, OSError) as error:
        cure = f"{error}. Get it anew."
        raise InputError(problem("renderer.large.lora", file.name, "safetensors", cure)) from error
    if strange or not pairs:
        got = f"{file.name}: {', '.join(strange[:3]) or 'empty'}"
        cure = "Take a LoRA of the UNet, such as LCM-LoRA or Hyper-SD."
        raise InputError(problem("renderer.large.lora", got, "low-rank changes", cure))
    return Lora(pairs, alpha)


@torch.no_grad()
def fuse_lora(unet: nn.Module, lora: Lora, blocks: int = 3) -> int:
    """Add a LoRA to the weights of a UNet.

    Parameters
    ----------
    unet : torch.nn.Module
        Changed in place.
    lora : Lora
        As read.
    blocks : int
        Layers that a resolution counts in SDXL's original code: layers per block + 1.

    Returns
    -------
    int
        Layers changed.

    Raises
    ------
    InputError
        If a layer is not in this UNet, or not of that shape: the LoRA is for another model.
    """
    modules = dict(unet.named_modules())
    flat = {name.replace(".", "_"): name for name in modules}
    for layer, pair in lora.pairs.items():
        name = layer if layer in modules else flat.get(_diffusers_name(layer, blocks), "")
        weight = getattr(modules.get(name), "weight", None)
        change = _change(pair, lora.alpha)
        if weight is None or change is None or change.numel() != weight.numel():
            got = f"{layer}{'' if weight is None else f' for {tuple(weight.shape)}'}"
            cure = "Take the LoRA that was made for this model (SD 1.5, 2.1 or SDXL)."
            raise InputError(problem("renderer.large.lora", got, "layers of this UNet", cure))
        weight += change.reshape(weight.shape).to(weight.device, weight.dtype)
    return len(lora.pairs)


def _change(pair: _Pair, told: float | None) -> Tensor | None:
    """Multiply up and down; (out, in) or (out, in * height * width)."""
    if pair.down is None or pair.up is None:
        return None
    rank = pair.down.shape[0]
    alpha = pair.alpha if pair.alpha is not None else told
    scale = 1.0 if alpha is None else alpha / rank
    if pair.up.shape[1] != rank:
        return None
    return scale * pair.up.flatten(1) @ pair.down.flatten(1)


def _parse(key: str) -> tuple[str, str | None]:
    """Split a key into layer and part: down, up, alpha, or None for what is not known."""
    layer = key.removeprefix("unet.")
    if found := _OLD.search(layer):
        end = "to_out.0" if found[1] == "out" else f"to_{found[1]}"
        return f"{layer[: found.start()]}.{end}", found[2]
    for pattern, part in ((_DOWN, "down"), (_UP, "up")):
        if found := pattern.search(layer):
            return layer[: found.start()].removeprefix(KOHYA), part
    if layer.endswith(".alpha"):
        return layer.removesuffix(".alpha").removeprefix(KOHYA), "alpha"
    return layer, None


def _told_alpha(metadata: Mapping[str, str]) -> float | None:
    """Alpha that diffusers writes beside peft's names, where it is one for all layers."""
    text = metadata.get("lora_adapter_metadata")
    if text is None:
        return None
    told = json.loads(text)
    alphas = {float(value) for key, value in told.items() if key.endswith("lora_alpha")}
    patterns = [key for key, value in told.items() if key.endswith("_pattern") and value]
    if len(alphas) != 1 or patterns:
        cure = "Fuse it with peft and save the pipeline, then name that."
        got = f"alpha {sorted(alphas)}, {', '.join(patterns)}"
        raise InputError(problem("renderer.large.lora", got, "one alpha for all layers", cure))
    return alphas.pop()


def _diffusers_name(layer: str, blocks: int) -> str:
    """Translate block numbers of SDXL's original code; other names stay as they are."""
    found = _COUNTED.match(layer)
    if found is None:
        return layer
    side, number, within, rest = found[1], int(found[2]), found[3], found[4]
    part = "attentions" if rest not in _RESNET else "resnets"
    rest = _RESNET.get(rest, rest)
    if side == "middle_block":
        return f"mid_block_{part}_{number // 2}_{rest}"
    where = "down" if side == "input_blocks" else "up"
    block, k = divmod(number - (where == "down"), blocks)
    if where == "down" and rest == "op":
        return f"down_blocks_{block}_downsamplers_0_conv"
    if where == "up" and rest == "conv" and within in ("1", "2"):
        return f"up_blocks_{block}_upsamplers_0_conv"
    return f"{where}_blocks_{block}_{part}_{k}_{rest}"
