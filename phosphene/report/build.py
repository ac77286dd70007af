"""From the recordings of a run to its report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec
from matplotlib.figure import Figure
from tqdm import tqdm

from phosphene.marking import Marks, labelled, png_bytes
from phosphene.report import brain, feedback, figures
from phosphene.report.accuracy import Joined, accuracy, join
from phosphene.report.html import Picture, page
from phosphene.report.latency import latencies_ms
from phosphene.report.load import RunData, frames_of, load
from phosphene.report.pictures import PictureKeeper, chosen_of, pairs_of
from phosphene.report.preview import PreviewFilm, film_rate_hz
from phosphene.report.strip import full_size, strip
from phosphene.report.summary import split_of, summarise, write_json
from phosphene.report.truth import Shown, from_events, from_programme
from phosphene.report.volumes import write_table
from phosphene.report.withdrawn import refuse_withdrawn_run
from phosphene.stimuli import Programme

__all__ = ["Truth", "build"]

Truth = Programme | Sequence[Shown]


def build(out: Path, truth: Truth | None = None, *, run: str | None = None) -> Path:
    """Write ``report.json``, ``report.html`` and, where there are such, two files more.

    ``volumes.csv`` has the figures of every volume of a scan, ``preview.mp4`` the recorded
    pictures. Everything comes from the recordings, but for sentences that only the logs beside
    them hold; a run that was interrupted or recorded in part gets a
    report too, with the reasons for what is missing. Without recorded pictures, which need the
    consent scope ``record_images``, no picture appears anywhere.

    Parameters
    ----------
    out : Path
        Folder with the recordings (or one recording file); the report is written there.
    truth : Programme or sequence of Shown, optional
        What was shown; by default the recorded events, then the recorded programme.
    run : str, optional
        Identifier, where the folder holds several runs; by default the newest.

    Returns
    -------
    Path
        ``report.html``.

    Raises
    ------
    RecordingError
        If there is no recording.
    ConsentError
        If the person's consent was withdrawn, before, during or after the run; nothing is written.
    """
    folder = out if out.is_dir() else out.parent
    with tqdm(total=5, desc="report", unit="step", leave=False) as bar:
        data = load(out, run)
        refuse_withdrawn_run(data, out)
        shown = _truth(data, truth)
        bar.update()
        joined = join(data.percepts, shown)
        keeper = _pass_frames(data, shown, joined, folder / "preview.mp4")
        bar.update()
        scores = accuracy(joined, keeper.pictures, split_of(data))
        summary = summarise(data, scores, folder)
        if summary["scan"] is not None:
            for told, name in zip(summary["scan"]["maps"], brain.write_maps(folder, data.maps),
                                  strict=True):  # fmt: skip
                told["file"] = name
        write_table(folder / "volumes.csv", data)
        write_json(folder / "report.json", summary)
        bar.update()
        drawn = _drawn(data, joined, shown, keeper)
        blocks = feedback.figure(summary["feedback"])
        drawn = {**drawn, "feedback": None if blocks is None else figures.png(blocks)}
        large = full_size(pairs_of(joined, keeper.whole))
        marks = marks_of(data)
        whole = [Picture(words, png_bytes(labelled(pair), marks)) for words, pair in large]
        bar.update()
        path = folder / "report.html"
        path.write_text(page(summary, drawn, whole), encoding="utf-8")
        bar.update()
    return path


def marks_of(data: RunData) -> Marks:
    """Return what the pictures of a run say of themselves: by which decoder, in which run."""
    return Marks(model=data.facts.get("bundle", ""), run=data.start.run if data.start else "")


def _truth(data: RunData, given: Truth | None) -> list[Shown]:
    if isinstance(given, Programme):
        return from_programme(given)
    if given is not None:
        return sorted(given, key=lambda s: s.onset_s)
    if shown := from_events(data.events):
        return shown
    text = data.facts.get("programme", "")
    return from_programme(msgspec.json.decode(text, type=Programme)) if text else []


def _pass_frames(
    data: RunData, shown: Sequence[Shown], joined: Sequence[Joined], film: Path
) -> PictureKeeper:
    """Go once through the recorded pictures: into the film, and the last of each percept kept."""
    pictured = {frame.t_percept for frame in data.frames if frame.percept_seq >= 0}
    keeper = PictureKeeper([j.percept.header.t_sent for j in chosen_of(joined, pictured)])
    headers = [m.header for m in data.percepts]
    rate_hz = film_rate_hz(data.fps, [h.t_data for h in headers])
    seen_s = {h.t_sent: h.t_seen for h in headers}
    least = max((float(p.settings.get("min_confidence", "1")) for p in data.paintings), default=1.0)
    with PreviewFilm(
        film, rate_hz, shown, seen_s, timed=data.fps is not None, least=least, marks=marks_of(data)
    ) as preview:
        frames = tqdm(
            frames_of(data), total=len(data.frames), desc="preview", unit="frame", leave=False
        )
        for message in frames if data.frames else ():
            preview.add(message)
            keeper.see(message)
    return keeper


def _drawn(
    data: RunData, joined: Sequence[Joined], shown: Sequence[Shown], keeper: PictureKeeper
) -> Mapping[str, bytes | None]:
    pictures = strip(pairs_of(joined, keeper.pictures))
    made: dict[str, Figure | None] = {
        "confidence": figures.confidence(data, joined, shown),
        "regions": figures.regions(data, shown),
        "motion": figures.motion(data, shown),
        "where": brain.regions_figure(data.regions),
        "map": brain.map_figure(data.maps),
        "latency": figures.latency(latencies_ms(data)),
    }
    drawn = {name: None if f is None else figures.png(f) for name, f in made.items()}
    return {**drawn, "strip": None if pictures is None else png_bytes(pictures, marks_of(data))}
