"""c of a target space to what a UNet is told.

Only what a pipeline was trained on is told to it. A category (of the world or of prototypes)
becomes words; an image embedding goes through an image adapter or unCLIP; hidden states of a
prompt, decoded as such (Takagi & Nishimoto 2023), go in as they are. One pooled embedding of a
text is none of these: repeated over all tokens it is nothing that cross-attention has ever seen.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from phosphene.bundle import Bundle
from phosphene.errors import InputError, problem
from phosphene.stimuli import CATEGORIES, SPACE_ID
from phosphene.stimuli.encoder import space_hash
from phosphene.stimuli.space import C_DIM, CODE_SHARPNESS
from renderer.large.condition import Condition
from renderer.large.files import read_json
from renderer.large.pipeline import Pipeline
from renderer.large.unclip import open_labels
from renderer.large.words import Prompts, encode_prompts, has_words, phrase

__all__ = ["Told", "c_space", "open_teller", "takes"]

Array = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Told:
    """Conditions of a pipeline.

    Attributes
    ----------
    c_dim : int
        Length of c, 0 if none can be told.
    tell : Callable
        Condition of c (c_dim,).
    away : Condition or None
        Of the empty prompt, for guidance; None where the pipeline cannot read words.
    """

    c_dim: int
    tell: Callable[[Array], Condition]
    away: Condition | None


def c_space(bundle: Bundle | None) -> str:
    """Name of the space of a bundle's c; empty where it decodes none."""
    if bundle is None:
        return SPACE_ID
    target = bundle.manifest.target
    if "c" not in bundle.manifest.heads:
        return ""
    if target.sha256 == space_hash():
        return SPACE_ID
    name = target.id
    if name.startswith("z=") and ",c=" in name:
        name = name.rpartition(",c=")[2]
    return name.removeprefix("c=")


def takes(pipeline: Pipeline) -> str:
    """Say which c a pipeline can take as it is set up."""
    ways = []
    if has_words(pipeline.folder.path):
        ways.append(f"categories ({SPACE_ID} or prototypes) as words")
    if pipeline.adapter_width is not None:
        ways.append(f"image embeddings (clip) of {pipeline.adapter_width} numbers")
    elif labels := open_labels(pipeline.folder.path):
        ways.append(f"image embeddings (clip) of {labels.width} numbers")
    else:
        ways.append("with renderer.large.adapter or an unCLIP pipeline image embeddings (clip)")
    ways.append(f"embedded prompts (prompt) of a multiple of {_width(pipeline)} numbers")
    return "; ".join(ways)


def open_teller(pipeline: Pipeline, bundle: Bundle | None) -> Told | None:
    """Open the way from a bundle's c to a pipeline's conditions; None where there is none."""
    space = c_space(bundle)
    c_dim = C_DIM if bundle is None else bundle.manifest.target.c_dim
    words = has_words(pipeline.folder.path)
    kind, _, rest = space.partition(":")
    if kind in (SPACE_ID, "prototypes") and words:
        names = CATEGORIES if kind == SPACE_ID else tuple(rest.split("+"))
        return _by_words(pipeline, names, c_dim)
    if kind == "clip" and pipeline.adapter_width == c_dim and words:
        return _by_adapter(pipeline, c_dim)
    labels = open_labels(pipeline.folder.path) if kind == "clip" else None
    if labels is not None and labels.width == c_dim and words:
        empty = _of(pipeline, _empty(pipeline))
        # diffusers' unCLIP pipelines guide away from a label of zeros.
        away = replace(empty, label=torch.zeros(1, 2 * c_dim))
        tell = lambda c: replace(empty, label=labels(_row(c)))  # noqa: E731
        return Told(c_dim, tell, away)
    count = _tokens(pipeline, c_dim)
    # Vectors that came with the data say nothing of what they are but by their length.
    if (kind == "prompt" and count) or (
        kind == "vectors" and words and count == _longest(pipeline)
    ):
        return _by_hidden_states(pipeline, c_dim, words)
    return None


