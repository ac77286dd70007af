"""A small film of the run: what was seen, beside what was decoded from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt
from av.codec import Codec
from av.codec.codec import UnknownCodecError
from PIL import Image, ImageDraw

from phosphene.closing import Closing
from phosphene.marking import LABEL, Marks, mark_film
from phosphene.messages import Frame, Message
from phosphene.report.truth import Shown, shown_at

__all__ = ["ENCODERS", "NEUTRAL", "PreviewFilm", "film_rate_hz", "said_of"]

Picture = npt.NDArray[np.uint8]
ENCODERS = ("libx264", "libopenh264", "mpeg4")
SCALE = 4
CAPTION_PX = 24
NEUTRAL = "neutral: nothing decoded"
TOO_LOW, NO_PICTURE = "too low for a picture: neutral", "neutral: no picture"
GREY = (110, 110, 110)


def film_rate_hz(fps: float | None, percept_times_s: Sequence[float]) -> float:
    """Return the film's frame rate: that of the run; at full speed one frame per percept.

    Parameters
    ----------
    fps : float or None
        Frames per second of the run; None at full speed.
    percept_times_s : sequence of float
        Data times of the percepts, in seconds.
    """
    if fps is not None:
        return fps
    steps = np.diff(np.sort(percept_times_s))
    steps = steps[steps > 0]
    return float(np.clip(1.0 / np.median(steps), 0.5, 60.0)) if len(steps) else 1.0


def _encoder() -> str:
    for name in ENCODERS:
        try:
            Codec(name, "w")
        except UnknownCodecError:
            continue
        return name
    return ""


class PreviewFilm(Closing):
    """Writes the film, frame by frame.

    Parameters
    ----------
    path : Path
        File to write.
    rate_hz : float
        Frames per second.
    timed : bool
        True: frames stand at the time they were rendered, so that gaps show; False: evenly.
    least : float
        Confidence below which no picture was made.
    marks : Marks
        What the file says of itself.
    shown : sequence of Shown
        What was on show when.
    seen_s : mapping of float to float
        When a percept (known by its time of sending) was seen, in seconds.

    Attributes
    ----------
    frames : int
        Frames written; without any there is no file.
    """

    def __init__(
        self,
        path: Path,
        rate_hz: float,
        shown: Sequence[Shown],
        seen_s: Mapping[float, float],
        *,
        timed: bool,
        least: float = 1.0,
        marks: Marks | None = None,
    ) -> None:
        self._marks = marks or Marks()
        self.frames = 0
        self._least = least
        self._path, self._shown, self._seen_s, self._timed = path, shown, seen_s, timed
        self._begin_s = 0.0
        self._last_pts = -1
        self._side = 0
        self._words = ("", "")
        self._caption = np.zeros((0, 0, 3), np.uint8)
        self._rate = Fraction(rate_hz).limit_denominator(1000)
        self._container: Any = None
        self._stream: Any = None
        self._left: tuple[float, Picture] | None = None
        path.unlink(missing_ok=True)

    def add(self, message: Message) -> None:
        """Add one recorded frame."""
        header: Frame = message.header
        decoded = message.arrays["picture"]
        if self._container is None:
            self._begin_s = header.t_rendered
            self._side = _side_of(decoded)
            self._open()
        frame = av.VideoFrame.from_ndarray(self._canvas(header, decoded), format="rgb24")
        elapsed_s = header.t_rendered - self._begin_s if self._timed else 0.0
        frame.pts = self._last_pts = max(self._last_pts + 1, round(elapsed_s * float(self._rate)))
        self._container.mux(self._stream.encode(frame))
        self.frames += 1

    def close(self) -> None:
        """Finish the file."""
        if self._container is not None:
            self._container.mux(self._stream.encode())
            self._container.close()
            self._container = None
            mark_film(self._path, self._marks)

    def _open(self) -> None:
        name = _encoder()
        self._container = av.open(str(self._path), "w")
        self._container.metadata.update(self._marks.tags)
        self._stream = self._container.add_stream(name, rate=self._rate)
        self._stream.height, self._stream.width = self._side + CAPTION_PX, 2 * self._side
        self._stream.pix_fmt = "yuv420p"
        self._stream.codec_context.time_base = 1 / self._rate
        # Small pictures: speed matters more than size.
        self._stream.options = {"preset": "veryfast", "crf": "20"} if name == "libx264" else {}

    def _canvas(self, header: Frame, decoded: Picture) -> Picture:
        """Put seen and decoded side by side over a caption."""
        side = self._side
        left, words = self._seen(header, side, max(decoded.shape[:2]))
        lines = (words, said_of(header, self._least))
        if self._words != lines:
            self._words, self._caption = lines, _caption(*lines, side)
        pictures = np.concatenate([left, _fitted(decoded, side)], axis=1)
        return np.concatenate([pictures, self._caption])

    def _seen(self, header: Frame, side: int, own_px: int) -> tuple[Picture, str]:
        """Return what was on show at the time that a frame's percept speaks of.

        It is drawn at `own_px`, the size of the frame, so that both are enlarged alike.
        """
        empty = np.full((side, side, 3), GREY, np.uint8)
        t_s = self._seen_s.get(header.t_percept)
        if t_s is None:
            return empty, "seen: not known" if header.percept_seq >= 0 else "nothing decoded yet"
        block = shown_at(self._shown, t_s)
        if block is None:
            return empty, f"seen: nothing, {t_s:.1f} s"
        words = f"seen: {self._shown[block].label}, {t_s:.1f} s"
        if self._left is None or self._left[0] != t_s:
            picture = self._shown[block].picture_at(t_s, own_px)
            self._left = (t_s, empty if picture is None else _fitted(picture, side))
        return self._left[1], words


def _side_of(picture: Picture) -> int:
    """Return the side in pixels that a picture is shown at; even, as the encoders need."""
    longest = int(max(picture.shape[:2]))
    return 2 * (longest * (SCALE if longest <= 128 else 1) // 2)


def said_of(header: Frame, least: float = 1.0) -> str:
    """Say what stands on the right: a picture or the neutral frame, and how sure the decoder was.

    Parameters
    ----------
    header : Frame
        Of a recorded frame.
    least : float
        Confidence below which no picture was made.
    """
    sure = f"confidence {header.confidence:.2f}"
    if header.state != "neutral":
        return LABEL if header.percept_seq < 0 else f"{LABEL}, {sure}"
    if header.percept_seq < 0:
        return NEUTRAL
    return f"{sure}, {TOO_LOW if header.confidence < least else NO_PICTURE}"


def _caption(words: str, said: str, side: int) -> Picture:
    image = Image.new("RGB", (2 * side, CAPTION_PX), (20, 20, 20))
    drawing = ImageDraw.Draw(image)
    drawing.text((6, 6), words, fill=(230, 230, 230))
    drawing.text((side + 6, 6), said, fill=(230, 200, 120))
    return np.asarray(image)


def _fitted(picture: Picture, side: int) -> Picture:
    return np.asarray(Image.fromarray(picture).resize((side, side), Image.Resampling.BICUBIC))
