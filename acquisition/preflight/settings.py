"""Whether settings fit each other, the bundle and the streams. Reads the bundle."""

from __future__ import annotations

from collections.abc import Sequence

from acquisition.eeg_settings import not_used, stream_problems
from acquisition.left_out import no_epochs
from acquisition.lsl.formats import EegFormat
from acquisition.settings import settings_of
from phosphene.bundle import Bundle
from phosphene.doctor import Finding
from phosphene.errors import PhospheneError
from phosphene.live_bundle import live_bundle
from phosphene.seal.opening import is_unlocked
from phosphene.session import Session

__all__ = ["settings_findings"]


def settings_findings(
    session: Session, layout: EegFormat | None, there: Sequence[str]
) -> tuple[Finding, ...]:
    """List what is wrong with the settings of a session, and what is only to be known.

    Parameters
    ----------
    session : Session
        As loaded.
    layout : EegFormat or None
        The EEG stream, where it is there.
    there : sequence of str
        Ids of the streams that are there.
    """
    path = session.decoder.bundle
    if path is not None and not is_unlocked(path):
        cure = "the run looks at the streams with its key, before it starts"
        return (Finding("hint", "the decoder is sealed: what it needs is not known here", cure),)
    try:
        bundle = live_bundle(session)
        settings = settings_of(session.acquisition, bundle).eeg
    except PhospheneError as error:
        return (Finding("error", str(error)),)
    if session.modality != "eeg":
        return ()
    found = [Finding("warning", text) for text in (not_used(session.acquisition, bundle),) if text]
    heard = [name for name in session.source.source_ids[1:] if name in there]
    ids = [*session.source.source_ids[:1], *heard]
    if text := no_epochs(settings.mode, session.source.kind, ids, bundle):
        found.append(Finding("warning", text))
    if layout is not None:
        found += _against(session, bundle, layout)
    return tuple(found)


def _against(session: Session, bundle: Bundle | None, layout: EegFormat) -> list[Finding]:
    """Compare with the stream; a bundle says itself which channels it wants."""
    if bundle is None:
        eeg = session.acquisition.eeg
        problems = stream_problems(eeg, layout.fs_hz, layout.channel_names)
        return [Finding("error", text) for text in problems]
    missing = [name for name in bundle.manifest.channels if name not in layout.channel_names]
    if not missing:
        return []
    text = f"the stream has no channel {', '.join(missing)}, which the bundle decodes from"
    return [Finding("error", f"{text}; it has {', '.join(layout.channel_names)}")]
