"""Makes the folder of a concept filter from a CLIP-like model; needs the extra ``train``.

Run it by ``phosphene filter export``.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import logging
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import onnx
import torch
from PIL import Image
from torch import Tensor, nn

from decoder.spaces.clip import ClipEmbedding, open_clip
from phosphene.errors import ConfigError, InputError, PhospheneError, problem
from phosphene.filters.concept_files import (
    CONCEPTS,
    TOWER,
    Concept,
    ConceptFile,
    Resample,
    read_list,
)
from phosphene.filters.concepts import Concepts

__all__ = ["export_filter", "main"]

OPSET = 20
APART = 1e-3
"""Largest difference of cosines between the model's own way and that of the filter."""
PICTURE = "picture:"
RESAMPLES: dict[int, Resample] = {
    0: "nearest", 1: "lanczos", 2: "bilinear", 3: "bicubic", 4: "box", 5: "hamming",
}  # fmt: skip


class Tower(nn.Module):
    """The model's image half, from bytes to a direction."""

    mean: Tensor
    std: Tensor

    def __init__(self, model: Any, processor: Any) -> None:
        super().__init__()
        self.model: Any = model
        self.scale = float(processor.rescale_factor)
        for name in ("mean", "std"):
            values = torch.tensor(getattr(processor, f"image_{name}"), dtype=torch.float32)
            self.register_buffer(name, values)

    def forward(self, picture: Tensor) -> Tensor:  # (n, side, side, 3) uint8
        x = (picture.float() * self.scale - self.mean) / self.std
        x = x.permute(0, 3, 1, 2)  # (n, 3, side, side)
        if hasattr(self.model, "get_image_features"):
            found = self.model.get_image_features(pixel_values=x)
            found = getattr(found, "pooler_output", found)
        else:
            found = self.model(pixel_values=x).image_embeds
        return nn.functional.normalize(found, dim=-1)  # (n, width)


def export_filter(
    place: str, concepts: Path, out: Path, threshold: float = 0.25, *, offline: bool = False
) -> ConceptFile:
    """Write the folder of a filter; what was made is compared with the model itself.

    Parameters
    ----------
    place : str
        Folder of a transformers model, or hub id.
    concepts : Path
        List of concepts, see `phosphene.filters.concept_files.read_list`; files of pictures count
        from its folder.
    out : Path
        Folder that must not hold a filter yet.
    threshold : float
        Of concepts that have none of their own.
    offline : bool
        A hub id is only taken from what was downloaded before.

    Raises
    ------
    ConfigError
        If the list is wrong, or the folder holds a filter.
    InputError
        If the model cannot be used, or the filter would not see what the model sees.
    """
    if any((out / name).exists() for name in (CONCEPTS, TOWER)):
        raise ConfigError(problem("--out", str(out), "a folder without a filter", "Choose another"))
    wanted = read_list(concepts, threshold)
    model = open_clip(place, offline)
    how = _how(model)
    texts = [words for words, _ in wanted if not words.startswith(PICTURE)]
    told = dict(zip(texts, model.encode_text(texts), strict=True)) if texts else {}
    held = tuple(
        Concept(
            Path(words.removeprefix(PICTURE).strip()).stem if words not in told else words,
            value,
            _direction(told[words] if words in told else _seen(model, words, concepts.parent)),
        )
        for words, value in wanted
    )
    tower = _tower_graph(model, how["side_px"])  # takes longest
    made = ConceptFile(
        format=1, model=model.id, tower_sha256=hashlib.sha256(tower).hexdigest(), concepts=held,
        **how,
    )  # fmt: skip
    out.mkdir(parents=True, exist_ok=True)
    (out / TOWER).write_bytes(tower)
    (out / CONCEPTS).write_bytes(msgspec.json.format(msgspec.json.encode(made)))
    try:
        _compare(model, Concepts(str(out)))
    except PhospheneError:
        for name in (CONCEPTS, TOWER):
            (out / name).unlink()
        raise
    return made


