"""``phosphene evaluate``: how good are percepts of data that the decoder was not fitted on."""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from phosphene.commands.base import CliCommand
from phosphene.commands.fit import add_model_option, person_in, run_module
from phosphene.commands.replay import modality_of, own_start
from phosphene.commands.source import add_array_options, array_arguments, is_trials_file
from phosphene.errors import BundleError, ConfigError, InputError, problem

if TYPE_CHECKING:
    from phosphene.bundle import Bundle

__all__ = ["EVALUATE"]

PERCEPTS, PICTURES = "percepts.npz", "pictures.npz"
_DECODE = ("early", "higher", "space", "delay", "window", "model")
_SCORE = ("compete", "rank_by", "permutations", "seed")


def _configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("source", type=Path, nargs="+", help="recordings, or one file of trials, "
                        "as for phosphene fit")  # fmt: skip
    parser.add_argument("--out", type=Path, required=True, help="new folder of the report")
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--bundle", type=Path, help="decode with this bundle; the data must not be "
                     "those that it was fitted on")  # fmt: skip
    how.add_argument("--folds", type=int, help="fit without each of this many folds, by stimulus "
                     "(trials) or by run (recordings)")  # fmt: skip
    how.add_argument("--split", help="what is held out: auto, given, leave-one-run-out, "
                     "10-fold-by-stimulus, 5-fold-by-run+stimulus ...")  # fmt: skip
    parser.add_argument("--allow-training", action="store_true", help="measure even on training "
                        "data of the bundle; the report is stamped NOT HELD OUT")  # fmt: skip
    parser.add_argument("--judge", action="append", default=[], metavar="SPEC", help="compare "
                        "pictures through squeezenet:PATH, onnx:PATH, transformers:PATH or "
                        "space:SPEC; may be given several times")  # fmt: skip
    _configure_source(parser)
    _configure_measures(parser)
    add_array_options(parser)


