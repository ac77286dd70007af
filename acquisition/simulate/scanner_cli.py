"""``phosphene simulate scanner``: any vendor's files or streams, in real time."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, closing, nullcontext
from pathlib import Path

from acquisition.simulate.ahead import ahead
from acquisition.simulate.disturb import Choice, Disturbance
from acquisition.simulate.files import ScannerFile, write_file
from acquisition.simulate.head import RunConfig, SimulatedVolume
from acquisition.simulate.motion import TruthFile, trajectory
from acquisition.simulate.network import NETWORK_VENDORS, network_target
from acquisition.simulate.options import clock_of, noise_seed, run_options, shown
from acquisition.simulate.pace import HardwareClock, SwitchedOffError
from acquisition.simulate.scanner import Export, Fault, ScannerScript, run_scanner
from acquisition.simulate.series import Series, make_series
from acquisition.simulate.subject import Subject, phantom, recorded, small_head, with_motion
from acquisition.simulate.vendors import FOLDER_VENDORS, Writer
from phosphene.errors import ConfigError, check_all, problem

__all__ = ["free_series", "run_it", "scanner_options"]

Put = Callable[[ScannerFile], None]

_PHANTOM, _PHANTOM_VOLUMES, _SHORTEST_RUN_S = "phantom", 60, 22.0
_SERIES_NUMBER = 7
_NUMBERED = re.compile(r"(?:\d{3}_|IM_|series|s)?(\d{4,6})(?!\d)")
_TELL_EVERY_S = 2.0


def scanner_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of the scanner."""
    add = parser.add_argument
    add("--vendor", choices=(*FOLDER_VENDORS, *NETWORK_VENDORS), default="siemens-mosaic",
        help="whose files or protocol; by default siemens-mosaic")  # fmt: skip
    add("--from", dest="source", default=_PHANTOM, metavar="FILE|DIR|phantom",
        help="what is measured: a recording, or the synthetic head (the default)")  # fmt: skip
    add("--run", help="run of the recording, where it has several")
    add("--to", required=True, metavar="DIR|HOST[:PORT]", help="folder for the files, or where "
        "the receiver listens (vsend: port 15000, afni: 7954)")  # fmt: skip
    add("--tr", type=float, help="repetition time in seconds; by default the recording's, or 1")
    add("--volumes", type=int, help="how many volumes; by default all, or 60 of the head")
    add("--matrix", metavar="XxYxZ", help="matrix of the synthetic head; by default 64x64x24")
    add("--delay", type=float, default=0.2, help="seconds from a volume to its file")
    add("--jitter", type=float, default=0.0, help="files come up to this many seconds later")
    add("--drop", metavar="P|I,J", help="volumes that never come: probability (0.05 or 5%%) or "
        "numbers from 0")  # fmt: skip
    add("--duplicate", metavar="P|I,J", help="volumes whose files come twice")
    add("--shuffle", action="store_true", help="neighbours, and files of a volume, swap places")
    add("--partial", action="store_true", help="files grow in place instead of appearing whole")
    add("--motion", metavar="SPEC", help="walk:SIZE, jump:SIZE@INDEX (mm and degrees) or a CSV "
        "file of six numbers per volume")  # fmt: skip
    add("--truth", type=Path, help="CSV file for the head's true positions and the volumes' fate; "
        "with --motion by default beside the target")  # fmt: skip
    add("--fault", action="append", default=[], metavar="INDEX:KIND",
        help="drop, duplicate, truncate, slow_copy, other_series, foreign or "
        "other_matrix; may be repeated")  # fmt: skip
    run_options(parser)


def run_it(arguments: argparse.Namespace) -> int:
    """Run the scanner to the end of its volumes, or until it is switched off."""
    _check(arguments)
    subject = _subject(arguments)
    disturbance = _disturbance(arguments)
    script = ScannerScript(arguments.delay, tuple(_fault(text) for text in arguments.fault))
    number = _SERIES_NUMBER
    if arguments.vendor in FOLDER_VENDORS:
        Path(arguments.to).mkdir(parents=True, exist_ok=True)
        number = free_series(Path(arguments.to))
    series = make_series(
        noise_seed(arguments) + number, subject.affine, subject.tr_s, subject.slice_times_s,
        number, subject.n_volumes,
    )  # fmt: skip
    clock = clock_of(arguments)
    shape = "x".join(map(str, subject.shape))
    print(
        f"scanner: {subject.words}, {shape}, {subject.n_volumes} volumes, "
        f"TR {subject.tr_s:g} s, as {arguments.vendor}",
        flush=True,
    )
    teller = _Teller(subject.n_volumes, clock)
    export = Export(_writer(arguments.vendor), script, disturbance, teller)
    try:
        with _target(arguments, series, subject) as put, closing(_made(arguments, subject)) as made:
            # The first volume is there before the scan starts: growing a head takes a while.
            count = run_scanner(_from_the_first(made), put, series, clock, export=export)
    except SwitchedOffError:
        print("scanner: switched off")
    else:
        print(f"scanner: {count} files written{teller.punctuality()}")
    return 0


def free_series(folder: Path) -> int:
    """Return a series number that nothing in the folder has, as a scanner counts its series."""
    taken = (_NUMBERED.match(path.name) for path in folder.iterdir())
    numbers = [_SERIES_NUMBER - 1, *(int(found[1]) for found in taken if found)]
    return max(number for number in numbers if number < 10**4) + 1


# ---- parts -------------------------------------------------------------------------------------


