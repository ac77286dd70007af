"""`phosphene fit` on trials: which files these are, and what the decoder is told of them."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pytest

from phosphene.bundle import Bundle
from phosphene.commands import fit
from phosphene.commands.source import (
    add_array_options,
    array_arguments,
    arrays_of,
    is_trials_file,
    shape_of,
)
from phosphene.errors import ConfigError, SealError
from phosphene.seal.keys import StewardKey
from phosphene.seal.opening import unlocked
from tests.unit.test_phosphene_bundle_store import here


def parsed(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_array_options(parser)
    return parser.parse_args(list(words))


def test_options_survive_the_way_to_another_command_line() -> None:
    asked = parsed(
        "--responses", "X", "--labels-key", "y", "--test-stimulus-ids", "t", "--picture-shape",
        "4,5,3", "--picture-order", "column", "--runs-key", "r", "--stimuli-are", "vectors",
    )  # fmt: skip
    assert parsed(*array_arguments(asked)) == asked
    assert arrays_of(asked) == {
        "responses": "X", "labels": "y", "runs": "r", "test_stimulus_ids": "t",
    }  # fmt: skip
    assert shape_of("28x30") == (28, 30)
    for wrong in ("28", "4,5,4", "0,3"):
        with pytest.raises(argparse.ArgumentTypeError):
            shape_of(wrong)


def test_trials_are_told_from_recordings(tmp_path: Path) -> None:
    for name in ("a.npz", "b.mat", "c-epo.fif", "d_epo.fif.gz", "e.fif", "f.nii.gz", "g.set"):
        (tmp_path / name).write_bytes(b"x")
    cut = [p.name for p in sorted(tmp_path.iterdir()) if is_trials_file([p])]
    assert cut == ["a.npz", "b.mat", "c-epo.fif", "d_epo.fif.gz"]
    with pytest.raises(ConfigError, match="one file of trials"):
        is_trials_file([tmp_path / "a.npz", tmp_path / "f.nii.gz"])


def test_a_fit_that_seals_leaves_no_open_decoder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, opened = StewardKey.new(), list[Path]()
    (tmp_path / "own.pub").write_bytes(key.pem)

    def fitted(_name: str, words: list[str]) -> None:
        opened.append(Path(words[words.index("--out") + 1]))
        assert opened[-1].parent.stat().st_mode & 0o077 == 0
        here().write(opened[-1])

    monkeypatch.setattr(fit, "run_module", fitted)
    np.savez(tmp_path / "t.npz", responses=np.zeros((2, 2)))
    parser = argparse.ArgumentParser()
    fit.FIT.configure(parser)
    words = [str(tmp_path / "t.npz"), "--out", str(tmp_path / "p01"), "--seal"]
    assert fit.FIT.run(parser.parse_args([*words, str(tmp_path / "own.pub")])) == 0
    assert sorted(p.name for p in tmp_path.iterdir()) == ["own.pub", "p01.phos.sealed", "t.npz"]
    assert not opened[0].exists()
    with unlocked([tmp_path / "p01.phos.sealed"], key):
        assert Bundle.load(tmp_path / "p01.phos.sealed").digest == here().digest
    with pytest.raises(ConfigError, match="a new folder"):
        fit.FIT.run(parser.parse_args([*words, str(tmp_path / "own.pub")]))
    with pytest.raises(SealError):
        fit.FIT.run(parser.parse_args([*words, str(tmp_path / "gone.pub")]))
    assert len(opened) == 1, "what is wrong is told before anything is fitted"


def test_fit_hands_trials_to_the_decoder_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    called: list[tuple[str, list[str]]] = []
    monkeypatch.setattr(fit, "run_module", lambda name, words: called.append((name, [*words])))
    source = tmp_path / "t.npz"
    np.savez(source, responses=np.zeros((2, 2)))
    parser = argparse.ArgumentParser()
    fit.FIT.configure(parser)
    words = [str(source), "--out", str(tmp_path / "b"), "--person", "p7", "--labels", "1=six"]
    more = ["--split", "given", "--space", "pixels:8", "--early", "v1", "--test-labels-key", "l"]
    assert fit.FIT.run(parser.parse_args([*words, *more])) == 0
    ((module, told),) = called
    assert module == "decoder.fit" and told[0] == str(source)
    for option, value in (("--split", "given"), ("--space", "pixels:8"), ("--early", "v1"),
                          ("--test-labels-key", "l"), ("--person", "p7"), ("--memory", "8.0"),
                          ("--labels", "1=six")):  # fmt: skip
        assert told[told.index(option) + 1] == value
    with pytest.raises(ConfigError, match=r"2 problem\(s\)"):
        fit.FIT.run(parser.parse_args([*words, "--features", "beta", "--events", "e.tsv"]))
