"""``python -m acquisition.trigger``: turn a scanner's pulses into an LSL marker stream."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence

import pylsl

from acquisition.lsl.config import LslConfig, configure_lsl
from acquisition.lsl.outlet import MarkerOutlet
from acquisition.trigger.pulses import clock_pulses, key_pulses, serial_pulses
from phosphene.errors import PhospheneError

__all__ = ["main"]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m acquisition.trigger",
        description="Turn a scanner's pulses into an LSL marker stream that a session can name.",
    )
    origin = parser.add_mutually_exclusive_group(required=True)
    origin.add_argument("--keys", help="keys that the trigger box types, for instance 5t")
    origin.add_argument("--serial", help="serial line, each byte is a pulse (needs pyserial)")
    origin.add_argument("--every", type=float, help="no scanner: a pulse every so many seconds")
    parser.add_argument("--baud", type=int, default=9600, help="speed of the serial line")
    parser.add_argument("--count", type=int, default=10000, help="pulses with --every")
    parser.add_argument("--source-id", default="phosphene-trigger", help="name of the stream")
    parser.add_argument("--label", default="trigger", help="text of each marker")
    parser.add_argument("--lsl-session", "--session", dest="session", default="default",
                        help="LSL session id")  # fmt: skip
    parser.add_argument(
        "--scope", default="machine", choices=("machine", "link"), help="who may hear it"
    )
    return parser


def _pulses(arguments: argparse.Namespace) -> Iterator[float]:
    if arguments.keys is not None:
        return key_pulses(arguments.keys, sys.stdin.fileno(), pylsl.local_clock)
    if arguments.serial is not None:
        return serial_pulses(arguments.serial, arguments.baud, pylsl.local_clock)
    return clock_pulses(arguments.every, arguments.count, pylsl.local_clock)


def main(words: Sequence[str] | None = None) -> int:
    """Send pulses until their origin ends or the process is interrupted; return the exit status."""
    arguments = _parser().parse_args(words)
    sent = 0
    try:
        configure_lsl(LslConfig(session_id=arguments.session, scope=arguments.scope))
        outlet = MarkerOutlet(arguments.source_id)
        print(f"pulses go out as LSL stream {arguments.source_id!r}", flush=True)
        if arguments.every is not None:
            outlet.wait_for_reader(3600.0)
        for at_s in _pulses(arguments):
            outlet.push_label(arguments.label, at_s)
            sent += 1
    except KeyboardInterrupt:
        pass
    except PhospheneError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{sent} pulses sent")
    return 0


if __name__ == "__main__":
    sys.exit(main())
