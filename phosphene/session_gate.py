"""Settings of the privacy gate and of the participant's stop device."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator

__all__ = ["FilterSettings", "GateSettings", "StopSettings", "TaskSettings"]

Level = Annotated[int, Field(ge=0, le=4)]
Seconds = Annotated[float, Field(ge=0, le=3600)]


class _Settings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class TaskSettings(_Settings):
    """When decoding may happen: only inside blocks of the protocol.

    Parameters
    ----------
    on : bool
        True: outside blocks nothing is decoded and no view shows anything.
    begin, end : tuple of str
        Labels of events that begin a block, and that end it.
    longest_s : float
        Seconds after which a block ends by itself, where its event has no duration.
    """

    on: bool = False
    begin: tuple[str, ...] = ()
    end: tuple[str, ...] = ()
    longest_s: Annotated[float, Field(gt=0, le=3600)] = 120.0


class FilterSettings(_Settings):
    """A content filter: looks at each picture before anybody else, and may refuse it.

    Parameters
    ----------
    name : str
        Name of an entry point of the group ``phosphene.filters``; ``flashes`` and ``concepts`` are
        built in.
    folder : Path or None
        Files of the filter: for ``concepts`` what ``phosphene filter export`` has written.
    limit_s : float
        Seconds after which a picture that the filter has not allowed is replaced by a card.
    options : dict
        For the filter.
    """

    name: Annotated[str, Field(min_length=1, max_length=64)]
    folder: Path | None = None
    limit_s: Annotated[float, Field(ge=0.005, le=1)] = 0.1
    options: dict[str, str | float | int | bool] = {}

    @property
    def given(self) -> dict[str, str | float | int | bool]:
        """What the filter is made with: its options, and its folder where there is one."""
        return self.options | ({} if self.folder is None else {"folder": str(self.folder)})


class GateSettings(_Settings):
    """Settings of the privacy gate.

    Parameters
    ----------
    consent : Path or None
        Consent file; without one nothing is decoded and no frame passes.
    bond_s : float
        A heartbeat missing for this many seconds blanks every sink.
    level_self, level_operator, level_observer : int
        Abstraction level of each sink: 4 full, 3 at most 32x32, 2 8x8, 1 one colour, 0 blank.
    observer_release : str
        When observers see a frame: ``manual`` after somebody has released it and after the delay
        that follows the release, ``delay`` after the delay alone, ``live`` at once.
    observer_delay_s : float
        Least delay of what observers see, in seconds; what is not due by the end of a run is
        dropped.
    task : TaskSettings
        Blocks of the protocol, outside of which nothing is decoded.
    after_crash : str or None
        What happens when a process has fallen and is back: ``confirm`` stays blank until the
        operator unblanks, ``resume`` goes on. None: ``confirm`` in live runs, else ``resume``.
    filter : FilterSettings or None
        Content filter; None: none.
    """

    consent: Path | None = None
    bond_s: Annotated[float, Field(ge=0.2, le=5)] = 0.75
    level_self: Level = 4
    level_operator: Level = 3
    level_observer: Level = 0
    observer_release: Literal["manual", "delay", "live"] = "manual"
    observer_delay_s: Seconds = 30.0
    task: TaskSettings = TaskSettings()
    after_crash: Literal["confirm", "resume"] | None = None
    filter: FilterSettings | None = None

    @field_validator("level_observer")
    @classmethod
    def _least_to_observers(cls, level: int, info: ValidationInfo) -> int:
        most = info.data.get("level_operator", level)
        if level > most:
            raise ValueError(
                f"observers get no more than the operator (level {most}): "
                "lower level_observer or raise level_operator"
            )
        return level


class StopSettings(_Settings):
    """The participant's stop device.

    Parameters
    ----------
    demanded : bool
        True: a stop device takes part, and nothing is decoded or shown before one press of it has
        been tested. Where it is not set, a live run demands it.
    none : str
        Why this session has no stop device; without a device or this a live run with a decoder
        does not start.
    keyboard : Path or None
        Device file of a keyboard or button box (``/dev/input/by-id/...``).
    keys : tuple of int
        Key codes that stop (Linux input event codes); none: every key.
    serial : Path or None
        Serial line of a button box.
    baud : int
        Rate of that line in bits per second.
    serial_bytes : tuple of int
        Bytes that stop; none: every byte.
    start : str
        What begins the run once the device is tested: ``operator`` needs a start by the operator,
        ``press`` begins with the test press itself.
    withhold_s : float
        Frames go to the recorder this many seconds late; a stop drops those still held.
    """

    demanded: bool = False
    none: Annotated[str, Field(max_length=200)] = ""
    keyboard: Path | None = None
    keys: tuple[Annotated[int, Field(ge=1, le=767)], ...] = ()
    serial: Path | None = None
    baud: Literal[9600, 19200, 38400, 57600, 115200] = 115200
    serial_bytes: tuple[Annotated[int, Field(ge=0, le=255)], ...] = ()
    start: Literal["operator", "press"] = "operator"
    withhold_s: Annotated[float, Field(ge=0, le=60)] = 10.0

    @property
    def present(self) -> bool:
        """Whether a stop device takes part in the run."""
        return self.demanded or self.keyboard is not None or self.serial is not None

    @model_validator(mode="after")
    def _one_or_none(self) -> Self:
        if self.none and self.present:
            raise ValueError("none says why there is no stop device, and there is one; remove one")
        return self
