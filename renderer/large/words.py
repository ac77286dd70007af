"""Prompts to what cross-attention reads, by a pipeline's own text encoders, once at the start."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from phosphene.errors import InputError, problem
from renderer.large.files import variant_of

__all__ = ["Prompts", "encode_prompts", "has_words", "phrase"]

ENCODERS = ("text_encoder", "text_encoder_2")
TOKENIZERS = ("tokenizer", "tokenizer_2")
_PHRASES = {
    "rest": "a plain grey background",
    "scrambled": "an abstract texture of random scrambled patches",
    "scrambledpix": "an abstract texture of random scrambled patches",
}


@dataclass(frozen=True)
class Prompts:
    """Embedded prompts: `tokens` (n, tokens, width); `pooled` (n, P) for SDXL, else None."""

    tokens: Tensor
    pooled: Tensor | None = None

    def mixed(self, weights: Tensor) -> Prompts:
        """Blend prompts by weights (n,), sum 1, into one."""
        pooled = None if self.pooled is None else torch.einsum("n,np->p", weights, self.pooled)
        tokens = torch.einsum("n,ntw->tw", weights, self.tokens)  # (tokens, width)
        return Prompts(tokens[None], None if pooled is None else pooled[None])


def phrase(category: str) -> str:
    """Word a category as a prompt."""
    return _PHRASES.get(category, f"a photo of a {category.replace('_', ' ')}")


def has_words(folder: Path) -> bool:
    """Whether a pipeline's folder has what it takes to read words."""
    return (
        all(
            (folder / part / "config.json").is_file() or part == "tokenizer"
            for part in ("text_encoder", "tokenizer")
        )
        and (folder / "tokenizer").is_dir()
    )


@torch.no_grad()
def encode_prompts(
    folder: Path, texts: Sequence[str], sdxl: bool, device: torch.device, dtype: torch.dtype
) -> Prompts:
    """Embed prompts as diffusers' own pipelines do; the encoders are let go of at the end.

    Raises
    ------
    InputError
        If tokenizer or text encoder are missing or damaged.
    """
    if not sdxl:
        encoder, ids = _open(folder, 0, "CLIPTextModel", texts, device, dtype)
        return Prompts(encoder(ids)[0].float())
    halves, pooled = [], torch.empty(0)
    for k, kind in enumerate(("CLIPTextModel", "CLIPTextModelWithProjection")):
        encoder, ids = _open(folder, k, kind, texts, device, dtype)
        made = encoder(ids, output_hidden_states=True)
        halves.append(made.hidden_states[-2].float())  # (n, tokens, width of this encoder)
        if k == 1:
            pooled = made.text_embeds.float()  # (n, P)
    return Prompts(torch.cat(halves, 2), pooled)


def _open(
    folder: Path,
    k: int,
    kind: str,
    texts: Sequence[str],
    device: torch.device,
    dtype: torch.dtype,
) -> tuple[Any, Tensor]:
    """Load an encoder and what it reads: token numbers (n, tokens)."""
    import transformers

    transformers.logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    words, reader = folder / TOKENIZERS[k], folder / ENCODERS[k]
    try:
        tokenizer = transformers.CLIPTokenizer.from_pretrained(words, local_files_only=True)
        encoder = getattr(transformers, kind).from_pretrained(
            reader,
            local_files_only=True,
            use_safetensors=True,
            trust_remote_code=False,
            variant=variant_of(reader, ENCODERS[k]),
            dtype=dtype,
        )
    except InputError:
        raise
    except Exception as error:  # of a damaged file; the libraries' errors share no base
        cure = "Download the whole pipeline: words need its tokenizer and text encoder."
        got = f"{words.name}, {reader.name}: {str(error)[:200]}"
        raise InputError(problem("renderer.model", got, "both, loadable", cure)) from error
    longest = min(tokenizer.model_max_length, encoder.config.max_position_embeddings)
    read = tokenizer(
        list(texts), padding="max_length", max_length=longest, truncation=True, return_tensors="pt"
    )
    ids: Tensor = read.input_ids.to(device)
    return encoder.to(device).eval(), ids
