"""A pipeline's parts, read one by one: UNet, autoencoder and configurations.

Reading parts and not the whole leaves out what is not needed (safety checker, feature extractor,
the large autoencoder where there is a tiny one), and whatever code a pipeline may name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from phosphene.errors import ConfigError, InputError, check_all, problem
from phosphene.session import RendererSettings
from renderer.large.adapter import load_adapter
from renderer.large.coder import LatentCoder
from renderer.large.device import Place, check_memory, choose_place
from renderer.large.files import (
    INDEX,
    Folder,
    find_file,
    find_folder,
    hash_files,
    parameters,
    read_json,
    variant_of,
)
from renderer.large.kinds import Kind, choose_kind, is_sdxl
from renderer.large.lora import fuse_lora, read_lora
from renderer.large.noise_levels import NoiseLevels, read_noise_levels

__all__ = ["Pipeline", "open_pipeline"]

PREFIX = "diffusers:"
CODERS = ("AutoencoderTiny", "AutoencoderKL")


@dataclass(frozen=True)
class Pipeline:
    """An open pipeline.

    Attributes
    ----------
    folder : Folder
        Where its files are.
    index : Mapping
        `model_index.json`.
    unet : torch.nn.Module
        In place, LoRA and adapter in it.
    coder : LatentCoder
        Latents to pictures and back.
    levels : NoiseLevels
        Of its training.
    kind : Kind
        What it was trained for.
    place : Place
        Device and number format.
    size_px : int
        Side of its pictures.
    sha256 : str
        Over all weights that take part.
    adapter_width : int or None
        Length of the image embeddings that its adapter reads.
    """

    folder: Folder
    index: Mapping[str, Any]
    unet: nn.Module
    coder: LatentCoder
    levels: NoiseLevels
    kind: Kind
    place: Place
    size_px: int
    sha256: str
    adapter_width: int | None

    @property
    def config(self) -> Any:
        """Configuration of the UNet."""
        return self.unet.config

    @property
    def sdxl(self) -> bool:
        """Whether it wants the pooled prompt and the sizes of SDXL."""
        return is_sdxl(self.config)

    @property
    def latent_shape(self) -> tuple[int, int, int]:
        """Channels, rows, columns."""
        cells = self.size_px // self.coder.cell_px
        return int(self.config.in_channels), cells, cells


def open_pipeline(settings: RendererSettings) -> Pipeline:
    """Open the pipeline that the settings name.

    Raises
    ------
    InputError
        If files are missing, damaged or of another kind.
    ConfigError
        If the settings do not fit the pipeline, or it does not fit into memory.
    """
    large = settings.large
    folder = find_folder(settings.model.removeprefix(PREFIX), "renderer.model", INDEX)
    index = read_json(folder.path / INDEX, "renderer.model")
    unet_config = _part_config(folder, "unet", "config.json")
    scheduler = _part_config(folder, "scheduler", "scheduler_config.json")
    if unet_config.get("_class_name") != "UNet2DConditionModel":
        got = f"{unet_config.get('_class_name')} in {folder.name}"
        cure = "Take a pipeline of the Stable Diffusion family (1.5, 2.1, SDXL)."
        raise InputError(problem("renderer.model", got, "a UNet2DConditionModel", cure))
    kind = choose_kind(large, unet_config, scheduler)
    extra = [
        None if place is None else find_file(place, f"renderer.large.{name}")
        for name, place in (("lora", large.lora), ("adapter", large.adapter))
    ]
    coder_folder = folder.path / "vae"
    if large.tiny is not None:
        coder_folder = find_folder(large.tiny, "renderer.large.tiny", "config.json").path
    variants = {p: variant_of(p, p.name) for p in (folder.path / "unet", coder_folder)}
    weights = [file for p, variant in variants.items() for file in _files(p, variant)]
    weights += [file for file in extra if file is not None]
    place = choose_place(settings)
    check_memory(parameters(weights), place)
    sha256 = hash_files(weights, str(scheduler), kind.name)
    unet = _load("UNet2DConditionModel", folder.path / "unet", variants, place.dtype)
    if extra[0] is not None:
        fuse_lora(unet, read_lora(extra[0]), int(unet_config.get("layers_per_block", 2)) + 1)
    width = None if extra[1] is None else load_adapter(unet, extra[1])
    coder = LatentCoder(_coder(coder_folder, variants, place))
    cells = int(unet_config.get("sample_size") or 64)
    size_px = settings.size_px or cells * coder.cell_px
    _check(size_px, coder, unet_config)
    return Pipeline(
        folder, index, _placed(unet, place), coder, read_noise_levels(scheduler), kind, place,
        size_px, sha256, width,
    )  # fmt: skip


def _part_config(folder: Folder, part: str, name: str) -> dict[str, Any]:
    return read_json(folder.path / part / name, f"renderer.model, {part} of {folder.name}")


def _files(folder: Path, variant: str | None) -> list[Path]:
    """Files of weights that are read: the plain ones, or those of a variant."""
    marked = f".{variant}." if variant else ""
    found = sorted(folder.glob("*.safetensors"))
    return [f for f in found if (marked in f.name if variant else ".fp16." not in f.name)]


def _coder(folder: Path, variants: Mapping[Path, str | None], place: Place) -> nn.Module:
    config = read_json(folder / "config.json", "autoencoder")
    kind = config.get("_class_name")
    if kind not in CODERS:
        cure = "Set renderer.large.tiny to one, madebyollin/taesd say."
        raise InputError(problem("autoencoder", kind, " or ".join(CODERS), cure))
    # SDXL's own autoencoder overflows in fp16 and says so.
    half = place.dtype == torch.float16 and config.get("force_upcast", kind == "AutoencoderKL")
    dtype = torch.float32 if half else place.dtype
    return _placed(_load(kind, folder, variants, dtype), place)


def _load(
    kind: str, folder: Path, variants: Mapping[Path, str | None], dtype: torch.dtype
) -> nn.Module:
    import diffusers

    try:
        model: nn.Module = getattr(diffusers, kind).from_pretrained(
            folder,
            local_files_only=True,
            use_safetensors=True,
            low_cpu_mem_usage=False,
            variant=variants[folder],
            torch_dtype=dtype,
        )
    except Exception as error:  # of a damaged file; the libraries' errors share no base
        got = f"{folder.name}: {str(error)[:300]}"
        cure = "Download or save the pipeline anew."
        raise InputError(problem("renderer.model", got, f"weights of {kind}", cure)) from error
    return model


def _placed(model: nn.Module, place: Place) -> nn.Module:
    try:
        moved = model.eval().requires_grad_(False).to(place.device)
    except torch.OutOfMemoryError as error:
        cure = "Take a smaller model, or end what else uses the GPU."
        got = f"{type(model).__name__} does not fit"
        raise ConfigError(
            problem("memory for renderer.model", got, "one that does", cure)
        ) from error
    return moved.to(memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]


def _check(size_px: int, coder: LatentCoder, unet: Mapping[str, Any]) -> None:
    found = []
    deepest = coder.cell_px * 2 ** (len(unet.get("block_out_channels", (0,) * 4)) - 1)
    if size_px % deepest:
        allowed = f"a multiple of {deepest} for this pipeline"
        found.append(problem("renderer.size_px", size_px, allowed, "Leave it out for its own."))
    if coder.channels != unet.get("in_channels"):
        got = f"{coder.channels} channels, the UNet has {unet.get('in_channels')}"
        cure = "Take the tiny autoencoder of this family: taesd for SD, taesdxl for SDXL."
        found.append(problem("renderer.large.tiny", got, "equally many", cure))
    check_all(found, ConfigError, "renderer.model")