def _by_words(pipeline: Pipeline, names: Sequence[str], c_dim: int) -> Told:
    """Prompts of all categories, embedded once, blended by the probabilities that c stands for."""
    place = pipeline.place
    texts = ["", *(phrase(name) for name in names)]
    prompts = encode_prompts(pipeline.folder.path, texts, pipeline.sdxl, place.device, place.dtype)
    pooled = prompts.pooled
    rows = Prompts(prompts.tokens[1:], None if pooled is None else pooled[1:])
    empty = Prompts(prompts.tokens[:1], None if pooled is None else pooled[:1])

    def tell(c: Array) -> Condition:
        code = CODE_SHARPNESS * torch.from_numpy(c[: len(names)])  # (K,)
        return _of(pipeline, rows.mixed(code.softmax(0).to(rows.tokens.device)))

    return Told(c_dim, tell, _of(pipeline, _emptied(pipeline, empty)))


def _by_adapter(pipeline: Pipeline, c_dim: int) -> Told:
    """Tell the image embedding as a prompt of its own, beside an empty one of words."""
    empty = _of(pipeline, _empty(pipeline))
    away = replace(empty, image=torch.zeros(1, 1, c_dim))
    return Told(c_dim, lambda c: replace(empty, image=_row(c)[None]), away)


def _by_hidden_states(pipeline: Pipeline, c_dim: int, words: bool) -> Told:
    """C as hidden states (tokens, width), row by row; for SDXL the pooled prompt comes last."""
    count, pooled_width = _tokens(pipeline, c_dim), _pooled_width(pipeline)
    width = int(pipeline.config.cross_attention_dim)

    def tell(c: Array) -> Condition:
        row = _row(c)
        tokens = row[:, : count * width].reshape(1, count, width)
        pooled = row[:, count * width :] if pooled_width else None  # (1, P)
        return _of(pipeline, Prompts(tokens, pooled))

    away = _of(pipeline, _empty(pipeline)) if words else None
    if away is not None and away.tokens.shape[1] != count:
        away = None
    return Told(c_dim, tell, away)


def _of(pipeline: Pipeline, prompts: Prompts) -> Condition:
    """Condition of one prompt."""
    sizes, side = None, float(pipeline.size_px)
    if pipeline.sdxl:
        sizes = torch.tensor([[side, side, 0.0, 0.0, side, side]])
    return Condition(prompts.tokens, prompts.pooled, sizes)


def _empty(pipeline: Pipeline) -> Prompts:
    """Embed the empty prompt."""
    place = pipeline.place
    made = encode_prompts(pipeline.folder.path, [""], pipeline.sdxl, place.device, place.dtype)
    return _emptied(pipeline, made)


def _emptied(pipeline: Pipeline, empty: Prompts) -> Prompts:
    """SDXL was trained with zeros where nothing is said, and its index tells so."""
    if not (pipeline.sdxl and pipeline.index.get("force_zeros_for_empty_prompt", True)):
        return empty
    if empty.pooled is None:
        cure = "Download the whole pipeline."
        raise InputError(problem("text_encoder_2", "no pooled prompt", "one", cure))
    return Prompts(torch.zeros_like(empty.tokens), torch.zeros_like(empty.pooled))


def _row(c: Array) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(c))[None]


def _width(pipeline: Pipeline) -> str:
    pooled = _pooled_width(pipeline)
    return f"{pipeline.config.cross_attention_dim}{f', and {pooled}' if pooled else ''}"


def _pooled_width(pipeline: Pipeline) -> int:
    """Length of SDXL's pooled prompt; 0 without."""
    if not pipeline.sdxl:
        return 0
    sizes = 6 * int(pipeline.config.addition_time_embed_dim)
    return int(pipeline.config.projection_class_embeddings_input_dim) - sizes


def _longest(pipeline: Pipeline) -> int:
    """Tokens of a prompt."""
    file = pipeline.folder.path / "text_encoder" / "config.json"
    return int(read_json(file, "text_encoder").get("max_position_embeddings", 77))


def _tokens(pipeline: Pipeline, c_dim: int) -> int:
    """Tokens that a c of this length holds; 0 if it holds no whole number of them."""
    count, rest = divmod(c_dim - _pooled_width(pipeline), int(pipeline.config.cross_attention_dim))
    return count if rest == 0 and count > 0 else 0
