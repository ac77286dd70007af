"""One run of the chain, from a validated session to its report."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, Never

from tqdm import tqdm

from phosphene.about import write_about
from phosphene.bundle import Bundle
from phosphene.bus import RunFolder
from phosphene.consent import Consent
from phosphene.consent.confirm import Confirmation, why_unconfirmed
from phosphene.consent.signing import require_consent
from phosphene.consent.withdrawal import withdrawal_of
from phosphene.consent.words import Circumstances
from phosphene.errors import ConfigError, ConsentError
from phosphene.feedback.facts import facts_of
from phosphene.live_bundle import keys_of, live_bundle, with_threshold
from phosphene.network.layout import Network
from phosphene.network.words import told_network
from phosphene.plan import Plan
from phosphene.recorder.names import recordings_in
from phosphene.run_end import end_of
from phosphene.run_words import tell_bundle, tell_consent, tell_console, tell_outcome, unconsented
from phosphene.seal.opening import is_sealed
from phosphene.seal.retention import seal_for
from phosphene.seal.runs import audit_begin, audit_end
from phosphene.session import Session
from phosphene.session_seal import require_seal
from phosphene.session_stop import armed, require_stop, tell_stop
from phosphene.stimuli.encoder import space_hash
from phosphene.supervisor import NodeSpec, Outcome, Snapshot, Supervisor

__all__ = ["RunOptions", "has_display", "run_chain", "set_aside"]

# What a run leaves in its output folder.
_OF_A_RUN = ("recording*.mcap*", "report.*", "preview.mp4", "logs/*.log")


@dataclass(frozen=True)
class RunOptions:
    """What a command decides about a run beyond the session.

    Attributes
    ----------
    mode : str
        ``live``, ``replay`` or ``pilot``.
    speed : float or None
        Pace of a replay; None for as fast as possible, losing nothing.
    headless : bool
        True: no window.
    consent : Consent or None
        The person's consent.
    confirmation : Confirmation or None
        That it was confirmed at the start; a live run with a consent needs one.
    tools : sequence of NodeSpec
        Simulated hardware to start once every node is ready.
    programme : str
        JSON of the stimulus programme of a synthetic participant.
    lsl_session : str
        LSL session id shared with the tools; empty for a random one.
    seconds : float or None
        End the run after this long.
    expected : int or None
        Volumes or epochs to come, for the progress bar.
    unit : str
        What the progress bar counts.
    gui_arguments : tuple of str
        Further arguments of the GUI.
    facts : mapping
        Words and hashes for the start document.
    console_fd : int or None
        Open file on which a console waits to be told of the plan, because it is the run's window;
        None: the run has a window of its own, or none.
    """

    mode: Literal["live", "replay", "pilot"]
    speed: float | None = 1.0
    headless: bool = True
    consent: Consent | None = None
    confirmation: Confirmation | None = None
    tools: Sequence[NodeSpec] = ()
    programme: str = ""
    lsl_session: str = ""
    seconds: float | None = None
    expected: int | None = None
    unit: str = "volume"
    gui_arguments: tuple[str, ...] = ()
    facts: Mapping[str, str] = field(default_factory=dict)
    console_fd: int | None = None


def has_display() -> bool:
    """Return True where a window can be shown."""
    chosen = ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")
    return sys.platform == "darwin" or any(os.environ.get(name) for name in chosen)


def _specs(options: RunOptions, session: Session) -> list[NodeSpec]:
    face = (
        NodeSpec("sink", "phosphene.sink")
        if options.headless
        else NodeSpec(
            "gui", "gui", arguments=options.gui_arguments, guest=options.console_fd is not None
        )
    )
    nodes = [
        NodeSpec("recorder", "phosphene.recorder"),
        NodeSpec("gate", "phosphene.gate"),
        face,
        NodeSpec("renderer", "renderer"),
        NodeSpec("decoder", "decoder"),
        NodeSpec("acquisition", "acquisition"),
    ]
    if session.stop.present:
        nodes.insert(2, NodeSpec("stop", "phosphene.stop"))
    if session.results.stream:
        nodes.insert(3, NodeSpec("outlets", "acquisition.results"))
    if session.source.kind != "lsl-eeg":
        nodes.append(NodeSpec("bridge", "acquisition.bridge", reads_recording=True))
    return [*map(_at_home(session), map(_reading(session), nodes)), *options.tools]


def _reading(session: Session) -> Callable[[NodeSpec], NodeSpec]:
    """Return what lends a sealed decoder's own key to the nodes that read it."""
    return lambda spec: replace(spec, reads=keys_of(session, spec.name))


