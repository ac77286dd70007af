"""Spaces of published models, with small random weights made on the spot."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the train extra is not installed")
diffusers = pytest.importorskip("diffusers", reason="the train extra is not installed")
transformers = pytest.importorskip("transformers", reason="the train extra is not installed")

from decoder.metrics.judges import open_judge  # noqa: E402
from decoder.spaces import open_space, resize  # noqa: E402
from decoder.spaces.autoencoder import open_autoencoder  # noqa: E402
from decoder.spaces.taef2 import open_taef2, taef2_network  # noqa: E402
from phosphene.engine import OnnxEngine  # noqa: E402
from phosphene.errors import ConfigError, InputError  # noqa: E402

WIDTH = 8
PICTURES = np.random.default_rng(0).integers(0, 256, (3, 20, 24, 3), dtype=np.uint8)
WORDS = ["a", "b", "c", "a</w>", "b</w>", "c</w>", "<|startoftext|>", "<|endoftext|>"]


def save_clip(folder: Path) -> None:
    text = {"vocab_size": 8, "max_position_embeddings": 6, "bos_token_id": 6, "eos_token_id": 7}
    vision = {"image_size": 16, "patch_size": 8}
    both = {"hidden_size": 16, "intermediate_size": 16, "num_attention_heads": 2,
            "num_hidden_layers": 1, "projection_dim": 8}  # fmt: skip
    config = transformers.CLIPConfig(
        text_config=both | text, vision_config=both | vision, projection_dim=8
    )
    whole = transformers.CLIPModel(config)
    whole.save_pretrained(folder / "clip")
    seeing = transformers.CLIPVisionModelWithProjection(config.vision_config)
    seeing.load_state_dict(whole.state_dict(), strict=False)
    seeing.save_pretrained(folder / "seeing")
    reading = transformers.CLIPTextModelWithProjection(config.text_config)
    reading.load_state_dict(whole.state_dict(), strict=False)
    reading.save_pretrained(folder / "reading")
    processor = {
        "image_processor_type": "CLIPImageProcessor",
        "size": {"shortest_edge": 16},
        "crop_size": {"height": 16, "width": 16},
    }
    for name in ("clip", "seeing"):
        (folder / name / "preprocessor_config.json").write_text(json.dumps(processor))
    for name in ("clip", "reading"):
        (folder / name / "vocab.json").write_text(json.dumps({w: k for k, w in enumerate(WORDS)}))
        (folder / name / "merges.txt").write_text("#version: 0.2\n")
        (folder / name / "tokenizer_config.json").write_text(
            json.dumps({"tokenizer_class": "CLIPTokenizer", "unk_token": WORDS[-1]})
        )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    made = tmp_path_factory.mktemp("models")
    tiny = diffusers.AutoencoderTiny(
        encoder_block_out_channels=(WIDTH,) * 2, decoder_block_out_channels=(WIDTH,) * 2,
        num_encoder_blocks=(1, 1), num_decoder_blocks=(1, 1),
    )  # fmt: skip
    tiny.half().save_pretrained(made / "tiny")
    diffusers.AutoencoderKL(
        block_out_channels=(WIDTH,) * 2, down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2, norm_num_groups=4,
        scaling_factor=0.5, shift_factor=0.25,
    ).save_pretrained(made / "pipeline" / "vae")  # fmt: skip
    save_clip(made)
    return made


def test_a_tiny_autoencoder_gives_z_and_its_graph_gives_the_same_pictures(folder: Path) -> None:
    space = open_space(f"diffusers:{folder / 'tiny'}@16")
    z = space.encode_z(PICTURES)
    assert z.shape == (3, *(space.z_shape or ())) == (3, 4, 8, 8)
    assert str(folder) not in space.id
    wild = np.random.default_rng(1).standard_normal(z.shape).astype(np.float32)
    pictures = space.decode_z(wild)
    assert pictures.shape == (3, 16, 16, 3)
    assert np.ptp(pictures) > 50
    graph = space.graph()
    assert graph is not None
    painted = OnnxEngine(graph).run({"z": wild})["pictures"]
    # The graph was compared with torch at 1e-4 when it was made; rounding may still fall apart.
    assert np.abs(painted.astype(int) - pictures).max() <= 1
    assert (painted == pictures).mean() > 0.99
    # Weights that were published as float16 are stored so.
    assert (
        len(graph) < 2.6 * (folder / "tiny" / "diffusion_pytorch_model.safetensors").stat().st_size
    )


def test_latents_are_means_brought_to_unit_variance_by_the_models_own_numbers(folder: Path) -> None:
    space = open_autoencoder(str(folder / "pipeline"), 16, local_files_only=True)
    model = diffusers.AutoencoderKL.from_pretrained(
        folder / "pipeline" / "vae", low_cpu_mem_usage=False
    )
    square = torch.from_numpy(resize(PICTURES, 16).astype(np.float32)).permute(0, 3, 1, 2)
    with torch.no_grad():
        mean = model.encode(square / 127.5 - 1).latent_dist.mean
        shown = model.decode(mean).sample * 127.5 + 127.5
    z = space.encode_z(PICTURES)
    np.testing.assert_allclose(z, (mean.numpy() - 0.25) * 0.5, atol=1e-5)
    wanted = shown.clamp(0, 255).permute(0, 2, 3, 1).numpy()
    assert np.abs(space.decode_z(z) - wanted).max() < 0.51


def test_the_hash_names_weights_and_size(folder: Path, tmp_path: Path) -> None:
    place = f"diffusers:{folder / 'tiny'}"
    names = {open_space(f"{place}@{side}").sha256 for side in (16, 16, 24)}
    assert len(names) == 2
    moved = tmp_path / "elsewhere"
    moved.mkdir()
    for file in (folder / "tiny").iterdir():
        (moved / file.name).write_bytes(file.read_bytes())
    assert open_space(f"diffusers:{moved}@16").sha256 in names
    with pytest.raises(InputError, match="multiple"):
        open_space(f"{place}@17")


def taef2_files(folder: Path, ending: str) -> None:
    """Save a small random network the way the published files are named and counted."""
    torch.manual_seed(1)
    network = taef2_network(WIDTH)
    for half, skipped in (("encoder", 0), ("decoder", 1)):
        state = {}
        for key, value in network.get_submodule(f"{half}.layers").state_dict().items():
            number, _, rest = key.partition(".")
            state[f"{int(number) + skipped}.{rest.removeprefix('block.')}"] = value.half()
        if ending == ".pth":
            torch.save(state, folder / f"taef2_{half}.pth")
        else:
            from safetensors.torch import save_file

            save_file(state, folder / f"taef2_{half}.safetensors")


def test_taef2_has_32_channels_and_an_eighth_of_the_side(tmp_path: Path) -> None:
    found = []
    for ending in (".pth", ".safetensors"):
        place = tmp_path / ending
        place.mkdir()
        taef2_files(place, ending)
        space = open_taef2(str(place), 16, WIDTH)
        assert space.z_shape == (32, 2, 2)
        found.append(space.encode_z(PICTURES))
    np.testing.assert_array_equal(*found)
    with pytest.raises(InputError, match="taesd"):
        open_taef2(str(tmp_path), 16)
    with pytest.raises(InputError, match="TAEF2"):
        open_taef2(str(tmp_path / ".pth"), 16)  # of another width


def test_weights_that_would_run_code_are_refused(tmp_path: Path, folder: Path) -> None:
    for half in ("encoder", "decoder"):
        torch.save({"0.weight": print}, tmp_path / f"taef2_{half}.pth")
    with pytest.raises(InputError, match="not plain weights"):
        open_taef2(str(tmp_path), 16, WIDTH)
    (tmp_path / "config.json").write_bytes((folder / "tiny" / "config.json").read_bytes())
    (tmp_path / "diffusion_pytorch_model.bin").write_bytes(b"")
    with pytest.raises(InputError, match="safetensors"):
        open_space(f"diffusers:{tmp_path}")


def test_pictures_and_texts_have_a_place_in_one_embedding(folder: Path) -> None:
    space = open_space(f"clip:{folder / 'clip'}")
    c, words = space.encode_c(PICTURES), space.encode_text(["a", "b c", "a b c a b c a b c"])
    assert c.shape == words.shape == (3, 8)
    np.testing.assert_allclose(np.square(np.vstack([c, words])).mean(axis=1), 1, rtol=1e-5)
    assert np.ptp(words, axis=0).min() > 1e-4
    np.testing.assert_allclose(
        open_space(f"clip:{folder / 'seeing'}").encode_c(PICTURES), c, atol=1e-5
    )
    reading = open_space(f"clip:{folder / 'reading'}").encode_text(["a"])
    np.testing.assert_allclose(reading, words[:1], atol=1e-5)


def test_half_a_model_says_what_it_cannot_read(folder: Path) -> None:
    with pytest.raises(ConfigError, match="texts"):
        open_space(f"clip:{folder / 'seeing'}").encode_text(["a"])
    with pytest.raises(ConfigError, match="pictures"):
        open_space(f"clip:{folder / 'reading'}").encode_c(PICTURES)
    with pytest.raises(InputError, match=r"one like CLIP|those of"):
        config = {"model_type": "gpt2", "architectures": ["GPT2Model"]}
        other = folder / "other"
        other.mkdir()
        (other / "config.json").write_text(json.dumps(config))
        (other / "model.safetensors").write_bytes(b"")
        open_space(f"clip:{other}")


def test_a_hub_id_that_is_not_here_is_told_plainly() -> None:
    with pytest.raises(InputError, match="local_files_only=False"):
        open_space("clip:nobody/no-such-model-anywhere")


@pytest.mark.parametrize("kind", ["space", "judge"])
def test_code_in_a_model_folder_is_refused_without_a_question(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = {"AutoConfig": "own.C", "AutoModel": "own.M", "AutoModelForImageClassification": "own.M"}
    config = {"model_type": "own", "architectures": ["MForImageClassification"], "auto_map": own}
    (tmp_path / "config.json").write_text(json.dumps(config))
    ran = tmp_path / "ran"
    (tmp_path / "own.py").write_text(f"open({str(ran)!r}, 'w').close()\n")
    (tmp_path / "model.safetensors").write_bytes((2).to_bytes(8, "little") + b"{}")
    asked: list[object] = []

    def answer(*words: object) -> str:
        asked.append(words)
        return "y"

    monkeypatch.setattr("builtins.input", answer)
    with pytest.raises(InputError):
        if kind == "space":
            open_space(f"clip:{tmp_path}")
        else:
            open_judge(f"transformers:{tmp_path}")
    assert not asked
    assert not ran.exists()