def _configure_source(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--person", help="pseudonym; recordings of our own know it")
    parser.add_argument("--runs", help="runs to use, for instance 1-11 or 1,3,5")
    parser.add_argument("--labels", default="", help="rename markers, for instance 1=house,2=face")
    parser.add_argument("--events", type=Path, help="BIDS events.tsv; default: one beside it")
    parser.add_argument(
        "--features", choices=("volume", "beta"), default="volume",
        help="without a bundle: decode volumes, or one beta for each event",
    )  # fmt: skip
    parser.add_argument("--delay", help="without a bundle: haemodynamic delay in seconds, or auto")
    parser.add_argument("--window", type=int, help="without a bundle: volumes in a decoder window")
    parser.add_argument("--acquisition", metavar="JSON", help="without a bundle: settings of the "
                        "cleaning, as for phosphene fit")  # fmt: skip
    add_model_option(parser)
    parser.add_argument("--space", help="target space of z and c, as for phosphene fit")
    parser.add_argument("--early", metavar="MASK", help="voxels that z is decoded from")
    parser.add_argument("--higher", metavar="MASK", help="voxels that c is decoded from")
    parser.add_argument("--banded", action="store_true", help="weigh both against each other")
    parser.add_argument("--memory", type=float, default=8.0, metavar="GIB",
                        help="refuse what would take more")  # fmt: skip


def _configure_measures(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--strength", type=float, default=0.8, help="zc: how far z is noised "
                        "before c denoises it, 0 to 1")  # fmt: skip
    parser.add_argument("--steps", type=int, default=4, help="steps of the generator")
    parser.add_argument("--compete", choices=("fold", "all"), default="fold", help="identification "
                        "among the stimuli of a row's own fold, or of all folds")  # fmt: skip
    parser.add_argument("--side", type=int, metavar="PX", help="compare pictures at this size; "
                        "default: the smaller of seen and painted")  # fmt: skip
    parser.add_argument("--rank-by", default="pixcorr", help="metric that ranks the pictures shown")
    parser.add_argument("--permutations", type=int, default=100, help="of the shuffled control")
    parser.add_argument("--seed", type=int, default=0, help="of folds, noise and every draw")


def _run(arguments: argparse.Namespace) -> int:
    _check(arguments)
    arguments.out.mkdir(parents=True, exist_ok=True)
    try:
        return _evaluate(arguments)
    finally:
        # What was refused leaves no folder.
        if not any(arguments.out.iterdir()):
            arguments.out.rmdir()


def _evaluate(arguments: argparse.Namespace) -> int:
    percepts, pictures = arguments.out / PERCEPTS, arguments.out / PICTURES
    if is_trials_file(arguments.source):
        _decode(arguments.source[0], percepts, arguments, _of_trials(arguments))
    else:
        with tempfile.TemporaryDirectory(prefix="phosphene-evaluate-") as folder:
            _decode(_prepared(arguments, Path(folder)), percepts, arguments, [])
    kinds = _paint_kinds(percepts)
    if kinds:
        options = ["--mode", kinds, "--strength", str(arguments.strength)]
        options += ["--steps", str(arguments.steps), "--seed", str(arguments.seed)]
        run_module("renderer.paint", [str(percepts), "--out", str(pictures), *options])
    options = ["--out", str(arguments.out)]
    options += ["--pictures", str(pictures)] if kinds else []
    for name in _SCORE:
        options += [f"--{name.replace('_', '-')}", str(getattr(arguments, name))]
    options += ["--side", str(arguments.side)] if arguments.side is not None else []
    for spec in arguments.judge:
        options += ["--judge", spec]
    run_module("decoder.evaluation.score", [str(percepts), *options])
    return 0


def _check(arguments: argparse.Namespace) -> None:
    missing = [str(path) for path in arguments.source if not path.exists()]
    if missing:
        raise InputError("recording does not exist: " + ", ".join(missing))
    out = arguments.out
    if out.exists() and any(out.iterdir() if out.is_dir() else [1]):
        raise ConfigError(
            problem("--out", str(out), "a new folder", "Remove it or choose another name.")
        )
    decided = [n for n in ("delay", "window", "acquisition") if getattr(arguments, n) is not None]
    if decided and arguments.bundle is not None:
        raise ConfigError(
            problem("--" + decided[0], getattr(arguments, decided[0]), "nothing with --bundle",
                    "Leave it out: the bundle knows it.")
        )  # fmt: skip
    if arguments.allow_training and arguments.bundle is None:
        raise ConfigError(
            problem("--allow-training", True, "with --bundle", "Folds never see their own data.")
        )


def _decode(
    source: Path, percepts: Path, arguments: argparse.Namespace, more: Sequence[str]
) -> None:
    options = ["--out", str(percepts), "--memory", str(arguments.memory), *more]
    options += ["--seed", str(arguments.seed)]
    for name in _DECODE:
        value = getattr(arguments, name)
        options += [f"--{name}", str(value)] if value is not None else []
    options += ["--banded"] if arguments.banded else []
    options += ["--allow-training"] if arguments.allow_training else []
    options += ["--bundle", str(arguments.bundle)] if arguments.bundle else []
    if rule := _split(arguments, bool(more)):
        options += ["--split", rule]
    run_module("decoder.evaluation.decode", [str(source), *options])


def _split(arguments: argparse.Namespace, trials: bool) -> str | None:
    if arguments.folds is None:
        return str(arguments.split) if arguments.split else None
    return f"{arguments.folds}-fold-by-{'stimulus' if trials else 'run'}"


def _of_trials(arguments: argparse.Namespace) -> list[str]:
    found = ["--person", arguments.person] if arguments.person else []
    found += ["--runs", arguments.runs] if arguments.runs else []
    found += ["--labels", arguments.labels] if arguments.labels else []
    return found + array_arguments(arguments)


def _prepared(arguments: argparse.Namespace, folder: Path) -> Path:
    """Clean recordings; for a bundle the way it was fitted, in its mask and to its reference."""
    prepared = folder / "prepared.npz"
    person = person_in(arguments.person, arguments.source)
    if arguments.bundle is not None:
        settings = _settings_of(_own_bundle(arguments, person), folder)
    else:
        settings = _cleaning(arguments)
    command = [*map(str, arguments.source), "--person", person, "--out", str(prepared)]
    command += ["--runs", arguments.runs] if arguments.runs else []
    command += ["--labels", arguments.labels] if arguments.labels else []
    command += ["--events", str(arguments.events)] if arguments.events else []
    command += ["--settings", json.dumps(settings)] if settings else []
    if arguments.bundle is None and arguments.features == "beta":
        command += ["--beta-delays", "auto"]
    run_module("acquisition.prepare", command)
    return prepared


def _own_bundle(arguments: argparse.Namespace, person: str) -> Bundle:
    """Load the bundle if it is of the recorded person and modality, in the words of a replay.

    What does not know its person is taken for the bundle's, as in a replay.
    """
    from phosphene.bundle import Bundle, Expectation

    starts = [own_start(path, None) for path in arguments.source]
    own = any(start is not None for start in starts)
    kinds = [
        modality_of(path, start, None)
        for path, start in zip(arguments.source, starts, strict=True)
        if start is not None or path.is_file()
    ]
    known = person if own or arguments.person is not None else None
    expect = Expectation(person=known, modality=kinds[0] if kinds else None)
    bundle = Bundle.load(arguments.bundle, expect)
    if not bundle.manifest.placed:
        raise BundleError(
            problem("placed", False, "voxels of a known mask", "Evaluate it on trials as it was "
                    "fitted on, or fit one from volumes.")
        )  # fmt: skip
    return bundle


def _cleaning(arguments: argparse.Namespace) -> dict[str, Any]:
    """Read the settings that the command line names."""
    told = arguments.acquisition or "{}"
    try:
        found = json.loads(told if told.lstrip().startswith("{") else Path(told).read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(
            problem("--acquisition", told, "JSON or a file of it", f"Mend it: {error}")
        ) from error
    if arguments.features == "beta":
        found["fmri"] = {**found.get("fmri", {}), "features": "beta"}
    return dict(found)


def _settings_of(bundle: Bundle, folder: Path) -> dict[str, Any]:
    """Return the cleaning that a bundle asks for; writes its mask and reference as images."""
    import nibabel
    import numpy as np

    settings: dict[str, Any] = dict(bundle.manifest.acquisition)
    images = {"mask": bundle.mask, "reference": bundle.statistics.get("reference")}
    named = {}
    for name, values in images.items():
        if values is not None and bundle.affine is not None:
            kind = np.uint8 if name == "mask" else np.float32
            path = folder / f"{name}.nii.gz"
            image: Any = nibabel.Nifti1Image
            nibabel.save(image(values.astype(kind), bundle.affine), path)
            named[name] = str(path)
    if named:
        settings["fmri"] = {**settings.get("fmri", {}), **named}
    return settings


def _paint_kinds(percepts: Path) -> str:
    """Read from the percepts what the renderer can paint of them."""
    import numpy as np

    with np.load(percepts, allow_pickle=False) as held:
        known = "seen" in held.files
        return str(json.loads(str(held["facts"])).get("paint", "")) if known else ""


EVALUATE = CliCommand(
    "evaluate", "measure percepts of held-out data and report on them", _configure, _run
)