def _at_home(session: Session) -> Callable[[NodeSpec], NodeSpec]:
    """Return what marks the nodes that another machine runs."""
    machines = () if session.network is None else session.network.machines
    homes: dict[str, str] = {node: machine.name for machine in machines for node in machine.nodes}
    return lambda spec: replace(spec, machine=homes.get(spec.name, ""))


def check_out(out: Path) -> None:
    """Make the output folder and see that it can be written.

    Raises
    ------
    ConfigError
        If it cannot.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=out):
            pass
    except OSError as error:
        raise ConfigError(
            f"output folder {out}: cannot be written ({error.strerror}); choose another with --out"
        ) from error


def set_aside(out: Path) -> Path | None:
    """Rename an output folder that already holds a run; nothing recorded is ever overwritten.

    A folder with other things in it is nobody's to rename: the run is written beside them.

    Returns
    -------
    Path or None
        Where the earlier run lies now; None when there was none.

    Raises
    ------
    ConfigError
        If the folder cannot be renamed.
    """
    if not any(any(out.glob(pattern)) for pattern in _OF_A_RUN):
        return None
    for part in out.glob("*.mcap.part"):
        from phosphene.recorder.recover import recover

        recover(part)
    number = 1
    while (aside := out.with_name(f"{out.name}_old{number}")).exists():
        number += 1
    try:
        out.rename(aside)
    except OSError as error:
        raise ConfigError(
            f"output folder {out}: holds an earlier run and cannot be renamed "
            f"({error.strerror}); choose another with --out"
        ) from error
    print(f"{out} held an earlier run; it is now {aside}")
    return aside


def _bar(options: RunOptions) -> tqdm[Never]:
    # A line for each step is fine on a screen, a nuisance in a file.
    pause_s = 0.2 if sys.stderr.isatty() else 10.0
    return tqdm(total=options.expected, unit=options.unit, dynamic_ncols=True, mininterval=pause_s)


def _watcher(bar: tqdm[Never]) -> Callable[[Snapshot], None]:
    def watch(now: Snapshot) -> None:
        done = max(now.count("acquisition", "volumes"), now.count("acquisition", "epochs"))
        if done > bar.n:
            bar.update(done - bar.n)
        bar.set_postfix_str(
            f"percepts {now.count('decoder', 'percepts')}, "
            f"frames {now.count('renderer', 'frames')}, "
            f"late {now.count('renderer', 'frames_late')}, "
            f"passed {now.count('gate', 'frames_passed')}",
            refresh=False,
        )

    return watch


def run_chain(session: Session, options: RunOptions) -> Outcome:
    """Run the chain and, where an output folder is given, build its report.

    Parameters
    ----------
    session : Session
        The validated session.
    options : RunOptions
        What the command decides.

    Returns
    -------
    Outcome
        How the run ended.

    Raises
    ------
    ConfigError
        If the output folder cannot be written, a live run would record pictures openly, or nobody
        says why it has no stop device.
    BundleError
        If the bundle is for another person, modality or target space, or damaged.
    ConsentError
        If the session may not rest on the consent, or a live one was not confirmed.
    """
    _require_consent(session, options)
    require_seal(session, options.consent, options.mode)
    require_stop(session, options.mode)
    session = armed(session, options.mode)
    bundle = live_bundle(session)
    session = with_threshold(session, bundle)
    run = uuid.uuid4().hex[:10]
    network = Network.of(session.network)
    out = session.recorder.out
    if out is not None:
        # A seal that is missing or wrong is told before anything else happens.
        seal_for(session.recorder, options.consent, run, 1, datetime.now(UTC))
        set_aside(out)
        check_out(out)
    state, head = audit_begin(run, options.mode, session, options.consent, options.confirmation)
    folder = RunFolder.create(run)
    specs = _specs(options, session)
    plan = Plan(
        run=run,
        folder=folder.path,
        mode=options.mode,
        speed=options.speed,
        session=session,
        consent=options.consent,
        confirmation=options.confirmation,
        nodes=tuple(s.name for s in specs if s.kind == "node"),
        lsl_session=options.lsl_session or f"phosphene-{run}",
        out=out,
        programme=options.programme,
        facts=_facts(options, session, bundle, head),
        audit=state,
        network=network,
    )
    tell_consent(options.consent, session.person)
    tell_stop(session, options.mode)
    tell_bundle(bundle, session.renderer.min_confidence)
    write_about(folder, session.person, out)
    if options.mode != "pilot":
        print(f"to change live how pictures are painted: phosphene paint --run {folder.path}")
    try:
        outcome = _supervise(plan, specs, options, folder)
    finally:
        shutil.rmtree(folder.path, ignore_errors=True)
    if out is not None:
        _wrap_up(out, outcome)
    tell_outcome(outcome)
    audit_end(state, run, outcome.status, interrupted=outcome.interrupted)
    reason = unconsented(options.consent, session.person)
    if bundle is not None and reason is not None:
        print(f"nothing was decoded: {reason}")
    return outcome


def _facts(
    options: RunOptions, session: Session, bundle: Bundle | None, head: str
) -> dict[str, str]:
    """Return words and hashes for the start document."""
    return {
        **options.facts,
        **facts_of(session),
        "bundle": "" if bundle is None else bundle.digest,
        "space": space_hash(),
        "audit_head": head,
    }


def _supervise(
    plan: Plan, specs: Sequence[NodeSpec], options: RunOptions, folder: RunFolder
) -> Outcome:
    """Start every process, tell who waits for the plan, and go on until the run is over."""
    logs = folder.path if plan.out is None else plan.out / "logs"
    logs.mkdir(exist_ok=True)
    with _bar(options) as bar:
        open_ended = _open_ended(options, plan.session)
        supervisor = Supervisor(plan, specs, logs, bar.write, open_ended=open_ended)
        for line in told_network(plan.network, folder.path / "plan.json"):
            bar.write(line)
        if options.console_fd is not None:
            tell_console(options.console_fd, folder)
        until = end_of(seconds=options.seconds, lossless=options.speed is None, tools=options.tools)
        return supervisor.run(until, _watcher(bar))


def _require_consent(session: Session, options: RunOptions) -> None:
    """Refuse a consent that does not hold here, and a live run that was not confirmed just now."""
    require_consent(options.consent, session, options.mode)
    withdrawal = withdrawal_of(options.consent) if options.consent is not None else None
    if withdrawal is not None:
        raise ConsentError(f"the session is not started: {withdrawal.words}")
    if options.mode != "live":
        return
    at, now = Circumstances.of(session), datetime.now(UTC)
    if why := why_unconfirmed(options.consent, at, options.confirmation, now):
        raise ConsentError(f"the session is not started: {why}")


def _open_ended(options: RunOptions, session: Session) -> bool:
    """Return whether only a person can end the run."""
    planned = options.seconds is not None or options.tools or session.source.kind == "recording"
    return options.mode == "live" and not planned


def _wrap_up(out: Path, outcome: Outcome) -> None:
    """Build the report, or clear away the recording of a run that has never begun."""
    if outcome.began:
        if any(is_sealed(path) for path in recordings_in(out)):
            print(f"the recording in {out} is sealed; report and preview are made by whoever has "
                  "the steward's key: phosphene unseal, or phosphene report --key")  # fmt: skip
            return
        if recordings_in(out):
            print(f"the recording is kept in {out}; preview and report follow", flush=True)
        _report(out)
        return
    # An earlier run has been set aside: these are of this one, and empty.
    for path in recordings_in(out):
        path.unlink()
    print(f"the run did not begin: nothing is recorded; the nodes' words are in {out / 'logs'}")


def _report(out: Path) -> None:
    from phosphene.report import build  # slow import, only needed at the end

    try:
        print(f"report: {build(out)}")
    except OSError as error:
        name = error.filename or out
        print(f"report {name}: cannot be written ({error.strerror}); the recording is kept; "
              f"make room, then: phosphene report {out}")  # fmt: skip
    except ConsentError as error:
        print(error)
