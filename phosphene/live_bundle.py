"""The bundle of a session: whether it belongs to this person, these data and this target space."""

from __future__ import annotations

from phosphene.bundle import SPACE_GRAPH, Bundle, Expectation
from phosphene.errors import BundleError, ConfigError, check_all, problem
from phosphene.manifest import Manifest
from phosphene.seal.opening import is_sealed, sealed_header
from phosphene.session import Session
from phosphene.stimuli import SPACE_ID
from phosphene.stimuli.encoder import space_hash

__all__ = ["keys_of", "live_bundle", "with_threshold"]

_READ_IT = ("acquisition", "decoder", "renderer")


def live_bundle(session: Session) -> Bundle | None:
    """Load the bundle that a session names; None where it names none.

    Parameters
    ----------
    session : Session
        Tells person, modality and the bundle's place.

    Raises
    ------
    BundleError
        If it is damaged, or for another person, modality or target space, or for voxels of which
        nobody knows where they lie.
    ConfigError
        If the feedback score is to be that of a category which the bundle does not know.
    """
    path = session.decoder.bundle
    if path is None:
        return None
    bundle = Bundle.load(path, Expectation(person=session.person, modality=session.modality))
    target, found = bundle.manifest.target, []
    if target.id == SPACE_ID and target.sha256 != space_hash():
        found.append(
            problem("target_sha256", target.sha256[:12], f"{SPACE_ID} as installed here, "
                    f"{space_hash()[:12]}", "Fit the bundle anew with this installation.")
        )  # fmt: skip
    elsewhere = target.id != SPACE_ID and SPACE_GRAPH not in bundle.payload
    if elsewhere and "z" in bundle.manifest.heads:
        found.append(
            problem("target_id", target.id, f"{SPACE_ID}, or a space whose decoder is in the "
                    f"bundle ({SPACE_GRAPH})", "Fit the bundle anew.")
        )  # fmt: skip
    if not bundle.manifest.placed:
        found.append(
            problem("placed", False, "voxels of a known mask", "Fit it from volumes; trials whose "
                    "voxels have no place can only be evaluated.")
        )  # fmt: skip
    check_all(found, BundleError, f"bundle {path}")
    _check_score(session, bundle.manifest)
    return bundle


def keys_of(session: Session, node: str) -> tuple[str, ...]:
    """Return the ids of sealed files whose own keys a node needs: the decoder's, if it reads it."""
    path = session.decoder.bundle
    if path is None or node not in _READ_IT or not is_sealed(path):
        return ()
    return (sealed_header(path).core.id,)


def _check_score(session: Session, manifest: Manifest) -> None:
    """Refuse a feedback score of a category that is never decoded: it would be 0 for ever."""
    target = session.results.target
    known = manifest.labels if "class" in manifest.heads else ()
    if session.results.stream and target is not None and target not in known:
        allowed = ", ".join(known) or "none: this bundle decodes no categories"
        cure = "Correct it, or take it out: the score is then the confidence."
        raise ConfigError(problem("results.target", target, allowed, cure))


def with_threshold(session: Session, bundle: Bundle | None) -> Session:
    """Return the session with the bundle's threshold, unless it sets `min_confidence` itself."""
    threshold = None if bundle is None else bundle.manifest.calibration.threshold
    if threshold is None or "min_confidence" in session.renderer.model_fields_set:
        return session
    renderer = session.renderer.model_copy(update={"min_confidence": threshold})
    return session.model_copy(update={"renderer": renderer})
