"""c as what a pipeline's cross-attention reads of a prompt; needs the extra `train`.

The last hidden states of the text encoder of Stable Diffusion 1.5 or 2.1, all tokens one after the
other (77 x 768 or 77 x 1024 numbers): the second target of Takagi & Nishimoto (CVPR 2023). They are
taken as they are, not brought to any length, because a pipeline is told them as they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from decoder.spaces.base import Floats, name_of
from decoder.spaces.pictures import Pictures
from decoder.spaces.weights import Weights, find_weights, hash_files, need
from phosphene.errors import ConfigError, InputError, problem

__all__ = ["PromptStates", "open_prompt"]

BATCH = 16
PATTERNS = ("model*.safetensors",)
KIND = "CLIPTextModel"
RULE = "last hidden states of all tokens, padded to the longest"


class PromptStates:
    """c of a pipeline's tokenizer and text encoder.

    Parameters
    ----------
    weights : Weights
        Of the text encoder; the tokenizer lies beside its folder.

    Raises
    ------
    InputError
        If they cannot be loaded.
    """

    def __init__(self, weights: Weights) -> None:
        words = weights.folder.parent / "tokenizer"
        files = sorted(f for f in words.glob("*") if f.is_file())
        self.id = f"prompt:{weights.name}"
        self.sha256 = name_of(weights.sha256, hash_files(files), RULE)
        self._tokenizer, self._encoder = _load(weights)
        config = self._encoder.config
        self._longest = min(self._tokenizer.model_max_length, config.max_position_embeddings)
        self.c_dim = int(self._longest * config.hidden_size)

    def encode_c(self, pictures: Pictures) -> Floats:
        """Refuse: a prompt is words."""
        raise ConfigError(
            problem(
                f"c of {self.id}",
                f"{len(pictures)} pictures",
                "texts or names of categories",
                "Give labels, or captions as texts.",
            )
        )

    def encode_text(self, texts: Sequence[str]) -> Floats:
        """Hidden states (n, tokens * width) of texts; what is longer than can be read is cut."""
        parts = []
        for start in range(0, len(texts), BATCH):
            ready = self._tokenizer(
                list(texts[start : start + BATCH]),
                padding="max_length",
                max_length=self._longest,
                truncation=True,
                return_tensors="pt",
            )
            with torch.no_grad():
                states = self._encoder(ready.input_ids)[0]  # (n, tokens, width)
            parts.append(states.flatten(1).numpy().astype(np.float32))
        return np.concatenate(parts) if parts else np.empty((0, self.c_dim), np.float32)


def open_prompt(place: str, local_files_only: bool) -> PromptStates:
    """Open the words of a pipeline.

    Parameters
    ----------
    place : str
        Folder or hub id of a pipeline with `tokenizer` and `text_encoder`.
    local_files_only : bool
        See `find_weights`.

    Raises
    ------
    InputError
        If there are none.
    ConfigError
        If the extra `train` is missing.
    """
    return PromptStates(find_weights(place, PATTERNS, local_files_only, "text_encoder"))


def _load(weights: Weights) -> tuple[Any, Any]:
    library = need("transformers")
    kinds = weights.config.get("architectures") or ["none"]
    if kinds[0] != KIND:
        cure = "Give a pipeline of Stable Diffusion 1.5 or 2.1."
        raise InputError(problem(f"text encoder of {weights.name}", kinds[0], KIND, cure))
    try:
        tokenizer = library.CLIPTokenizer.from_pretrained(
            weights.folder.parent / "tokenizer", local_files_only=True
        )
        encoder = library.CLIPTextModel.from_pretrained(
            weights.folder,
            local_files_only=True,
            use_safetensors=True,
            trust_remote_code=False,
            dtype=torch.float32,
        )
    except Exception as error:  # of a damaged file; the libraries' errors share no base
        cure = "Download the pipeline whole."
        raise InputError(
            problem("words", f"{weights.name}: {error}", "tokenizer and text encoder", cure)
        ) from error
    return tokenizer, encoder.eval().requires_grad_(False)
