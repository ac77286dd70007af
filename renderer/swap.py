"""Another painter in the middle of a run: loaded and warmed in a thread, while the old one paints.

The node asks `held` which of the wished settings have to wait, goes on with the rest at once, calls
`begin`, and looks with `take` in every step whether the painter has come. Frames never wait for it;
on a machine with one core they come less evenly meanwhile, as loading needs that core too.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from phosphene.errors import ConfigError, PhospheneError, problem
from phosphene.session import RendererSettings
from renderer.protocol import Painter, Prepared
from renderer.wishes import RELOADS, needs_loading

__all__ = ["HOW", "OpenPainter", "PainterSwap"]

OpenPainter = Callable[[RendererSettings], Painter]
HOW = ("steps", "mode", "strength", "guides", "guidance", "warm_start")
"""Settings for which a painter may first have to prepare something."""


class PainterSwap:
    """Loads painters in the background; see `renderer.node.Loader`.

    Parameters
    ----------
    painter : Painter
        The one that paints now.
    settings : RendererSettings
        What it was opened with.
    opened : Callable
        Opens a painter, such as `renderer.painter.open_painter` of the run's bundle; it is called
        in another thread. Its errors are handed on.
    warm : Callable
        Makes a painter ready for settings, so that its first frame costs what all others do.
    """

    def __init__(
        self,
        painter: Painter,
        settings: RendererSettings,
        opened: OpenPainter,
        warm: Callable[[Painter, RendererSettings], None],
    ) -> None:
        self._painter, self._settings = painter, settings
        self._opened, self._warm = opened, warm
        self._lock = threading.Lock()
        self._wish: RendererSettings | None = None
        self._found: tuple[RendererSettings, Painter | PhospheneError] | None = None
        self._thread: threading.Thread | None = None

    def held(self, wanted: RendererSettings) -> tuple[str, ...]:
        """Name the settings that have to stay as they are until another painter is there."""
        names: tuple[str, ...] = RELOADS if needs_loading(self._settings, wanted) else ()
        painter = self._painter
        if isinstance(painter, Prepared) and not painter.ready(wanted):
            names += HOW
        return names

    def begin(self, settings: RendererSettings) -> None:
        """Begin to load and warm what `settings` name; what is still being loaded is given up."""
        with self._lock:
            self._wish, self._found = settings, None
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="painter", daemon=True)
                self._thread.start()

    def give_up(self) -> None:
        """Forget what is being loaded."""
        with self._lock:
            self._wish = self._found = None

    def take(self) -> Painter | PhospheneError | None:
        """Return the painter once it is there and warm, or why it cannot be; else None."""
        with self._lock:
            found, self._found = self._found, None
        if found is None:
            return None
        settings, result = found
        if not isinstance(result, PhospheneError):
            self._painter, self._settings = result, settings
        return result

    def close(self, patience_s: float = 5.0) -> None:
        """Give up, and wait until the thread has noticed."""
        self.give_up()
        thread = self._thread
        if thread is not None:
            thread.join(patience_s)

    def _work(self) -> None:
        """Load what is wished until nothing newer is."""
        loaded: tuple[RendererSettings, Painter] = (self._settings, self._painter)
        while True:
            with self._lock:
                wish = self._wish
                if wish is None:
                    self._thread = None
                    return
            result: Painter | PhospheneError
            try:
                if needs_loading(loaded[0], wish):
                    loaded = (wish, self._opened(wish))
                result = loaded[1]
                self._warm(result, wish)
            except PhospheneError as error:
                result = error
            except Exception as error:  # whatever a library throws must not end the session
                cure = "The log has more; choose another model or engine."
                got = f"{type(error).__name__}: {error}"
                result = ConfigError(problem("loading", got, "a model that loads", cure))
            with self._lock:
                if self._wish is wish:
                    self._wish, self._found = None, (wish, result)
