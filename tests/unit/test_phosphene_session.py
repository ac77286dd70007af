from __future__ import annotations

from pathlib import Path

import pytest

from phosphene.errors import ConfigError
from phosphene.session import load_session

ROOT = Path(__file__).resolve().parents[2]

GOOD = """
person = "p01"
modality = "fmri"
[source]
kind = "dicom-folder"
path = "incoming"
"""

BAD = """
person = "p 01"
modality = "meg"
colour = "red"
[source]
kind = "dicom-folder"
path = "incoming"
[renderer]
fps = -5
stepz = 2
steps = 3
"""


def write(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "session.toml"
    file.write_text(text)
    return file


def test_paths_count_from_the_session_file(tmp_path: Path) -> None:
    session = load_session(write(tmp_path, GOOD))
    assert session.source.path == tmp_path / "incoming"
    assert session.renderer.fps == 24.0


def test_all_problems_are_told_at_once_with_path_value_and_range(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load_session(write(tmp_path, BAD))
    text = str(caught.value)
    for part in (
        "person: got 'p 01'",
        "modality: got 'meg'",
        "colour",
        "unknown key",
        "renderer.fps: got -5",
        "renderer.stepz",
        "renderer.steps: got 3",
        "greater than 0",
    ):
        assert part in text, part


def test_a_source_without_its_path_is_told(tmp_path: Path) -> None:
    text = 'person = "p01"\nmodality = "eeg"\n[source]\nkind = "lsl-eeg"\n'
    with pytest.raises(ConfigError, match="needs source_ids"):
        load_session(write(tmp_path, text))


def test_a_file_that_is_no_toml_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="not valid TOML"):
        load_session(write(tmp_path, "person = "))


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        load_session(tmp_path / "none.toml")


@pytest.mark.parametrize("example", sorted((ROOT / "examples").glob("*session*.toml")))
def test_the_shipped_examples_are_valid(example: Path) -> None:
    assert load_session(example).person


NETWORK = """
person = "p01"
modality = "fmri"
[source]
kind = "{kind}"
{more}
"""


@pytest.mark.parametrize(("kind", "port"), [("vsend", 15000), ("afni", 7954)])
def test_volumes_over_tcp_come_from_this_machine_only_unless_told(
    tmp_path: Path, kind: str, port: int
) -> None:
    source = load_session(write(tmp_path, NETWORK.format(kind=kind, more=""))).source
    assert (source.host, source.usual_port) == ("127.0.0.1", port)
    assert source.allowed_hosts == ("127.0.0.1",)
    assert source.live_volumes
    assert not source.folder
    more = 'port = 4000\nallowed_hosts = ["10.0.0.0/24", "::1"]'
    source = load_session(write(tmp_path, NETWORK.format(kind=kind, more=more))).source
    assert source.usual_port == 4000


@pytest.mark.parametrize(
    "more", ['host = "scanner"', 'allowed_hosts = ["any"]', "allowed_hosts = []", "port = 80"]
)
def test_names_of_hosts_and_low_ports_are_refused(tmp_path: Path, more: str) -> None:
    with pytest.raises(ConfigError, match=r"source"):
        load_session(write(tmp_path, NETWORK.format(kind="vsend", more=more)))


def test_both_names_of_a_folder_need_a_path(tmp_path: Path) -> None:
    for kind in ("folder", "dicom-folder"):
        with pytest.raises(ConfigError, match="needs a path"):
            load_session(write(tmp_path, NETWORK.format(kind=kind, more="")))
        source = load_session(write(tmp_path, NETWORK.format(kind=kind, more='path = "x"'))).source
        assert source.folder
        assert source.usual_port is None


@pytest.mark.parametrize("file", sorted((ROOT / "examples").glob("session-*.toml")))
def test_every_example_is_valid(file: Path) -> None:
    assert load_session(file).person == "p01"


@pytest.mark.parametrize(
    ("kind", "more", "idle"),
    [
        ("afni", 'images = "moco"\nseries = 3\npoll_s = 1.0', ["images", "series", "poll_s"]),
        ("afni", 'path = "x"', ["path"]),
        ("vsend", "series = 4\necho = 2", ["series", "echo"]),
        ("folder", 'path = "x"\nhost = "10.0.0.1"\nport = 7000', ["host", "port"]),
        ("folder", 'path = "x"\nevents = "e.tsv"\nrun = "2"', ["events", "run"]),
        ("recording", 'path = "x"\npoll_s = 1.0\ntrigger_skip = 2', ["poll_s", "trigger_skip"]),
        ("lsl-eeg", 'source_ids = ["a"]\nimages = "moco"', ["images"]),
    ],
)
def test_settings_that_would_do_nothing_are_refused(
    tmp_path: Path, kind: str, more: str, idle: list[str]
) -> None:
    with pytest.raises(ConfigError, match="does not use") as caught:
        load_session(write(tmp_path, NETWORK.format(kind=kind, more=more)))
    assert all(f"{name} (only of kind" in str(caught.value) for name in idle)


def test_a_mask_beside_a_bundle_is_refused(tmp_path: Path) -> None:
    mask, bundle = '[acquisition.fmri]\nmask = "m.nii"\n', '[decoder]\nbundle = "b"\n'
    for one in (mask, bundle):
        assert load_session(write(tmp_path, GOOD + one))
    with pytest.raises(ConfigError, match="remove one of them"):
        load_session(write(tmp_path, GOOD + mask + bundle))


def test_observers_get_no_more_than_the_operator(tmp_path: Path) -> None:
    for gate in ("level_observer = 3", "level_operator = 2\nlevel_observer = 2", "level_self = 0"):
        assert load_session(write(tmp_path, f"{GOOD}[gate]\n{gate}\n")).gate.level_observer <= 3
    for gate in ("level_observer = 4", "level_operator = 0\nlevel_observer = 1"):
        with pytest.raises(ConfigError, match=r"gate\.level_observer.*no more than the operator"):
            load_session(write(tmp_path, f"{GOOD}[gate]\n{gate}\n"))
