"""Headers of all messages: frozen, tagged, validated; every field has its type and range."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, field

from phosphene.header_base import DTYPES, Array, ArraySpec, Count, Header
from phosphene.header_gate import Feedback, Grant, Phase, View

__all__ = [
    "DTYPES",
    "AnyHeader",
    "Array",
    "ArraySpec",
    "Beat",
    "Command",
    "Count",
    "Credit",
    "Event",
    "Features",
    "Feedback",
    "Frame",
    "FrameInfo",
    "Grant",
    "Header",
    "Painting",
    "Percept",
    "Phase",
    "Quality",
    "Regions",
    "Reply",
    "RunStart",
    "RunStop",
    "Samples",
    "Signal",
    "StatMap",
    "View",
    "Volume",
]


class Volume(Header, frozen=True, tag="volume"):
    """One raw fMRI volume; array ``volume`` (x, y, z).

    ``slice_times_s`` says when each slice along ``slice_axis`` was measured after the volume's
    start, in seconds; it is empty where nobody knows.
    """

    index: Count
    t_data: float
    tr_s: float
    affine: tuple[float, ...]
    slice_times_s: tuple[float, ...] = ()
    slice_axis: Annotated[int, Meta(ge=0, le=2)] = 2


class Samples(Header, frozen=True, tag="samples"):
    """A block of raw EEG; array ``samples`` (time, channel) in microvolts."""

    stream: str
    first_index: Count
    fs_hz: float
    t_data: float
    channels: tuple[str, ...]


class Signal(Header, frozen=True, tag="signal"):
    """EEG for the operator's eyes, as it came; array ``signal`` (time, channel) in microvolts.

    It is only shown: never recorded, never decoded, and sent after the features of its samples.

    Attributes
    ----------
    stream : str
        LSL source id.
    first_index : int
        Number of the first row since the start of the stream, counted at `fs_hz`.
    fs_hz : float
        Rate of the rows in hertz; fast streams are averaged in blocks.
    t_data : float
        Time of the first row on the recording's axis, in seconds.
    channels : tuple of str
        Names of the columns.
    flags : tuple of int
        What is wrong with each channel in the newest full second (bits of
        `phosphene.eeg_flags.ChannelFlag`); empty before there is one.
    band_hz : tuple of float
        Pass band of the decoder's filter, in hertz.
    notch_hz : tuple of float
        Frequencies that the decoder's filter removes, in hertz.
    step_s : float
        Length of one epoch or window, in seconds.
    reject_uv : float
        Peak-to-peak amplitude above which an epoch is not averaged, in microvolts.
    """

    stream: str
    first_index: Count
    fs_hz: Annotated[float, Meta(gt=0)]
    t_data: float
    channels: tuple[str, ...]
    flags: tuple[Annotated[int, Meta(ge=0, le=255)], ...] = ()
    band_hz: tuple[float, float] = (0.3, 15.0)
    notch_hz: tuple[float, ...] = ()
    step_s: float = 0.0
    reject_uv: float = 100.0


class Features(Header, frozen=True, tag="features"):
    """Cleaned brain data of one volume, epoch or window; array ``x`` (feature,).

    Attributes
    ----------
    index : int
        Volume or epoch index within the run.
    t_data : float
        End of the data used, on the recording's own time axis, in seconds.
    t_event : float or None
        Onset of the event that an epoch belongs to, on the same axis, in seconds.
    ready : bool
        False while statistics warm up; such a window is not decoded.
    mask_hash : str
        Identity of mask or channel layout that ``x`` follows.
    """

    kind: Literal["fmri", "fmri-beta", "eeg-epoch", "eeg-window"]
    index: Count
    t_data: float
    mask_hash: str
    ready: bool
    t_event: float | None = None
    note: str = ""


class Quality(Header, frozen=True, tag="quality"):
    """Quality figures of one volume or block; ``values`` maps a name with unit to a number."""

    index: Count
    t_data: float
    values: dict[str, float]


class StatMap(Header, frozen=True, tag="statmap"):
    """Where the brain follows the conditions so far, from the volumes up to ``index``.

    Arrays ``t`` (x, y, z) float32, 0 outside the mask, and ``underlay`` (x, y, z) uint8, the
    reference volume.

    Attributes
    ----------
    contrast : str
        What is compared, for instance ``"face - house"``; a condition alone is against rest.
    dof : float
        Degrees of freedom of the t values.
    affine : tuple of float
        Voxel to millimetres (RAS+), row by row, of the grid that is sent.
    final : bool
        True at the end of the run, on the full grid; live ones may leave out voxels.
    """

    index: Count
    t_data: float
    contrast: str
    dof: float
    affine: tuple[float, ...]
    final: bool = False


class Regions(Header, frozen=True, tag="regions"):
    """Where the regions lie in this run; told once.

    Arrays ``underlay`` (x, y, z) uint8, the reference volume, and ``labels`` (x, y, z) uint8: k + 1
    where region ``names[k]`` lies, 0 elsewhere. ``how`` says how they were placed, and how well.
    """

    names: tuple[str, ...]
    how: str
    affine: tuple[float, ...]


class Event(Header, frozen=True, tag="event"):
    """Something that happened at ``t_data``: a stimulus (``detail`` is its JSON), a marker.

    ``duration_s`` is its length in seconds, None where nobody knows. From the producer ``gate`` it
    is a marker of the operator's: ``stream`` is ``marker`` and ``label`` its text, no stimulus.
    """

    t_data: float
    label: str
    stream: str
    detail: str = ""
    duration_s: Annotated[float, Meta(ge=0)] | None = None


class Percept(Header, frozen=True, tag="percept"):
    """What one window says is seen; arrays ``c`` (C,) and, where decoded, ``z`` (4, 16, 16).

    Attributes
    ----------
    index : int
        Index of the volume or epoch it comes from.
    t_data : float
        End of the data used, seconds on the recording's axis.
    t_seen : float
        When the decoded picture was seen: ``t_data`` minus the haemodynamic delay (fMRI) or the
        event's onset (EEG), seconds on the recording's axis.
    confidence : float
        Calibrated probability that the percept identifies the truth.
    """

    index: Count
    t_data: float
    t_seen: float
    t_features: float
    confidence: Annotated[float, Meta(ge=0.0, le=1.0)]
    label: str | None
    probabilities: dict[str, float]
    bundle: str


class FrameInfo(Header, frozen=True, tag="frameinfo"):
    """Facts about one rendered frame, without its pixels."""

    t_due: float
    t_rendered: float
    late: bool
    skipped: Count
    render_ms: float
    state: Literal["picture", "neutral"]
    percept_seq: int
    percept_index: int
    confidence: float
    age_s: float
    t_percept: float
    seed: int
    model: str


class Frame(FrameInfo, frozen=True, tag="frame"):
    """One rendered frame; array ``picture`` (height, width, 3) uint8 sRGB.

    ``card`` says why the gate shows a card in place of the picture, to the operator alone.
    """

    sink: str = ""
    level: Annotated[int, Meta(ge=0, le=4)] = 4
    card: str = ""


class Painting(Header, frozen=True, tag="painting"):
    """What paints from now on; sent at the start and after each change.

    Attributes
    ----------
    model, weights : str
        Name of the model as the session gives it, and the beginning of its weights' SHA-256.
    engine : str
        What computes it, in one line of the engine's own; empty where nobody can say.
    size_px : int
        Side of the frames in pixels.
    settings : dict of str to str
        Every setting of the renderer as a text; of folders the name alone.
    """

    model: str
    weights: str
    engine: str
    size_px: Count
    settings: dict[str, str]


class Beat(Header, frozen=True, tag="beat"):
    """Sign of life from a node's work loop, with its counters.

    ``note`` says how the node is; ``sentences`` are all that it has to tell since the last beat.
    """

    pid: Count
    state: Literal["starting", "ready", "running", "done", "stopped"]
    counts: dict[str, int]
    note: str = ""
    sentences: tuple[str, ...] = ()


class Command(Header, frozen=True, tag="command"):
    """A request to one node; answered by a `Reply` with the same ``id``."""

    id: str
    action: str
    arguments: dict[str, str] = field(default_factory=dict)


class Reply(Header, frozen=True, tag="reply"):
    """Answer to a `Command`."""

    id: str
    ok: bool
    text: str


class Credit(Header, frozen=True, tag="credit"):
    """Flow control: everything of ``stream`` below ``count`` has been consumed."""

    stream: str
    count: Count
    epoch: str = ""


class RunStart(Header, frozen=True, tag="runstart"):
    """First document of a run: what is about to happen, in words and hashes."""

    person: str
    mode: Literal["live", "replay", "pilot"]
    modality: Literal["fmri", "eeg"]
    t_wall: float
    facts: dict[str, str]


class RunStop(Header, frozen=True, tag="runstop"):
    """Last document of a run."""

    exit_status: Literal["success", "abort", "fail"]
    reason: str
    interrupted: bool
    counts: dict[str, dict[str, int]]


AnyHeader = (
    Volume | Samples | Signal | Features | Quality | StatMap | Regions | Event | Percept | Frame
    | FrameInfo | Painting | Feedback | View | Grant | Beat | Command | Reply | Credit | RunStart
    | RunStop
)  # fmt: skip
