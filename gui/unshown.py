"""Says, where curves and maps stay empty for want of consent, that this is why."""

from __future__ import annotations

from collections.abc import Iterable

from PySide6.QtWidgets import QLabel

from gui.texts import tr
from phosphene.consent import Scope

__all__ = ["Unshown"]


class Unshown:
    """The hints of all that tells of the person's brain.

    Parameters
    ----------
    hints : iterable of QLabel
        What stands in the empty places; each goes on saying what it waits for once there is
        consent.
    """

    def __init__(self, hints: Iterable[QLabel]) -> None:
        self._waiting = [(hint, hint.text()) for hint in hints]
        self._denied = False

    def tell(self, scopes: tuple[str, ...] | None) -> None:
        """Take in the consent as the gate grants it; None without a fresh grant changes nothing."""
        if scopes is None or (Scope.VIEW_OPERATOR.value not in scopes) == self._denied:
            return
        self._denied = not self._denied
        words = tr("only with consent to the operator's view")
        for hint, waiting in self._waiting:
            hint.setText(words if self._denied else waiting)
