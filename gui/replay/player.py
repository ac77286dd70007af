"""Where in a recording the panel is, and how it goes on. No Qt."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["SPEEDS", "Player"]

SPEEDS = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0)


@dataclass
class Player:
    """A position on the recording's axis.

    Attributes
    ----------
    end_s : float
        End of the recording, in seconds.
    t_s : float
        Where it is.
    speed : float
        Seconds of the recording for each second.
    playing : bool
        Whether time goes on.
    """

    end_s: float = 0.0
    t_s: float = 0.0
    speed: float = 1.0
    playing: bool = False

    def go_to(self, t_s: float) -> None:
        """Go to a time, at most to an end."""
        self.t_s = max(0.0, min(t_s, self.end_s))

    def play(self) -> None:
        """Go on, at the end from the begin."""
        if self.t_s >= self.end_s:
            self.t_s = 0.0
        self.playing = self.end_s > 0

    def pause(self) -> None:
        """Stand still."""
        self.playing = False

    def advance(self, elapsed_s: float) -> None:
        """Let time pass; at the end of the recording it stands still."""
        if self.playing:
            self.go_to(self.t_s + elapsed_s * self.speed)
            self.playing = self.t_s < self.end_s
