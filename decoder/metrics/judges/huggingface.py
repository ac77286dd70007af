"""A judge of the transformers library, by folder or hub id: a classifier or an encoder."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from decoder.metrics.judges.base import Judged, Pictures, batches
from phosphene.errors import ConfigError, InputError, problem

__all__ = ["TransformersJudge"]

_CLASSIFIER = "ForImageClassification"
_LOCAL: Mapping[str, Any] = {"local_files_only": True, "trust_remote_code": False}
"""Left out, the library asks the network, and on the terminal whether to run foreign code."""


class TransformersJudge:
    """Runs an image classifier, CLIP-like or plain image encoder on the processor.

    Only weights in safetensors are read, code of the folder is never run, and nothing is fetched.

    Parameters
    ----------
    source : str
        Folder of the model, or hub id of one that was downloaded before.

    Raises
    ------
    ConfigError
        If the training extra is not installed.
    InputError
        If the model cannot be loaded.
    """

    def __init__(self, source: str) -> None:
        try:
            import torch
            import transformers
        except ImportError as error:
            raise ConfigError(
                problem("--judge transformers", source, "with the extra [train] installed",
                        "Install it: pip install 'phosphene[train]'.")
            ) from error  # fmt: skip
        self._torch = torch
        try:
            config = transformers.AutoConfig.from_pretrained(source, **_LOCAL)
            kinds = getattr(config, "architectures", None) or [""]
            classifier = any(kind.endswith(_CLASSIFIER) for kind in kinds)
            auto: Any = transformers.AutoModelForImageClassification
            loader = auto if classifier else transformers.AutoModel
            self._model = loader.from_pretrained(source, use_safetensors=True, **_LOCAL)
            images: Any = transformers.AutoImageProcessor
            self._processor = images.from_pretrained(source, **_LOCAL)
        except Exception as error:  # of a damaged file; the libraries' errors share no base
            raise InputError(f"judge transformers:{source}: cannot be loaded: {error}") from error
        self._model.eval()
        self.id = f"transformers:{source.rstrip('/').rpartition('/')[2]}"
        names = getattr(config, "id2label", None) or {}
        self.classes = tuple(str(names[k]) for k in sorted(names)) if classifier else ()
        vision = getattr(config, "vision_config", config)
        self.side_px = int(getattr(vision, "image_size", 224))
        self.sha256 = self._digest()

    def judge(self, pictures: Pictures) -> Judged:
        """Judge pictures (n, height, width, 3)."""
        parts = []
        with self._torch.no_grad():
            for part in batches(pictures, self.side_px):
                given = self._processor(images=list(part), return_tensors="pt")
                parts.append(self._one(given))
        features = {
            name: np.concatenate([p.features[name] for p in parts]) for name in parts[0].features
        }
        scores = [p.scores for p in parts if p.scores is not None]
        return Judged(features, np.concatenate(scores) if scores else None)

    def _one(self, given: Any) -> Judged:
        if hasattr(self._model, "get_image_features"):
            found = self._model.get_image_features(**given)
            # Newer releases return an output object, older ones the tensor.
            embedded = getattr(found, "pooler_output", found)
            return Judged({"embedding": _numpy(embedded)})
        result = self._model(**given, output_hidden_states=True)
        states = result.hidden_states
        features = {} if states is None else {"middle": _pooled(states[len(states) // 2])}
        if states is not None:
            features["last"] = _pooled(states[-1])
        logits = getattr(result, "logits", None)
        return Judged(features, None if logits is None else _numpy(logits))

    def _digest(self) -> str:
        digest = hashlib.sha256()
        for name, value in sorted(self._model.state_dict().items()):
            digest.update(name.encode())
            digest.update(np.ascontiguousarray(value.cpu().float().numpy()).tobytes())
        return digest.hexdigest()


def _pooled(state: Any) -> Any:
    """Average tokens (n, tokens, d), or places (n, d, height, width)."""
    return _numpy(state.mean(dim=(2, 3)) if state.ndim == 4 else state.mean(dim=1))


def _numpy(tensor: Any) -> Any:
    return tensor.detach().cpu().float().numpy()
