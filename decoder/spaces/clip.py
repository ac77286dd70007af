"""c of an encoder like CLIP that transformers can load; needs the extra `train`.

c is the projected embedding of a picture or a text, brought to a length of sqrt(c_dim), so that
its entries are about 1 in size; the directions, and so all cosines, are the model's own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from decoder.spaces.base import Floats, name_of
from decoder.spaces.pictures import Pictures, as_pictures
from decoder.spaces.weights import Weights, find_weights, need
from phosphene.errors import ConfigError, InputError, problem

__all__ = ["ClipEmbedding", "open_clip"]

BATCH = 16
PATTERNS = (
    "model*.safetensors",
    "model.safetensors.index.json",
    "preprocessor_config.json",
    "tokenizer*",
    "vocab.json",
    "merges.txt",
    "spiece.model",
    "special_tokens_map.json",
)
READS_PICTURES = ("preprocessor_config.json",)
READS_TEXTS = ("tokenizer.json", "vocab.json", "spiece.model")
"""Without one of these files transformers makes up a tokenizer that knows no word."""
PICTURES_ONLY, TEXTS_ONLY = "CLIPVisionModelWithProjection", "CLIPTextModelWithProjection"
SINGLE = (PICTURES_ONLY, TEXTS_ONLY)
RULE = "projected embedding at a length of sqrt(c_dim)"


class ClipEmbedding:
    """c of one model.

    Parameters
    ----------
    weights : Weights
        Its files.

    Raises
    ------
    InputError
        If they cannot be loaded.
    """

    def __init__(self, weights: Weights) -> None:
        self.id = f"clip:{weights.name}"
        self.sha256 = name_of(weights.sha256, RULE)
        self._folder = weights.folder
        self._kind = next(iter(weights.config.get("architectures") or ()), "")
        self._model = _load(weights, self._kind if self._kind in SINGLE else "AutoModel")
        self._pictures = (
            None if self._kind == TEXTS_ONLY else self._part("AutoImageProcessor", READS_PICTURES)
        )
        self._texts = (
            None if self._kind == PICTURES_ONLY else self._part("AutoTokenizer", READS_TEXTS)
        )
        self.c_dim = self._width(weights.config)

    @property
    def network(self) -> Any:
        """The model, as transformers has it."""
        return self._model

    @property
    def processor(self) -> Any:
        """What brings pictures to its size; None where it reads none."""
        return self._pictures

    def encode_c(self, pictures: Pictures) -> Floats:
        """Embeddings (n, c_dim) of pictures (n, H, W, 3); the model's own processor resizes."""
        if self._pictures is None:
            raise ConfigError(self._cannot("pictures", "preprocessor_config.json"))
        full, parts = as_pictures(pictures), []
        for start in range(0, len(full), BATCH):
            batch = list(full[start : start + BATCH])
            ready = self._pictures(
                images=batch, return_tensors="pt", input_data_format="channels_last"
            )
            parts.append(self._embedded("image", dict(ready)))
        return self._joined(parts)

    def encode_text(self, texts: Sequence[str]) -> Floats:
        """Embeddings (n, c_dim) of texts; what is longer than the model can read is cut."""
        if self._texts is None:
            raise ConfigError(self._cannot("texts", "a tokenizer"))
        parts = []
        for start in range(0, len(texts), BATCH):
            ready = self._texts(
                list(texts[start : start + BATCH]),
                padding=True,
                truncation=True,
                max_length=self._longest(),
                return_tensors="pt",
            )
            parts.append(self._embedded("text", dict(ready)))
        return self._joined(parts)

    def _embedded(self, what: str, ready: dict[str, Tensor]) -> Floats:
        with torch.no_grad():
            if self._kind in SINGLE:
                found = getattr(self._model(**ready), f"{what}_embeds")
            else:
                found = getattr(self._model, f"get_{what}_features")(**ready)
                found = getattr(found, "pooler_output", found)
        unit = torch.nn.functional.normalize(found.float(), dim=-1)
        c: Floats = (unit * unit.shape[-1] ** 0.5).numpy()
        return c

    def _joined(self, parts: list[Floats]) -> Floats:
        return np.concatenate(parts) if parts else np.empty((0, self.c_dim), np.float32)

    def _part(self, loader: str, files: Sequence[str]) -> Any:
        """Load processor or tokenizer; None if the folder has none."""
        if not any((self._folder / name).is_file() for name in files):
            return None
        try:
            return getattr(need("transformers"), loader).from_pretrained(
                self._folder, local_files_only=True, trust_remote_code=False
            )
        except Exception as error:  # of a damaged file; the libraries' errors share no base
            got = f"{loader} of {self.id}: {error}"
            raise InputError(problem("space", got, "one that loads", "Save it again.")) from error

    def _longest(self) -> int | None:
        config = self._model.config
        text = getattr(config, "text_config", config)
        longest = getattr(text, "max_position_embeddings", None)
        return None if longest is None else int(longest)

    def _width(self, config: dict[str, Any]) -> int:
        if "projection_dim" in config:
            return int(config["projection_dim"])
        if self._pictures is not None:
            return int(self.encode_c(np.zeros((1, 32, 32, 3), np.uint8)).shape[1])
        return int(self.encode_text(["a"]).shape[1])

    def _cannot(self, what: str, needed: str) -> str:
        cure = f"Give a model that reads {what}, with {needed} in its folder."
        return problem(f"c of {self.id}", what, f"what it reads; it has no part for {what}", cure)


def open_clip(place: str, local_files_only: bool) -> ClipEmbedding:
    """Open a CLIP-like model: both halves, or the projected text or vision half alone.

    Parameters
    ----------
    place : str
        Folder or hub id.
    local_files_only : bool
        See `find_weights`.

    Raises
    ------
    InputError
        If there is none.
    ConfigError
        If the extra `train` is missing.
    """
    return ClipEmbedding(find_weights(place, PATTERNS, local_files_only))


def _load(weights: Weights, loader: str) -> Any:
    try:
        model = getattr(need("transformers"), loader).from_pretrained(
            weights.folder,
            local_files_only=True,
            use_safetensors=True,
            # Left out, the library asks on the terminal whether to run the folder's own code.
            trust_remote_code=False,
            dtype=torch.float32,
        )
    except Exception as error:  # of a damaged file; the libraries' errors share no base
        cure = "Save it again from transformers."
        raise InputError(
            problem("weights", f"{weights.name}: {error}", f"those of {loader}", cure)
        ) from error
    if loader == "AutoModel" and not hasattr(model, "get_image_features"):
        cure = "Take a model with a projected embedding of pictures or texts."
        raise InputError(problem("kind of encoder", type(model).__name__, "one like CLIP", cure))
    return model.eval().requires_grad_(False)
