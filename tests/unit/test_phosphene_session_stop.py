"""A live run that decodes somebody has a stop device for them, or says why it has none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from phosphene.errors import ConfigError
from phosphene.gate.memory import GateMemory
from phosphene.gate.rules import policy_of
from phosphene.plan import Plan
from phosphene.run import RunOptions, run_chain
from phosphene.session import Session
from phosphene.session_stop import armed, missing_stop, require_stop, tell_stop

WHY = "a phantom lies in the scanner"
DEVICES: list[dict[str, Any]] = [
    {"keyboard": "/dev/null"}, {"serial": "/dev/ttyS9"}, {"demanded": True},
]  # fmt: skip


def session(*, bundle: bool = True, **stop: Any) -> Session:
    fields: dict[str, Any] = {
        "person": "p01", "modality": "fmri", "source": {"kind": "folder", "path": "/in"},
        "stop": stop, "decoder": {"bundle": "/p01.phos"} if bundle else {},
    }  # fmt: skip
    return Session.model_validate(fields)


def test_a_live_run_without_a_stop_device_does_not_start_and_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("phosphene.run._require_consent", lambda *_: None)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=r"no stop device.*\[stop\].*demanded = true.*none ="):
        run_chain(session(), RunOptions(mode="live"))
    assert list(tmp_path.iterdir()) == []
    for mode in ("replay", "pilot"):
        require_stop(session(), mode)
    require_stop(session(bundle=False), "live")
    undecoded = missing_stop(session(bundle=False))
    assert undecoded is not None
    assert (undecoded.level, "nothing is decoded" in undecoded.text) == ("hint", True)
    assert "keyboard" in undecoded.fix
    with pytest.raises(ConfigError):
        require_stop(session(none=" "), "live")


def test_a_device_or_a_reason_is_enough_and_the_reason_is_told(
    capsys: pytest.CaptureFixture[str],
) -> None:
    for stop in DEVICES:
        require_stop(session(**stop), "live")
        assert missing_stop(session(**stop)) is None
    require_stop(session(none=WHY), "live")
    tell_stop(session(none=WHY), "live")
    assert WHY in capsys.readouterr().out
    tell_stop(session(**DEVICES[0]), "live")
    tell_stop(session(), "replay")
    assert capsys.readouterr().out == ""
    with pytest.raises(ValidationError, match="there is one"):
        session(none=WHY, keyboard="/dev/null")


@pytest.mark.parametrize("stop", DEVICES)
def test_a_live_run_with_a_device_decodes_nothing_before_one_press(
    stop: dict[str, Any], tmp_path: Path
) -> None:
    held = armed(session(**stop), "live")
    plan = Plan(run="r", folder=tmp_path, mode="live", session=held)
    again = Plan.model_validate_json(plan.model_dump_json())
    assert policy_of(again, GateMemory(tmp_path)).phase == "armed"
    itself = session(**{**stop, "demanded": False})
    for other, mode in ((itself, "live"), (session(**stop), "replay"), (session(), "live")):
        assert armed(other, mode) is other
