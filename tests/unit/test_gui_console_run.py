from __future__ import annotations

import io
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tqdm import tqdm

from gui.console_run import RunProcess, as_shown, mode_of, value_of

TELLS = """
import json, os, sys, time
fd = int(sys.argv[-1])
print("first", flush=True)
sys.stdout.write("0 %\\r50 %\\r\\x1b[0m100 %\\n"); sys.stdout.flush()
with os.fdopen(fd, "w") as pipe:
    pipe.write(json.dumps({"plan": "/run/x/plan.json"}) + "\\n")
time.sleep(float(sys.argv[1]))
"""


def started(code: str, *arguments: str) -> RunProcess:
    return RunProcess(arguments, ("-c", code))


@pytest.fixture
def run() -> Iterator[RunProcess]:
    made = started(TELLS, "60")
    yield made
    made.end()


def wait(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_it_tells_where_the_plan_lies_and_what_it_says(run: RunProcess) -> None:
    wait(lambda: run.plan_file() is not None)
    assert run.plan_file() == Path("/run/x/plan.json")
    wait(lambda: "100" in run.words())
    assert run.words() == "first\n100 %", "a line that was rewritten, as it is now"
    assert run.exit_code() is None


def test_a_bar_below_another_one_is_rewritten_in_place_too() -> None:
    file = io.StringIO()
    print("writing the report", file=file)
    shown = []
    with tqdm(total=2, desc="report", file=file, mininterval=0, ncols=40) as outer:
        for _ in range(2):
            for _ in tqdm(
                range(9), desc="preview", file=file, mininterval=0, leave=False, ncols=40
            ):
                shown.append(as_shown(file.getvalue()).splitlines())
            outer.update()
    assert [len(lines) for lines in shown] == [3] * 18
    assert "89%" in shown[8][2]
    first, last = as_shown(file.getvalue()).splitlines()
    assert first == "writing the report"
    assert last.startswith("report: 100%")


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("0 %\r2 %\r9 %\r", ["9 %"]),
        ("long line\rshort", ["shortline"]),
        ("long line\r         \rshort\n", ["short"]),
        ("a\n\n\nb\r\n", ["a", "b"]),
        ("\x1b[5Aa\x1b[2Kb\x1b[31mc\x1b", ["abc"]),
    ],
)
def test_words_are_what_a_terminal_would_show(text: str, lines: list[str]) -> None:
    assert as_shown(text).splitlines() == lines


@given(st.text(alphabet="ab \r\n", max_size=40))
def test_nothing_that_is_not_rewritten_is_lost(text: str) -> None:
    plain = text.replace("\r", "")
    told = [line.rstrip() for line in plain.split("\n") if line.strip()]
    assert as_shown(plain).splitlines() == told
    assert "\r" not in as_shown(text)


SPILLS = """
import sys
from phosphene.seal.passphrase import passphrase
told = dict(zip(sys.argv[1::2], sys.argv[2::2]))
got = passphrase("x.key", int(told["--passphrase-fd"]))
print(got[::-1])
for name in ("cmdline", "environ"):
    print(got.encode() in open(f"/proc/self/{name}", "rb").read())
"""


def test_a_passphrase_goes_through_a_pipe_and_stands_nowhere_else() -> None:
    phrase = "correct hörse"
    made = RunProcess(("--speed", "1"), ("-c", SPILLS), secret=phrase)
    wait(lambda: made.exit_code() is not None)
    assert made.words() == f"{phrase[::-1]}\nFalse\nFalse"
    made.end()


def test_its_words_are_on_no_disk(run: RunProcess) -> None:
    wait(run.words)
    target = Path(f"/proc/{run.pid}/fd/1").readlink()
    assert str(target).startswith("/memfd:")


def test_one_that_does_not_listen_is_killed() -> None:
    deaf = "import signal, time; signal.signal(15, signal.SIG_IGN); print('x', flush=True); "
    made = started(deaf + "time.sleep(60)")
    wait(made.words)
    made.end(patience_s=0.2)
    assert made.exit_code() == -signal.SIGKILL


def test_long_words_are_cut_from_the_front() -> None:
    made = started("print('\\n'.join(f'line {n}' for n in range(9000)))")
    wait(lambda: made.exit_code() is not None)
    assert made.words().endswith("line 8999")
    assert len(made.words()) <= 20_000
    assert made.plan_file() is None
    made.end()
    with Path("/dev/null").open() as other:  # its number may be one that the run has given back
        made.close()
        assert os.fstat(other.fileno())


def test_the_mode_comes_from_the_command() -> None:
    modes = [mode_of([c]) for c in ("live", "replay", "demo")]
    assert modes == ["live", "replay", "pilot"]
    assert mode_of([]) == "live", "what is not known is treated as the real thing"


def test_an_option_is_found_in_either_spelling() -> None:
    line = ["demo", "--participant-screen", "BEAMER", "--seconds=60", "--out"]
    found = [value_of(line, f"--{name}") for name in ("participant-screen", "seconds", "out", "x")]
    assert found == ["BEAMER", "60", None, None]
