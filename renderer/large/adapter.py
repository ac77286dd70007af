"""IP-Adapter: an image embedding as a prompt of its own (Ye et al. 2023).

The plain adapter reads the projected embedding of a CLIP vision model, which is what a bundle of
target space ``clip:`` decodes. Its first layer is linear and followed by a normalisation, so the
length of c, which bundles bring to sqrt(c_dim), hardly matters. The adapters that read CLIP's 257
hidden states ("plus", "full face") cannot be fed by one embedding and are refused.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import nn

from phosphene.errors import InputError, problem

__all__ = ["load_adapter"]


def load_adapter(unet: nn.Module, file: Path) -> int:
    """Put an adapter into a UNet.

    Returns
    -------
    int
        Length of the image embeddings that it reads.

    Raises
    ------
    InputError
        If it is another kind of adapter, or for another UNet.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        flat = load_file(file)
    except (SafetensorError, OSError) as error:
        cure = f"{error}. Get it anew."
        raise InputError(problem(_NAME, file.name, "safetensors", cure)) from error
    parts: dict[str, dict[str, Any]] = {"image_proj": {}, "ip_adapter": {}}
    for key, value in flat.items():
        part, _, name = key.partition(".")
        parts.setdefault(part, {})[name] = value
    weight = parts["image_proj"].get("proj.weight")
    if weight is None or not parts["ip_adapter"] or len(parts) != 2:
        cure = "Take ip-adapter_sd15 or ip-adapter_sdxl_vit-h, say; plus and face read other input."
        raise InputError(problem(_NAME, file.name, "a plain IP-Adapter", cure))
    try:
        # diffusers has no public way to do this for a UNet without a whole pipeline around it.
        getattr(unet, "_load_ip_adapter_weights")([parts], low_cpu_mem_usage=False)  # noqa: B009
    except (RuntimeError, KeyError) as error:
        cure = "Take the adapter that was made for this model (SD 1.5 or SDXL)."
        got = f"{file.name}: {str(error)[:200]}"
        raise InputError(problem(_NAME, got, "an adapter for this UNet", cure)) from error
    return int(weight.shape[1])


_NAME = "renderer.large.adapter"
