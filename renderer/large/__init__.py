"""Large pipelines of diffusers as painters; imported only when a session asks for one.

torch, diffusers and transformers (the extra ``train``) are imported here and nowhere else in the
renderer at run time, and only when `open_large` is called.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from phosphene.bundle import Bundle
from phosphene.session import RendererSettings

if TYPE_CHECKING:
    from renderer.large.painter import LargePainter

__all__ = ["open_large"]


def open_large(settings: RendererSettings, bundle: Bundle | None) -> LargePainter:
    """Open the pipeline that ``settings.model = "diffusers:..."`` names.

    Parameters
    ----------
    settings : RendererSettings
        `model` (folder or hub id), `large`, `engine`, `precision`, `size_px`, `threads`.
    bundle : Bundle or None
        Whose percepts are painted; None is the shipped world.

    Returns
    -------
    LargePainter
        A `renderer.painter.Painter`.

    Raises
    ------
    ConfigError
        If the extra ``train`` is missing, settings do not fit the pipeline, or memory is short.
    InputError
        If files are missing, damaged or of another kind.
    BundleError
        If neither z nor c of the bundle's target space can be given to the pipeline.
    """
    from renderer.large.files import need

    need("torch", "diffusers", "transformers", "safetensors")
    from renderer.large.painter import load_painter

    return load_painter(settings, bundle)