def _how(model: ClipEmbedding) -> dict[str, Any]:
    """Say how the model's own processor brings a picture to its size.

    Raises
    ------
    InputError
        If it has none, or does what the filter cannot.
    """
    one = model.processor
    cure = "Take a model of CLIP's kind, with preprocessor_config.json."
    if one is None:
        raise InputError(problem("model", "reads no pictures", "one that reads pictures", cure))
    size, crop = dict(one.size), dict(getattr(one, "crop_size", None) or {})
    shortest = size.get("shortest_edge")
    sides = crop if shortest else size
    side: int = sides.get("height") or 0
    square = side > 0 and side == sides.get("width")
    does = one.do_resize and one.do_rescale and one.do_normalize
    cuts = bool(getattr(one, "do_center_crop", False)) == bool(shortest)
    resample = RESAMPLES.get(int(one.resample))
    if not (square and does and cuts and resample and side <= (shortest or side)):
        raise InputError(problem("preprocessing", f"size {size}, crop {crop}", "shortest edge and "
                                 "middle, or a square", cure))  # fmt: skip
    return {"side_px": side, "shortest_px": shortest, "resample": resample}


def _tower_graph(model: ClipEmbedding, side_px: int) -> bytes:
    example = torch.zeros((2, side_px, side_px, 3), dtype=torch.uint8)
    batch = torch.export.Dim("batch", min=1, max=256)
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            Tower(model.network, model.processor).eval(), (example,), input_names=["picture"],
            output_names=["direction"], dynamic_shapes=({0: batch},), opset_version=OPSET,
            dynamo=True, verbose=False,
        )  # fmt: skip
    if program is None:
        raise InputError(problem("tower", "no graph", "one that torch can export", "Report it."))
    buffer = io.BytesIO()
    onnx.save_model(program.model_proto, buffer)
    graph = onnx.load_model_from_string(buffer.getvalue())
    for node in graph.graph.node:  # traces of the exporting machine's files do not belong here
        node.doc_string = ""
        del node.metadata_props[:]
    content: bytes = graph.SerializeToString(deterministic=True)
    return content


def _seen(model: ClipEmbedding, words: str, base: Path) -> Any:
    """Embed the picture of a line ``picture:FILE``."""
    path = base / words.removeprefix(PICTURE).strip()
    try:
        with Image.open(path) as image:
            picture = np.asarray(image.convert("RGB"), np.uint8)
    except OSError as error:
        raise ConfigError(
            problem("concepts", words, "a picture", f"Correct it: {error}")
        ) from error
    return model.encode_c(picture[None])[0]


def _direction(embedding: Any) -> tuple[float, ...]:
    return tuple(round(float(v), 7) for v in embedding / np.linalg.norm(embedding))


def _compare(model: ClipEmbedding, made: Concepts) -> None:
    """See that the filter sees what the model sees, whatever a picture's size.

    Raises
    ------
    InputError
        If it does not.
    """
    rng = np.random.default_rng(0)
    for shape in ((64, 64, 3), (48, 80, 3), (300, 200, 3)):
        coarse = rng.integers(0, 256, (5, 5, 3), np.uint8)
        picture = np.asarray(Image.fromarray(coarse).resize(shape[1::-1]), np.uint8)
        own = model.encode_c(picture[None])[0]
        cosine = float(made.embedding(picture) @ own / np.linalg.norm(own))
        if not 1 - cosine <= APART:
            got = f"cosine {cosine:.5f} with the model's own for a picture of {shape[:2]}"
            raise InputError(problem(TOWER, got, f"at least {1 - APART}", "Report it."))


def main(argv: Sequence[str]) -> int:
    """Export a filter; see ``phosphene filter export``."""
    parser = argparse.ArgumentParser(prog="python -m decoder.concept_filter")
    parser.add_argument("model")
    parser.add_argument("concepts", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--threshold", type=float, default=0.25)
    parser.add_argument("--offline", action="store_true")
    given = parser.parse_args(argv)
    try:
        made = export_filter(
            given.model, given.concepts, given.out, given.threshold, offline=given.offline
        )
    except PhospheneError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(f"{given.out}: {len(made.concepts)} concepts, {made.model}, {made.side_px} px")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
