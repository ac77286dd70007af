"""A judge that is an ONNX graph, run by ONNX Runtime.

One input: uint8 (n, side, side, 3), or float32 (n, 3, side, side), to which pictures are scaled as
0..1, minus mean, over std (the usual figures of ImageNet, or the graph's metadata ``mean`` and
``std``, three numbers in JSON each). The output ``scores`` or ``logits`` has the classes; every
other output is flattened to features.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from decoder.metrics.judges.base import Judged, Pictures, batches
from phosphene.errors import InputError, problem

__all__ = ["OnnxJudge"]

_SCORES = ("scores", "logits")
_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class OnnxJudge:
    """Runs a graph on the processor.

    Parameters
    ----------
    graph : bytes
        ONNX model, see the module.
    id : str
        Name for reports.
    classes : tuple of str
        Names of the classes, where known.
    sha256 : str, optional
        Of the weights that the graph was made from; default: of the graph.

    Raises
    ------
    InputError
        If this is no graph, or not of this form.
    """

    def __init__(
        self,
        graph: bytes,
        id: str,  # noqa: A002  (the word of the protocol)
        classes: tuple[str, ...] = (),
        sha256: str = "",
    ) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 2
        try:
            self._session = onnxruntime.InferenceSession(
                graph, options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:
            raise InputError(f"judge {id}: no ONNX graph that can run: {error}") from error
        self.id, self.classes = id, classes
        self.sha256 = sha256 or hashlib.sha256(graph).hexdigest()
        self._input, self.side_px, self._bytes = self._form()
        told = self._session.get_modelmeta().custom_metadata_map
        self._mean = np.array(json.loads(told.get("mean", json.dumps(_MEAN))), np.float32)
        self._std = np.array(json.loads(told.get("std", json.dumps(_STD))), np.float32)
        self._outputs = [output.name for output in self._session.get_outputs()]

    @classmethod
    def open(cls, path: Path) -> OnnxJudge:
        """Open a graph; names of classes are read from a text file of the same stem beside it."""
        if not path.is_file():
            raise InputError(problem("--judge", str(path), "an ONNX file", "Check the path."))
        names = path.with_suffix(".txt")
        classes = tuple(names.read_text("utf-8").splitlines()) if names.is_file() else ()
        return cls(path.read_bytes(), f"onnx:{path.stem}", classes)

    def judge(self, pictures: Pictures) -> Judged:
        """Judge pictures (n, height, width, 3)."""
        parts = [
            self._session.run(self._outputs, {self._input: self._fed(part)})
            for part in batches(pictures, self.side_px)
        ]
        whole = {
            name: np.concatenate([p[k].reshape(len(p[k]), -1) for p in parts]).astype(np.float32)
            for k, name in enumerate(self._outputs)
        }
        scores = next((whole.pop(name) for name in _SCORES if name in whole), None)
        return Judged(whole, scores)

    def _fed(self, pictures: Pictures) -> Any:
        if self._bytes:
            return pictures
        scaled = (pictures.astype(np.float32) / 255 - self._mean) / self._std
        return np.ascontiguousarray(scaled.transpose(0, 3, 1, 2))

    def _form(self) -> tuple[str, int, bool]:
        """Return the name of the input, its side, and whether it takes bytes."""
        inputs = self._session.get_inputs()
        given = inputs[0]
        of_bytes = given.type == "tensor(uint8)"
        side = given.shape[1 if of_bytes else 2] if len(given.shape) == 4 else None
        if len(inputs) != 1 or not isinstance(side, int):
            got = ", ".join(f"{i.name} {i.type} {i.shape}" for i in inputs)
            allowed = "one input, uint8 (n, side, side, 3) or float32 (n, 3, side, side)"
            raise InputError(problem(f"judge {self.id}", got, allowed, "Export it that way."))
        return given.name, side, of_bytes
