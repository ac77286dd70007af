"""What a run tells: its person on the terminal, and the console where it can sit down."""

from __future__ import annotations

import contextlib
import json
import os
from datetime import UTC, datetime

from phosphene.bundle import Bundle
from phosphene.bus import RunFolder
from phosphene.consent import Consent, Scope, why_not
from phosphene.model_card import NOTHING_LEARNED
from phosphene.supervisor import Outcome

__all__ = ["tell_bundle", "tell_consent", "tell_console", "tell_outcome", "unconsented"]


def tell_bundle(bundle: Bundle | None, least: float) -> None:
    """Tell from which confidence on pictures are shown."""
    if bundle is None:
        print("bundle: none; quality control only, nothing is decoded")
        return
    calibration = bundle.manifest.calibration
    kept = calibration.kept or 0.0
    chosen = least == calibration.threshold
    if chosen and calibration.kept == 0:
        print(f"warning: {NOTHING_LEARNED}")
        return
    why = f", which keeps {100 * kept:.0f} % of the right percepts" if chosen else ""
    print(f"no picture below a confidence of {least:.2f}{why}")


def tell_consent(consent: Consent | None, person: str) -> None:
    """Tell what the person allows."""
    now = datetime.now(UTC)
    granted = [scope.value for scope in Scope if why_not(consent, scope, person, now) is None]
    if granted:
        print("consent: " + ", ".join(granted))
    else:
        reason = unconsented(consent, person)
        print(f"consent: none ({reason}); quality control only, nothing is decoded or shown")


def unconsented(consent: Consent | None, person: str) -> str | None:
    """Say why nothing at all is consented to; None where something is."""
    now = datetime.now(UTC)
    denied = {scope: why_not(consent, scope, person, now) for scope in Scope}
    return denied[Scope.VIEW_SELF] if all(denied.values()) else None


def tell_outcome(outcome: Outcome) -> None:
    """Tell how the run ended."""
    marked = ", interrupted" if outcome.interrupted else ""
    print(f"run ended: {outcome.status}{marked} ({outcome.reason})")


def tell_console(pipe: int, folder: RunFolder) -> None:
    """Tell a console which plan waits for it, as one line of JSON, and close the pipe."""
    with contextlib.suppress(BrokenPipeError), os.fdopen(pipe, "w", encoding="utf-8") as outlet:
        outlet.write(json.dumps({"plan": str(folder.path / "plan.json")}) + "\n")
