"""Opens a judge by what the command line says."""

from __future__ import annotations

from pathlib import Path

from decoder.metrics.judges.base import Judge
from phosphene.errors import ConfigError, problem

__all__ = ["KINDS", "open_judge"]

KINDS = ("squeezenet", "onnx", "transformers", "space")


def open_judge(spec: str) -> Judge:
    """Open ``squeezenet:PATH``, ``onnx:PATH``, ``transformers:PATH_OR_ID`` or ``space:SPEC``.

    Raises
    ------
    ConfigError
        If the kind is unknown.
    InputError
        If the judge cannot be loaded.
    """
    kind, colon, where = spec.partition(":")
    if kind not in KINDS or not colon or not where:
        allowed = ", ".join(f"{k}:{'SPEC' if k == 'space' else 'PATH'}" for k in KINDS)
        raise ConfigError(problem("--judge", spec, allowed, "Say the kind before the colon."))
    if kind == "squeezenet":
        from decoder.metrics.judges.squeezenet import open_squeezenet

        return open_squeezenet(Path(where))
    if kind == "onnx":
        from decoder.metrics.judges.onnxfile import OnnxJudge

        return OnnxJudge.open(Path(where))
    if kind == "space":
        from decoder.metrics.judges.space import SpaceJudge
        from decoder.spaces import open_space

        return SpaceJudge(open_space(where))
    from decoder.metrics.judges.huggingface import TransformersJudge

    return TransformersJudge(where)
