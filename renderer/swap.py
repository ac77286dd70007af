"""Another painter in the middle of a run: loaded and warmed in a thread, while the old one paints.

The node asks `later` which of the wished settings have to wait, goes on with the rest at once, has
the other painter loaded (`begin`) or its own made ready (`prepare`), each in a thread of its own so
that what is ready soon never waits for what takes long, and looks in every step (`take`,
`prepared`) whether that is done. Frames never wait for it; on a machine with one core they come
less evenly meanwhile, as loading needs that core too.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from phosphene.errors import ConfigError, PhospheneError, problem
from phosphene.session import RendererSettings
from renderer.protocol import Painter, Prepared
from renderer.wishes import HOW, RELOADS, needs_loading, taken_over

__all__ = ["OpenPainter", "PainterSwap"]

OpenPainter = Callable[[RendererSettings], Painter]
Result = Painter | PhospheneError


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
    foresee : Callable
        Refuses at once a change, from old to new settings, that is sure to fail when it is loaded.
    """

    def __init__(
        self,
        painter: Painter,
        settings: RendererSettings,
        opened: OpenPainter,
        warm: Callable[[Painter, RendererSettings], None],
        foresee: Callable[[RendererSettings, RendererSettings], None] = lambda _old, _new: None,
    ) -> None:
        self._painter, self._settings = painter, settings
        self._opened, self._warm, self._foresee = opened, warm, foresee
        self._loaded = (settings, painter)
        self._loading = _Errand("painter", self._load, lambda a, b: not needs_loading(a, b))
        self._preparing = _Errand("prepare", self._prepare, lambda _a, _b: False)

    def refuse(self, old: RendererSettings, new: RendererSettings) -> None:
        """Refuse what is sure to fail."""
        self._foresee(old, new)

    def later(self, old: RendererSettings, wanted: RendererSettings) -> tuple[str, ...]:
        """Name the settings that have to stay as they are in `old` for now."""
        names = RELOADS if needs_loading(self._settings, wanted) else ()
        painter = self._painter
        now = taken_over(wanted, old, names)
        if not isinstance(painter, Prepared) or painter.ready(now):
            return names
        waiting = [name for name in HOW if getattr(old, name) != getattr(now, name)]
        kept = taken_over(now, old, waiting)
        for name in tuple(waiting):  # one by one, as many as it is ready for
            tried = taken_over(kept, now, (name,))
            if painter.ready(tried):
                kept = tried
                waiting.remove(name)
        return (*names, *waiting)

    def begin(self, settings: RendererSettings) -> None:
        """Begin to load and warm what `settings` name; what is still being loaded is given up."""
        self._loading.begin(settings)

    def prepare(self, settings: RendererSettings) -> None:
        """Begin to make the painter of now ready for `settings`."""
        self._preparing.begin(settings)

    def give_up(self) -> None:
        """Forget what is being loaded."""
        self._loading.give_up()
        if self._loading.idle:
            self._loaded = (self._settings, self._painter)  # what nobody took goes

    def take(self) -> Painter | PhospheneError | None:
        """Return the painter once it is there and warm, or why it cannot be; else None."""
        found = self._loading.take()
        if found is None:
            return None
        settings, result = found
        if not isinstance(result, PhospheneError):
            self._preparing.give_up()  # that was for the painter before
            self._painter, self._settings = result, settings
        return result

    def prepared(self) -> bool | PhospheneError:
        """Return whether the painter of now has become ready, or why it cannot."""
        found = self._preparing.take()
        if found is None:
            return False
        return found[1] if isinstance(found[1], PhospheneError) else True

    def wait(self, patience_s: float) -> None:
        """Wait until nothing is being loaded or prepared."""
        self._loading.wait(patience_s)
        self._preparing.wait(patience_s)

    def close(self, patience_s: float = 5.0) -> None:
        """Give up, and wait until the threads have noticed."""
        self._loading.give_up()
        self._preparing.give_up()
        self.wait(patience_s)

    def _load(self, wish: RendererSettings) -> Painter:
        if needs_loading(self._loaded[0], wish):
            self._loaded = (self._settings, self._painter)  # what nobody took goes
        if needs_loading(self._loaded[0], wish):
            self._loaded = (wish, self._opened(wish))
        painter = self._loaded[1]
        self._warm(painter, wish)
        return painter

    def _prepare(self, wish: RendererSettings) -> Painter:
        painter = self._painter
        self._warm(painter, wish)
        return painter


class _Errand:
    """Work in a thread of its own, of which the newest wish alone counts.

    `alike` says whether two wishes fail alike, so that the newer one is not tried again.
    """

    def __init__(
        self,
        name: str,
        work: Callable[[RendererSettings], Painter],
        alike: Callable[[RendererSettings, RendererSettings], bool],
    ) -> None:
        self._name, self._work, self._alike = name, work, alike
        self._lock = threading.Lock()
        self._wish: RendererSettings | None = None
        self._found: tuple[RendererSettings, Result] | None = None
        self._thread: threading.Thread | None = None

    @property
    def idle(self) -> bool:
        with self._lock:
            return self._thread is None

    def begin(self, wish: RendererSettings) -> None:
        with self._lock:
            self._wish, self._found = wish, None
            if self._thread is None:
                self._thread = threading.Thread(target=self._go, name=self._name, daemon=True)
                self._thread.start()

    def give_up(self) -> None:
        with self._lock:
            self._wish = self._found = None

    def take(self) -> tuple[RendererSettings, Result] | None:
        with self._lock:
            found, self._found = self._found, None
        return found

    def wait(self, patience_s: float) -> None:
        thread = self._thread
        if thread is not None:
            thread.join(patience_s)

    def _go(self) -> None:
        """Work until nothing newer is wished."""
        while True:
            with self._lock:
                wish = self._wish
                if wish is None:
                    self._thread = None
                    return
            result = self._result(wish)
            with self._lock:
                newest = self._wish
                if newest is None:
                    continue
                failed = isinstance(result, PhospheneError)
                if newest is wish or (failed and self._alike(wish, newest)):
                    self._wish, self._found = None, (newest, result)

    def _result(self, wish: RendererSettings) -> Result:
        try:
            return self._work(wish)
        except PhospheneError as error:
            return error
        except Exception as error:  # whatever a library throws must not end the session
            cure = "The log has more; choose another model or engine."
            got = f"{type(error).__name__}: {error}"
            return ConfigError(problem("loading", got, "a model that loads", cure))
