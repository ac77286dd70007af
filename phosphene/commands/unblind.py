"""``phosphene unblind``: tell what a person saw; each time stands in the audit log."""

from __future__ import annotations

import argparse
import csv
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from phosphene.commands.base import CliCommand
from phosphene.commands.keys import add_key_options, steward_key
from phosphene.errors import ConfigError, InputError, SealError

if TYPE_CHECKING:
    from phosphene.feedback.record import About, Row
    from phosphene.seal.keys import StewardKey

__all__ = ["UNBLIND"]


def _configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("assignment", type=Path, nargs="?", help="sealed assignment")
    parser.add_argument("--scores", type=Path, help="file of scores of the run")
    parser.add_argument("--csv", type=Path, help="write the scores here")
    parser.add_argument("--donor", type=Path, help="write a donor's file for sham control here")
    parser.add_argument("--summary", action="store_true", help="tell what regulation reached")
    add_key_options(parser)


def _run(arguments: argparse.Namespace) -> int:
    if arguments.assignment is None and arguments.scores is None:
        raise ConfigError("unblind: give an assignment, --scores, or both")
    if (arguments.csv or arguments.donor or arguments.summary) and arguments.scores is None:
        raise ConfigError("--csv, --donor, --summary: give the file with --scores")
    for path in (arguments.csv, arguments.donor):
        if path is not None and path.exists():
            raise ConfigError(f"{path}: exists already and is never overwritten")
    key = steward_key(arguments)
    arm = None if arguments.assignment is None else _unblind(arguments.assignment, key)
    return 0 if arguments.scores is None else _scores(arguments, key, arm)


def _unblind(path: Path, key: StewardKey | None) -> tuple[str, int]:
    from phosphene.feedback.blinding import ARMS, load_assignment
    from phosphene.seal.keys import fingerprint
    from phosphene.seal.places import note

    found = load_assignment(path)
    if key is None:
        raise ConfigError("--key: the steward's private key is needed")
    arm = found.open(key.private)
    # The line is written before anything is told.
    if why := note("unblinded", study=found.study, assignment=found.id, sha256=found.sha256,
                   key=fingerprint(key.public)):  # fmt: skip
        raise SealError(f"{path}: nothing was unblinded: {why}")
    print(f"study {found.study}, person {found.person}: {ARMS[arm]}")
    return found.id, arm


def _opened(path: Path, key: StewardKey | None) -> tuple[About, list[Row]]:
    from phosphene.feedback.record import unpack
    from phosphene.seal.keys import fingerprint
    from phosphene.seal.opening import is_sealed, open_sealed, sealed_header
    from phosphene.seal.places import note

    if not path.is_file():
        raise InputError(f"{path}: does not exist")
    if not is_sealed(path):
        return unpack(path.read_bytes())
    if key is None:
        raise ConfigError("--key: the steward's private key is needed")
    header = sealed_header(path)
    content = header.open(key)
    if why := note("scores opened", run=header.core.run, recording=header.core.id,
                   key=fingerprint(key.public)):  # fmt: skip
        raise SealError(f"{path}: nothing was opened: {why}")
    with open_sealed(path, content) as file:
        return unpack(file.read())


def _scores(
    arguments: argparse.Namespace, key: StewardKey | None, arm: tuple[str, int] | None
) -> int:
    from phosphene.feedback.donor import donor_of

    about, rows = _opened(arguments.scores, key)
    print(f"run {about.run}: {len(rows)} scores, {about.score}")
    if arm is not None and (trouble := _disagreement(about, rows, arm)):
        print(trouble)
        return 1
    if arguments.csv is not None:
        _write_csv(arguments.csv, rows)
    if arguments.donor is not None:
        donor_of(about, rows).save(arguments.donor)
        print(f"{arguments.donor}: {len(rows)} scores for sham control, without the pseudonym")
    if arguments.summary:
        _tell_summary(about, rows)
    return 0


def _disagreement(about: About, rows: list[Row], arm: tuple[str, int]) -> str:
    """Say where what was shown is not what was assigned."""
    if about.assignment != arm[0]:
        return f"run {about.run} had another assignment: {about.assignment or 'none'}"
    shown = [row for row in rows if row.shown == row.shown]
    wrong = sum(row.shown != (row.own, row.donor)[arm[1]] for row in shown)
    return f"{wrong} of {len(shown)} scores shown are not those assigned" if wrong else ""


def _write_csv(path: Path, rows: list[Row]) -> None:
    if not rows:
        raise InputError(f"{path}: not written, there are no scores")
    with path.open("x", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, list(asdict(rows[0])))
        table.writeheader()
        table.writerows(asdict(row) for row in rows)
    print(f"{path}: {len(rows)} rows")


def _tell_summary(about: About, rows: list[Row]) -> None:
    from phosphene.feedback.learning import block_rows, summary_of

    for block in block_rows(about, rows):
        figures = ", ".join(f"{k} {block[k]:.3f}" for k in ("value", "own", "shown")
                            if block[k] is not None)  # fmt: skip
        print(f"  block {block['block']:>3} {block['kind']:<8} n {block['n']:>4}  {figures}")
    summary = summary_of(about, rows)
    for name in ("regulation", "learning"):
        told = summary[name]
        if "reason" in told:
            print(f"  {name}: {told['reason']}")
            continue
        print(
            f"  {name}: {told['value']:.3f} (chance {told['chance']:g}, shuffled "
            f"{told['shuffled']:.3f}, 97.5 % {told['shuffled_high']:.3f}, p {told['p']:.4f}); "
            f"{told['rule']}"
        )
    print(f"  {summary['split']}")


UNBLIND = CliCommand("unblind", "tell which score a person saw, and open it", _configure, _run)
