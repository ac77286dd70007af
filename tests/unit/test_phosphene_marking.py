"""Marks of pictures and films are read back from what was written."""

from __future__ import annotations

import io
from pathlib import Path
from xml.etree import ElementTree

import av
import numpy as np
import pytest
from PIL import Image

from phosphene.marking import LABEL, SOURCE_TYPE, Marks, labelled, png_bytes, read_film_xmp
from phosphene.messages import Frame, Message, describe
from phosphene.recorder.writer import jpeg
from phosphene.report.preview import PreviewFilm

MARKS = Marks(model="b" * 64 + " <&> world-64", run="run-7")
PICTURE = np.full((64, 64, 3), 90, np.uint8)


def told(xmp: str) -> str:
    """All that a packet says; it must be whole XML."""
    packet = xmp.partition("?>")[2].rpartition("<?xpacket")[0]
    return " ".join(ElementTree.fromstring(packet).itertext())  # noqa: S314  our own


def test_a_picture_says_what_it_is_in_text_and_xmp() -> None:
    with Image.open(io.BytesIO(png_bytes(PICTURE, MARKS))) as image:
        words = dict(image.text)  # type: ignore[attr-defined]
        assert np.array_equal(np.asarray(image), PICTURE)
    xmp = words.pop("XML:com.adobe.xmp")
    assert words == MARKS.words
    assert words["Description"] == LABEL == "AI-generated from brain data"
    for word in (LABEL, SOURCE_TYPE, MARKS.model, "run-7", "Phosphene"):
        assert word in told(xmp)


def test_without_model_and_run_the_label_stays() -> None:
    with Image.open(io.BytesIO(png_bytes(PICTURE))) as image:
        assert set(image.text) == {"Description", "Software", "Source", "XML:com.adobe.xmp"}  # type: ignore[attr-defined]
        assert LABEL in told(image.text["XML:com.adobe.xmp"])  # type: ignore[attr-defined]


@pytest.mark.parametrize("width", [32, 64, 512])
def test_the_label_below_a_picture_outlives_a_new_encoding(width: int) -> None:
    picture = np.full((64, width, 3), 90, np.uint8)
    marked = labelled(picture)
    assert np.array_equal(marked[:64], picture)
    buffer = io.BytesIO()
    Image.fromarray(marked).save(buffer, "JPEG", quality=60)
    below = np.asarray(Image.open(buffer))[64:].astype(int)
    assert below.shape[1] == width
    assert below.max() - below.min() > 80, "letters stand out"


def test_a_recorded_picture_carries_the_label() -> None:
    with Image.open(io.BytesIO(jpeg(PICTURE))) as image:
        assert image.info["comment"] == LABEL.encode()


def test_a_film_says_what_it_is_and_still_plays(tmp_path: Path) -> None:
    path = tmp_path / "preview.mp4"
    arrays = {"picture": PICTURE}
    with PreviewFilm(path, 4.0, [], {}, timed=False, marks=MARKS) as film:
        for k in range(3):
            header = Frame(
                run="r", seq=k, t_acquired=0.0, t_sent=0.0, producer="gate", t_rendered=k / 4,
                t_due=k / 4, late=False, skipped=0, render_ms=1.0, state="picture", percept_seq=-1,
                percept_index=-1, confidence=0.5, age_s=0.0, t_percept=0.0, seed=0, model="m",
                arrays=describe(arrays, {"picture": ("y", "x", "rgb")}, {}),
            )  # fmt: skip
            film.add(Message(header, arrays))
    with av.open(str(path)) as held:
        assert held.metadata["comment"] == LABEL
        assert "run-7" in held.metadata["description"]
        assert MARKS.model in held.metadata["description"]
        assert len(list(held.decode(video=0))) == 3
    assert MARKS.model in told(read_film_xmp(path))
    assert read_film_xmp(Path(__file__)) == ""