def _check(arguments: argparse.Namespace) -> None:
    found = []
    if arguments.volumes is not None and arguments.volumes < 1:
        found.append(problem("--volumes", arguments.volumes, "1 or more", "Correct it."))
    if arguments.tr is not None and not arguments.tr > 0:
        found.append(problem("--tr", arguments.tr, "above 0 seconds", "Correct it."))
    if arguments.matrix is not None and arguments.source != _PHANTOM:
        found.append(problem("--matrix", arguments.matrix, "the synthetic head", "Leave it out."))
    if arguments.vendor in NETWORK_VENDORS and arguments.fault:
        found.append(problem("--fault", arguments.fault, "vendors with files", "Leave it out."))
    if arguments.vendor in NETWORK_VENDORS and arguments.partial and arguments.shuffle:
        found.append(problem("--partial", "with --shuffle", "one of them over TCP", "Choose."))
    if arguments.vendor == "afni" and (arguments.drop or arguments.duplicate or arguments.shuffle):
        found.append(
            problem("--drop, --duplicate, --shuffle", "given", "vendors that number their volumes",
                    "AFNI's images carry no number: nobody could tell. Leave them out.")
        )  # fmt: skip
    check_all(found, ConfigError, "simulated scanner")


def _subject(arguments: argparse.Namespace) -> Subject:
    spec, seed = arguments.motion, noise_seed(arguments)
    if arguments.source != _PHANTOM:
        source = Path(arguments.source)
        subject = recorded(source, arguments.run, arguments.volumes, arguments.tr)
        if spec is None:
            return subject
        return with_motion(subject, trajectory(spec, subject.n_volumes, seed))
    n_volumes, tr_s = arguments.volumes or _PHANTOM_VOLUMES, arguments.tr or 1.0
    programme = shown(arguments, max(n_volumes * tr_s, _SHORTEST_RUN_S))
    path = None if spec is None else trajectory(spec, n_volumes, seed)
    head = small_head(arguments.seed, _matrix(arguments.matrix))
    return phantom(head, programme, n_volumes, tr_s, RunConfig(seed=seed), path)


def _matrix(text: str | None) -> tuple[int, int, int] | None:
    if text is None:
        return None
    found = re.fullmatch(r"(\d+)[x,](\d+)[x,](\d+)", text)
    if found is None:
        raise ConfigError(problem("--matrix", text, "three numbers, such as 32x32x8", "Mend it."))
    return int(found[1]), int(found[2]), int(found[3])


def _disturbance(arguments: argparse.Namespace) -> Disturbance:
    drop, again = (Choice.parse(text) if text else Choice()
                   for text in (arguments.drop, arguments.duplicate))  # fmt: skip
    return Disturbance(
        arguments.jitter, drop, again, arguments.shuffle, arguments.partial, noise_seed(arguments)
    )


def _fault(text: str) -> Fault:
    index, colon, kind = text.partition(":")
    if not (colon and index.isdigit()):
        raise ConfigError(problem("--fault", text, "INDEX:KIND, for instance 12:drop", "Mend it."))
    return Fault(int(index), kind)  # type: ignore[arg-type]  # ScannerScript checks the kind


def _writer(vendor: str) -> Writer:
    return NETWORK_VENDORS[vendor][0] if vendor in NETWORK_VENDORS else FOLDER_VENDORS[vendor]


def _target(
    arguments: argparse.Namespace, series: Series, subject: Subject
) -> AbstractContextManager[Put]:
    if arguments.vendor not in NETWORK_VENDORS:
        folder = Path(arguments.to)
        return nullcontext(lambda file: write_file(folder, file))
    return network_target(arguments.vendor, arguments.to, series, subject.shape, arguments.partial)


def _made(arguments: argparse.Namespace, subject: Subject) -> Generator[SimulatedVolume]:
    """Make volumes ahead of their time, and write the truth about each."""
    path = _truth_path(arguments)
    disturbance = _disturbance(arguments)
    faults = {fault.index: fault.kind for fault in map(_fault, arguments.fault)}
    truth = None if path is None else TruthFile(path)
    for volume in ahead(lambda: subject.volumes):
        if truth is not None:
            fate = faults.get(volume.index) or disturbance.fate(volume.index)
            truth.add(volume.index, fate, volume.motion)
        yield volume


def _truth_path(arguments: argparse.Namespace) -> Path | None:
    given: Path | None = arguments.truth
    if given is not None or arguments.motion is None:
        return given
    if arguments.vendor in NETWORK_VENDORS:
        return Path("scanner-truth.csv")
    target = Path(arguments.to).resolve()
    return target.with_name(f"{target.name}-truth.csv")


def _from_the_first(volumes: Iterator[SimulatedVolume]) -> Iterator[SimulatedVolume]:
    first = next(volumes, None)

    def all_of_them() -> Iterator[SimulatedVolume]:
        if first is not None:
            yield first
        yield from volumes

    return all_of_them()


class _Teller:
    """Tells now and then how far the scan is, and at the end how punctual it was."""

    def __init__(self, n_volumes: int, clock: HardwareClock) -> None:
        self._n_volumes, self._clock = n_volumes, clock
        self._told_s, self._latest_s = clock.now(), 0.0

    def __call__(self, index: int, late_s: float) -> None:
        self._latest_s = max(self._latest_s, late_s)
        if self._clock.now() - self._told_s >= _TELL_EVERY_S:
            self._told_s = self._clock.now()
            print(f"scanner: volume {index + 1} of {self._n_volumes}", flush=True)

    def punctuality(self) -> str:
        """Return a remark on the largest delay behind the schedule, which real time only has."""
        return f", at most {1000 * self._latest_s:.0f} ms late" if self._latest_s > 0 else ""
