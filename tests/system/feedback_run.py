"""Begins one run of a session as the commands do: ``feedback_run.py OPTIONS.json``."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from phosphene.consent import load_consent
from phosphene.errors import PhospheneError
from phosphene.run import RunOptions, run_chain
from phosphene.session import Session
from phosphene.session_check import require_source, source_findings


def main() -> int:
    given = json.loads(Path(sys.argv[1]).read_text())
    session = Session.model_validate(given["session"])
    consent = load_consent(Path(given["consent"]))
    require_source(source_findings(session))
    options = RunOptions(
        mode="replay", speed=given["speed"], consent=consent, headless=not given.get("window")
    )
    return 0 if run_chain(session, options).status == "success" else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except PhospheneError as error:
        print(error)
        sys.exit(2)
