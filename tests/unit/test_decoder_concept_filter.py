"""A concept filter made from a small CLIP model with random weights, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

torch = pytest.importorskip("torch", reason="the train extra is not installed")
transformers = pytest.importorskip("transformers", reason="the train extra is not installed")

from decoder.concept_filter import export_filter  # noqa: E402
from decoder.spaces.clip import open_clip  # noqa: E402
from phosphene.cli import main  # noqa: E402
from phosphene.errors import ConfigError, InputError  # noqa: E402
from phosphene.filters import open_filter  # noqa: E402
from phosphene.filters.concept_files import CONCEPTS, TOWER  # noqa: E402
from phosphene.filters.concepts import Concepts  # noqa: E402
from tests.unit.test_decoder_spaces_models import save_clip  # noqa: E402

LIST = """\
# what nobody shall see
picture:bad.png @ 0.999
a b        # a text, with the threshold of all
c @ 0.95
"""


def picture(seed: int, height: int = 40, width: int = 40) -> np.ndarray:
    """Return a picture with large patches, of which no two look alike."""
    patches = np.random.default_rng(seed).integers(0, 256, (4, 4, 3), np.uint8)
    return np.asarray(Image.fromarray(patches).resize((width, height), Image.Resampling.BICUBIC))


BAD = picture(1)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    made = tmp_path_factory.mktemp("models")
    save_clip(made)
    return made


@pytest.fixture(scope="module")
def folder(models: Path) -> Path:
    """The filter's folder."""
    Image.fromarray(BAD).save(models / "bad.png")
    (models / "list.txt").write_text(LIST)
    export_filter(str(models / "clip"), models / "list.txt", models / "filter", 0.99, offline=True)
    return models / "filter"


def test_it_sees_what_the_model_itself_sees(models: Path, folder: Path) -> None:
    own, made = open_clip(str(models / "clip"), local_files_only=True), Concepts(str(folder))
    for shape in ((40, 40), (16, 16), (30, 64), (64, 31)):
        seen = picture(5, *shape)
        wanted = own.encode_c(seen[None])[0]
        got = made.embedding(seen)
        assert np.linalg.norm(got) == pytest.approx(1.0, abs=1e-5)
        assert np.abs(got - wanted / np.linalg.norm(wanted)).max() < 1e-4
    text = own.encode_text(["a b"])[0]
    assert made.cosines(BAD)[1] == pytest.approx(
        made.embedding(BAD) @ text / np.linalg.norm(text), abs=1e-4
    )


def test_a_picture_that_is_a_concept_is_refused_and_others_pass(folder: Path) -> None:
    made = open_filter("concepts", {"folder": str(folder)})
    assert not made(BAD, 0.0)
    passed = [made(picture(seed), 0.0) for seed in range(20, 40)]
    assert all(passed), "none of them looks like the one that is refused"
    assert not open_filter("concepts", {"folder": str(folder), "stricter": 1.0})(picture(20), 0.0)
    assert made.names == ("bad", "a b", "c")
    assert made.thresholds == pytest.approx([0.999, 0.99, 0.95])


def test_it_is_tried_on_files_in_words(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Image.fromarray(picture(21)).save(folder.parent / "good.png")
    files = [str(folder.parent / f"{name}.png") for name in ("bad", "good")]
    assert main(["filter", "check", str(folder), *files]) == 0
    said = capsys.readouterr().out
    assert "bad.png: REFUSED\n   1.000 of 0.999  bad\n" in said
    assert "good.png: passes" in said
    assert main(["filter", "check", str(folder), str(folder / CONCEPTS)]) == 1


def test_a_picture_that_cannot_be_judged_is_refused(folder: Path) -> None:
    made = Concepts(str(folder))
    made._directions = made._directions * np.float32(np.nan)
    assert not made(picture(20), 0.0)


def test_a_folder_that_was_changed_is_refused_in_words(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="phosphene filter export"):
        Concepts(str(tmp_path))
    held = json.loads((folder / CONCEPTS).read_text())
    (tmp_path / TOWER).write_bytes((folder / TOWER).read_bytes())

    def refused(words: str, **changes: object) -> None:
        (tmp_path / CONCEPTS).write_text(json.dumps(held | changes))
        with pytest.raises(ConfigError, match=words):
            Concepts(str(tmp_path))

    one = held["concepts"][0]
    refused("at least one|length", concepts=[])
    refused("without a direction", concepts=[one | {"embedding": [0.0] * 8}])
    refused("several lengths", concepts=[one, one | {"embedding": [1.0]}])
    refused(TOWER, concepts=[one | {"embedding": [1.0, 0.0]}])
    refused("threshold", concepts=[one | {"threshold": 0}])
    refused("unknown field", colour="red")
    refused("not the one", tower_sha256="0" * 64)
    with pytest.raises(ConfigError, match="stricter"):
        Concepts(str(folder), 2.0)


def test_a_list_or_a_model_that_is_none_makes_no_filter(models: Path, tmp_path: Path) -> None:
    wrong = tmp_path / "list.txt"

    def refused(kind: type[Exception], words: str, text: str, model: str = "clip") -> None:
        wrong.write_text(text)
        with pytest.raises(kind, match=words):
            export_filter(str(models / model), wrong, tmp_path / "out", offline=True)
        assert not (tmp_path / "out" / TOWER).exists()

    refused(ConfigError, "a line for each", "# nothing\n\n")
    refused(ConfigError, "line 1: 7; line 3: x", "a @ 7\nb\nc @ x\n")
    refused(ConfigError, "picture:gone.png", "picture:gone.png\n")
    refused(InputError, "reads no pictures", "a\n", "reading")
    refused(ConfigError, "texts", "a\n", "seeing")


def test_a_filter_is_never_overwritten(models: Path, folder: Path) -> None:
    with pytest.raises(ConfigError, match="without a filter"):
        export_filter(str(models / "clip"), models / "list.txt", folder, offline=True)
