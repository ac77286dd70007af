"""Which run is meant, where several are going on."""

from __future__ import annotations

from pathlib import Path

import pytest

from phosphene.about import choose_folder, write_about
from phosphene.bus import RunFolder
from phosphene.errors import ConfigError


def test_a_run_is_chosen_by_its_folder_or_its_output(tmp_path: Path) -> None:
    folders = []
    for person in ("p01", "p02"):
        (path := tmp_path / f"ph-{person}").mkdir(mode=0o700)
        folder = RunFolder(path)
        write_about(folder, person, tmp_path / f"out-{person}")
        folders.append(folder.path)
    assert choose_folder(None, folders[:1]) == folders[0]
    assert choose_folder(tmp_path / "out-p02", folders) == folders[1]
    assert choose_folder(folders[0], folders) == folders[0]
    with pytest.raises(ConfigError) as told:
        choose_folder(None, folders)
    for word in ("p01", "p02", str(tmp_path / "out-p01"), "for 0 min"):
        assert word in str(told.value)
    with pytest.raises(ConfigError, match="none is going on"):
        choose_folder(tmp_path / "elsewhere", [])
