"""Networks of the large generator as safetensors files: half precision, with their own settings.

A file says in its metadata how its network is built, so that it can be loaded without this
version's defaults. `flow.safetensors` holds the UNet under ``unet.``, ready for diffusers'
``UNet2DConditionModel.from_config``, and the few layers around it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, TypeVar

import diffusers
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import nn

from renderer.training.autoencoder256 import Autoencoder256
from renderer.training.network256 import FlowMapNet256

Net = TypeVar("Net", bound=nn.Module)


def round_to_half(network: nn.Module) -> None:
    """Round weights to what half precision holds, in place: files then say what was measured."""
    with torch.no_grad():
        for tensor in (*network.parameters(), *network.buffers()):
            if tensor.is_floating_point():
                tensor.copy_(tensor.half().to(tensor.dtype))


def unet_config(net: FlowMapNet256) -> dict[str, Any]:
    """Return the settings of the UNet inside, as diffusers takes them."""
    config: Any = net.unet.config
    own = {k: v for k, v in dict(config).items() if not k.startswith("_")}
    plain: dict[str, Any] = json.loads(json.dumps(own))
    return plain


def save_flow(net: FlowMapNet256, file: Path) -> None:
    """Write `flow.safetensors`."""
    _save(net, file, {"unet": unet_config(net)})


def load_flow(file: Path) -> FlowMapNet256:
    """Read `flow.safetensors`; computing is float32."""
    settings = _settings(file)
    net = FlowMapNet256(channels=tuple(settings["unet"]["block_out_channels"]))
    make_unet: Any = diffusers.UNet2DConditionModel
    net.unet = make_unet.from_config(settings["unet"])
    return _load(net, file)


def save_autoencoder(model: Autoencoder256, file: Path) -> None:
    """Write `autoencoder.safetensors`."""
    first: Any = model.decoder.body[0]
    _save(model, file, {"width": first.out_channels})


def load_autoencoder(file: Path) -> Autoencoder256:
    """Read `autoencoder.safetensors`; computing is float32."""
    return _load(Autoencoder256(int(_settings(file)["width"])), file)


def _save(network: nn.Module, file: Path, settings: dict[str, Any]) -> None:
    tensors = {
        key: (value.half() if value.is_floating_point() else value).contiguous().clone()
        for key, value in network.state_dict().items()
    }
    file.parent.mkdir(parents=True, exist_ok=True)
    save_file(tensors, file, metadata={"settings": json.dumps(settings, sort_keys=True)})


def _settings(file: Path) -> dict[str, Any]:
    with safe_open(file, framework="pt") as opened:
        found: dict[str, Any] = json.loads((opened.metadata() or {}).get("settings", "{}"))
    return found


def _load(network: Net, file: Path) -> Net:
    network.load_state_dict(load_file(file))
    network.eval().requires_grad_(False)
    return network
