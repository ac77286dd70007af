"""Pipelines of diffusers with small random weights, saved as the published ones are."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import diffusers
import numpy as np
import numpy.typing as npt
import torch
import transformers

from phosphene.session import RendererSettings
from phosphene.session_renderer import LargeSettings
from phosphene.stimuli import CATEGORIES, category_of
from renderer.large import open_large
from renderer.large.painter import LargePainter
from renderer.large.words import encode_prompts, phrase

Array = npt.NDArray[np.float32]

SIDE = 32
"""Side of the pictures in pixels: latents of 16 x 16."""
WORDS = ["<|startoftext|>", "<|endoftext|>", *"abcdefghijklmnopqrstuvwxyz"]
TOKENS, WIDTH = 24, 16
SD = {
    "beta_schedule": "scaled_linear",
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "steps_offset": 1,
}
TURBO = {**SD, "timestep_spacing": "trailing"}


def unet(**other: Any) -> Any:
    config = {
        "sample_size": SIDE // 2,
        "block_out_channels": (8, 16),
        "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D"),
        "up_block_types": ("CrossAttnUpBlock2D", "UpBlock2D"),
        "layers_per_block": 1,
        "attention_head_dim": 2,
        "norm_num_groups": 4,
        "cross_attention_dim": WIDTH,
    }
    return diffusers.UNet2DConditionModel(**{**config, **other})


def sdxl_unet() -> Any:
    return unet(
        addition_embed_type="text_time",
        addition_time_embed_dim=4,
        projection_class_embeddings_input_dim=6 * 4 + WIDTH,
        cross_attention_dim=2 * WIDTH,
    )


def tiny(**other: Any) -> Any:
    config = {
        "encoder_block_out_channels": (8, 8),
        "decoder_block_out_channels": (8, 8),
        "num_encoder_blocks": (1, 1),
        "num_decoder_blocks": (1, 1),
    }
    return diffusers.AutoencoderTiny(**{**config, **other})


def kl() -> Any:
    return diffusers.AutoencoderKL(
        block_out_channels=(8, 8),
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        norm_num_groups=4,
        scaling_factor=0.18215,
    )


def save_words(folder: Path, second: bool = False) -> None:
    """Save a tokenizer that knows letters, and a text encoder."""
    mark = "_2" if second else ""
    config = transformers.CLIPTextConfig(
        vocab_size=2 * len(WORDS),
        hidden_size=WIDTH,
        intermediate_size=16,
        num_attention_heads=2,
        num_hidden_layers=2,
        projection_dim=WIDTH,
        max_position_embeddings=TOKENS,
        bos_token_id=0,
        eos_token_id=1,
    )
    kind = "CLIPTextModelWithProjection" if second else "CLIPTextModel"
    getattr(transformers, kind)(config).save_pretrained(folder / f"text_encoder{mark}")
    words = folder / f"tokenizer{mark}"
    words.mkdir()
    every = [*WORDS, *(f"{letter}</w>" for letter in WORDS[2:])]
    (words / "vocab.json").write_text(json.dumps({word: k for k, word in enumerate(every)}))
    (words / "merges.txt").write_text("#version: 0.2\n")
    (words / "tokenizer_config.json").write_text(
        json.dumps(
            {
                "tokenizer_class": "CLIPTokenizer",
                "model_max_length": TOKENS,
                "bos_token": WORDS[0],
                "eos_token": WORDS[1],
                "pad_token": WORDS[1],
                "unk_token": WORDS[1],
            }
        )
    )


def save_pipeline(
    folder: Path, network: Any, scheduler: Any, coder: Any = None, words: int = 1
) -> Path:
    """Save a whole pipeline; `words` is the number of text encoders."""
    network.save_pretrained(folder / "unet")
    (kl() if coder is None else coder).save_pretrained(folder / "vae")
    scheduler.save_pretrained(folder / "scheduler")
    for k in range(words):
        save_words(folder, second=k == 1)
    name = "StableDiffusionXLPipeline" if words == 2 else "StableDiffusionPipeline"
    (folder / "model_index.json").write_text(json.dumps({"_class_name": name}))
    return folder


def opened(folder: Path, bundle: Any = None, **large: Any) -> LargePainter:
    settings = RendererSettings(
        model=f"diffusers:{folder}", engine="cpu", large=LargeSettings.model_validate(large)
    )
    return open_large(settings, bundle)


def again(painter: LargePainter, **large: Any) -> LargePainter:
    """Return another painter of the same open pipeline."""
    settings = painter._settings.model_copy(update={"large": LargeSettings.model_validate(large)})
    parts = painter._pipeline, painter._starts, painter._told
    return LargePainter(*parts, settings, painter._space)


class Fitted:
    """What `open_large` asks of a bundle."""

    def __init__(
        self,
        space: str,
        c_dim: int = 1,
        z: tuple[tuple[int, int, int], bytes] | None = None,
        heads: tuple[str, ...] = ("c",),
    ) -> None:
        target = {"id": space, "sha256": "0" * 64, "c_dim": c_dim, "z_shape": z and z[0]}
        self.manifest = type("M", (), {"target": type("T", (), target)(), "heads": heads})()
        self.payload = {} if z is None else {"space.onnx": z[1]}


def embedded(folder: Path, c: Array) -> tuple[Any, Any]:
    """What the painter should tell the network of a world's c: prompts blended by probability."""
    sdxl = folder.name == "sdxl"
    texts = [phrase(name) for name in CATEGORIES]
    prompts = encode_prompts(folder, texts, sdxl, torch.device("cpu"), torch.float32)
    mixed = prompts.mixed(torch.from_numpy(category_of(c)[1]))
    return mixed.tokens, mixed.pooled
