"""How a channel is, in a word and a symbol: never by colour alone. No Qt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gui.texts import mark, tr
from phosphene.eeg_flags import ChannelFlag

__all__ = ["BAD", "USELESS", "ChannelState", "impedances_kohm", "quality_words", "state_of"]

USELESS = (
    ChannelFlag.FLAT | ChannelFlag.RAILED | ChannelFlag.HELD | ChannelFlag.NOISY
    | ChannelFlag.LISTED
)  # fmt: skip
"""Such a channel says nothing; one that is merely large is worth looking at."""
BAD = USELESS | ChannelFlag.LARGE
_WORDS = (
    (ChannelFlag.LISTED, "✕", mark("listed bad")),
    (ChannelFlag.RAILED, "■", mark("railed")),
    (ChannelFlag.FLAT, "▬", mark("flat")),
    (ChannelFlag.HELD, "?", mark("missing")),
    (ChannelFlag.NOISY, "▲", mark("noisy")),
    (ChannelFlag.LARGE, "△", mark("large")),
    (ChannelFlag.MAINS, "≈", mark("mains")),
)
"""The first that is true is told."""


@dataclass(frozen=True)
class ChannelState:
    """One channel.

    Attributes
    ----------
    name : str
        Its name.
    flags : int or None
        Bits of `ChannelFlag`; None while nothing is known.
    impedance_kohm : float or None
        Where the source tells it, in kiloohms.
    """

    name: str
    flags: int | None = None
    impedance_kohm: float | None = None

    @property
    def symbol(self) -> str:
        """A symbol of its own for each state."""
        return state_of(self.flags)[0]

    @property
    def word(self) -> str:
        """The state as a word."""
        return state_of(self.flags)[1]

    @property
    def good(self) -> bool:
        """Whether nothing is wrong."""
        return self.flags == 0


def state_of(flags: int | None) -> tuple[str, str]:
    """Return symbol and word of a channel's flags."""
    if flags is None:
        return "·", tr("not known")
    found = next(((s, tr(w)) for flag, s, w in _WORDS if flags & flag), None)
    if flags & ChannelFlag.INTERPOLATED:
        if found is None:
            return "◇", tr("interpolated")
        return "◇", tr("interpolated ({why})", why=found[1])
    return ("●", tr("good")) if found is None else found


def impedances_kohm(values: Mapping[str, float], channels: Sequence[str]) -> dict[str, float]:
    """Return the impedances among quality figures, ``impedance_<channel>_kohm``."""
    keys = {name: f"impedance_{name}_kohm" for name in channels}
    return {name: values[key] for name, key in keys.items() if key in values}


def quality_words(states: Sequence[ChannelState], most: int = 4) -> str:
    """Sum the channels up: how many are good, and which are not."""
    if not states or all(s.flags is None for s in states):
        return tr("quality not known yet")
    kinds: dict[str, list[str]] = {}
    for state in states:
        if not state.good:
            kinds.setdefault(f"{state.symbol} {state.word}", []).append(state.name)
    words = [tr("● {n} good", n=sum(s.good for s in states))]
    for kind, names in kinds.items():
        shown = ", ".join(names[:most])
        more = f" +{len(names) - most}" if len(names) > most else ""
        words.append(f"{kind}: {shown}{more}")
    return "   ".join(words)
