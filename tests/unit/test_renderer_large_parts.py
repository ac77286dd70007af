"""Parts of large pipelines: LoRA, image adapters, unCLIP, files, memory, number formats."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the train extra is not installed")
diffusers = pytest.importorskip("diffusers", reason="the train extra is not installed")
transformers = pytest.importorskip("transformers", reason="the train extra is not installed")

from safetensors.torch import save_file  # noqa: E402

from phosphene.errors import BundleError, ConfigError, InputError  # noqa: E402
from phosphene.session import RendererSettings  # noqa: E402
from phosphene.session_renderer import LargeSettings  # noqa: E402
from renderer.large import open_large  # noqa: E402
from renderer.large.architectures import (  # noqa: E402
    build_sd_turbo,
    build_tiny_coder,
    turbo_work,
)
from renderer.large.device import Place, check_memory, choose_place  # noqa: E402
from renderer.large.files import (  # noqa: E402
    find_file,
    find_folder,
    need,
    parameters,
    read_json,
    variant_of,
)
from renderer.large.loop import denoise  # noqa: E402
from renderer.large.lora import _diffusers_name, fuse_lora, read_lora  # noqa: E402
from renderer.large.similar import cosine  # noqa: E402
from renderer.large.unclip import open_labels  # noqa: E402
from renderer.large.work import Worker  # noqa: E402
from tests.unit.large_pipelines import SD, SIDE, TURBO, save_pipeline, unet  # noqa: E402

# diffusers' samplers hand tensors to numpy in a way that numpy 2 no longer likes.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
LINEAR = "down_blocks.1.attentions.0.transformer_blocks.0.attn2.to_out.0"
CONV = "down_blocks.0.resnets.0.conv1"
RANK, EMBEDDING = 2, 12


@pytest.fixture(scope="module")
def network() -> Any:
    torch.manual_seed(0)
    torch.set_num_threads(1)
    return unet().eval().requires_grad_(False)


@pytest.fixture(scope="module")
def folder(network: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    scheduler = diffusers.EulerDiscreteScheduler(**TURBO)
    return save_pipeline(tmp_path_factory.mktemp("pipeline"), network, scheduler)


def changes(network: Any) -> dict[str, tuple[Any, Any]]:
    """Low-rank changes of a linear layer and of a convolution, by layer."""
    torch.manual_seed(1)
    made = {}
    for name in (LINEAR, CONV):
        shape = network.get_submodule(name).weight.shape
        up = torch.randn(shape[0], RANK, *([1, 1] if len(shape) == 4 else []))
        made[name] = torch.randn(RANK, *shape[1:]), up
    return made


def named(layout: str, name: str, down: Any, up: Any) -> dict[str, Any]:
    if layout == "kohya":
        flat = "lora_unet_" + name.replace(".", "_")
        return {f"{flat}.lora_down.weight": down, f"{flat}.lora_up.weight": up,
                f"{flat}.alpha": torch.tensor(1.0)}  # fmt: skip
    if layout == "peft":
        return {f"unet.{name}.lora_A.weight": down, f"unet.{name}.lora_B.weight": up}
    if name == LINEAR:
        flat = name.removesuffix(".to_out.0")
        return {f"unet.{flat}.processor.to_out_lora.{part}.weight": value
                for part, value in (("down", down), ("up", up))}  # fmt: skip
    return {f"unet.{name}.lora.down.weight": down, f"unet.{name}.lora.up.weight": up}


@pytest.mark.parametrize("layout", ["kohya", "peft", "diffusers"])
def test_a_lora_is_added_into_the_weights(layout: str, network: Any, tmp_path: Path) -> None:
    stored: dict[str, Any] = {}
    for name, (down, up) in changes(network).items():
        stored |= named(layout, name, down, up)
    save_file(stored, tmp_path / "lora.safetensors")
    fused = unet()
    fused.load_state_dict(network.state_dict())
    assert fuse_lora(fused, read_lora(tmp_path / "lora.safetensors")) == 2
    scale = 1.0 / RANK if layout == "kohya" else 1.0
    x = torch.randn(1, 8, 4, 4)
    down, up = changes(network)[CONV]
    before, after = network.get_submodule(CONV), fused.get_submodule(CONV)
    side = torch.nn.functional.conv2d(torch.nn.functional.conv2d(x, down, padding=1), up)
    torch.testing.assert_close(after(x), before(x) + scale * side, atol=1e-4, rtol=1e-4)
    down, up = changes(network)[LINEAR]
    y = torch.randn(3, down.shape[1])
    before, after = network.get_submodule(LINEAR), fused.get_submodule(LINEAR)
    torch.testing.assert_close(after(y), before(y) + scale * (y @ down.T) @ up.T)
    untouched = "up_blocks.0.resnets.0.conv1.weight"
    assert torch.equal(fused.state_dict()[untouched], network.state_dict()[untouched])


def test_alpha_that_is_told_for_all_layers_is_used(network: Any, tmp_path: Path) -> None:
    down, up = changes(network)[LINEAR]
    told = {"lora_adapter_metadata": json.dumps({"unet.lora_alpha": 4, "unet.r": RANK})}
    save_file(named("peft", LINEAR, down, up), tmp_path / "lora.safetensors", told)
    fused = unet()
    fused.load_state_dict(network.state_dict())
    fuse_lora(fused, read_lora(tmp_path / "lora.safetensors"))
    moved = fused.get_submodule(LINEAR).weight - network.get_submodule(LINEAR).weight
    torch.testing.assert_close(moved.detach(), 4 / RANK * up @ down)


def test_a_lora_for_another_model_is_refused(network: Any, tmp_path: Path) -> None:
    down, up = changes(network)[LINEAR]
    wide = torch.randn(RANK, 99)
    for stored, message in (
        (named("peft", "blocks.7.to_q", down, up), "blocks.7.to_q"),
        (named("peft", LINEAR, wide, up), "layers of this UNet"),
        ({"lora_te_text_model.weight": down}, "low-rank changes"),
    ):
        save_file(stored, tmp_path / "x.safetensors")
        with pytest.raises(InputError, match=message):
            fuse_lora(network, read_lora(tmp_path / "x.safetensors"))
    (tmp_path / "x.safetensors").write_bytes(b"not that")
    with pytest.raises(InputError, match="Get it anew"):
        read_lora(tmp_path / "x.safetensors")


@pytest.mark.parametrize(
    ("counted", "name"),
    [
        ("input_blocks_4_1_transformer_blocks_0_attn1_to_k",
         "down_blocks_1_attentions_0_transformer_blocks_0_attn1_to_k"),
        ("input_blocks_8_0_emb_layers_1", "down_blocks_2_resnets_1_time_emb_proj"),
        ("input_blocks_3_0_op", "down_blocks_0_downsamplers_0_conv"),
        ("middle_block_1_proj_in", "mid_block_attentions_0_proj_in"),
        ("middle_block_2_in_layers_2", "mid_block_resnets_1_conv1"),
        ("output_blocks_5_2_conv", "up_blocks_1_upsamplers_0_conv"),
        ("output_blocks_0_1_proj_out", "up_blocks_0_attentions_0_proj_out"),
        ("output_blocks_8_0_skip_connection", "up_blocks_2_resnets_2_conv_shortcut"),
        ("down_blocks_0_resnets_0_conv1", "down_blocks_0_resnets_0_conv1"),
    ],
)  # fmt: skip
def test_blocks_counted_as_in_sdxls_original_code_are_found(counted: str, name: str) -> None:
    assert _diffusers_name(counted, 3) == name


def test_a_pipeline_with_a_lora_paints_what_the_fused_one_paints(
    folder: Path, network: Any, tmp_path: Path
) -> None:
    stored: dict[str, Any] = {}
    for name, (down, up) in changes(network).items():
        stored |= named("kohya", name, down, up)
    save_file(stored, tmp_path / "lcm-lora.safetensors")
    noise = np.random.default_rng(0).standard_normal((4, 16, 16), dtype=np.float32)
    c = np.eye(17, dtype=np.float32)[0]
    large = LargeSettings(lora=str(tmp_path / "lcm-lora.safetensors"))
    settings = RendererSettings(model=f"diffusers:{folder}", engine="cpu", large=large)
    painter = open_large(settings, None)
    assert painter._pipeline.kind.name == "lcm"
    plain = open_large(settings.model_copy(update={"large": LargeSettings(kind="lcm")}), None)
    assert painter.model != plain.model
    made = painter.render(None, c, noise, 2, "c")
    fuse_lora(plain._pipeline.unet, read_lora(tmp_path / "lcm-lora.safetensors"))
    np.testing.assert_array_equal(plain.render(None, c, noise, 2, "c"), made)


class Seen:
    """What `open_large` asks of a bundle with c of CLIP."""

    def __init__(self, c_dim: int) -> None:
        target = {"id": "clip:vit", "sha256": "0" * 64, "c_dim": c_dim, "z_shape": None}
        self.manifest = type("M", (), {"target": type("T", (), target)(), "heads": ("c",)})()
        self.payload: dict[str, bytes] = {}


def save_adapter(network: Any, file: Path) -> Path:
    """Save an IP-Adapter as it is published: a projection, and keys and values for each layer."""
    torch.manual_seed(2)
    width = network.config.cross_attention_dim
    stored = {
        "image_proj.proj.weight": torch.randn(4 * width, EMBEDDING),
        "image_proj.proj.bias": torch.randn(4 * width),
        "image_proj.norm.weight": torch.ones(width),
        "image_proj.norm.bias": torch.zeros(width),
    }
    for k, name in enumerate(network.attn_processors):
        if "attn2" in name:
            layer = network.get_submodule(name.removesuffix(".processor"))
            for part in ("to_k", "to_v"):
                shape = getattr(layer, part).weight.shape
                stored[f"ip_adapter.{k}.{part}_ip.weight"] = torch.randn(shape)
    save_file(stored, file)
    return file


def test_an_image_embedding_goes_through_an_adapter(
    folder: Path, network: Any, tmp_path: Path
) -> None:
    file = save_adapter(network, tmp_path / "ip-adapter.safetensors")
    settings = RendererSettings(
        model=f"diffusers:{folder}", engine="cpu", large=LargeSettings(adapter=str(file))
    )
    painter = open_large(settings, Seen(EMBEDDING))  # type: ignore[arg-type]
    assert painter.modes == ("c",)
    rng = np.random.default_rng(0)
    noise = rng.standard_normal((4, 16, 16), dtype=np.float32)
    one, other = rng.standard_normal((2, EMBEDDING), dtype=np.float32)
    painter.render(None, one, noise, 1, "c")
    first = painter.latent
    painter.render(None, other, noise, 1, "c")
    assert first is not None
    assert not np.allclose(painter.latent, first, atol=1e-3)  # type: ignore[arg-type]
    # diffusers' own pipeline with the same adapter, embedding and empty prompt.
    own = diffusers.StableDiffusionPipeline(
        unet=painter._pipeline.unet, vae=painter._pipeline.coder._model, text_encoder=None,
        tokenizer=None, scheduler=diffusers.EulerDiscreteScheduler(**TURBO),
        safety_checker=None, feature_extractor=None, requires_safety_checker=False,
    )  # fmt: skip
    own.set_progress_bar_config(disable=True)
    told: Any = painter._told
    theirs = own(
        prompt_embeds=told.away.tokens, ip_adapter_image_embeds=[torch.from_numpy(one)[None, None]],
        latents=torch.from_numpy(noise)[None], num_inference_steps=1, guidance_scale=0.0,
        output_type="latent", height=SIDE, width=SIDE,
    ).images[0]  # fmt: skip
    np.testing.assert_allclose(theirs.numpy(), first, atol=2e-4, rtol=1e-4)
    with pytest.raises(BundleError, match="of 12 numbers"):
        open_large(settings, Seen(EMBEDDING + 1))  # type: ignore[arg-type]
    save_file({"image_proj.latents": torch.zeros(1)}, file)
    with pytest.raises(InputError, match="plain IP-Adapter"):
        open_large(settings, Seen(EMBEDDING))  # type: ignore[arg-type]


def test_an_image_embedding_becomes_the_label_of_unclip(tmp_path: Path) -> None:
    torch.manual_seed(3)
    learned = unet(
        class_embed_type="projection", projection_class_embeddings_input_dim=2 * EMBEDDING
    )
    scheduler = diffusers.DPMSolverMultistepScheduler(**SD, timestep_spacing="trailing")
    place = save_pipeline(tmp_path, learned, scheduler)
    from diffusers.pipelines.stable_diffusion.stable_unclip_image_normalizer import (
        StableUnCLIPImageNormalizer,
    )

    normalizer = StableUnCLIPImageNormalizer(EMBEDDING).requires_grad_(False)
    normalizer.mean.normal_()
    normalizer.std.uniform_(0.5, 2)
    normalizer.save_pretrained(place / "image_normalizer")
    noising = diffusers.DDPMScheduler(beta_schedule="squaredcos_cap_v2")
    noising.save_pretrained(place / "image_noising_scheduler")
    labels = open_labels(place)
    assert labels is not None
    c = torch.randn(1, EMBEDDING)
    length = float((normalizer.mean**2 + normalizer.std**2).sum().sqrt())
    assert float(labels(c)[:, :EMBEDDING].norm()) == pytest.approx(length, rel=0.1)
    torch.testing.assert_close(labels(3 * c), labels(c))
    kept = c / c.norm() * length
    stand_in = type("P", (), {"image_normalizer": normalizer, "image_noising_scheduler": noising})
    pipeline = diffusers.StableUnCLIPImg2ImgPipeline
    wanted = pipeline.noise_image_embeddings(stand_in(), kept, 0, noise=torch.zeros_like(kept))
    torch.testing.assert_close(labels(c), wanted, atol=1e-5, rtol=1e-4)
    painter = open_large(
        RendererSettings(model=f"diffusers:{place}", engine="cpu"),
        Seen(EMBEDDING),  # type: ignore[arg-type]
    )
    noise = np.random.default_rng(0).standard_normal((4, 16, 16), dtype=np.float32)
    made = [painter.render(None, s * c[0].numpy(), noise, 2, "c", guidance=2.0) for s in (1, -1)]
    assert (made[0] != made[1]).any()


def test_memory_is_checked_before_anything_is_read(folder: Path) -> None:
    place = Place(torch.device("cpu"), torch.float16)
    check_memory(1_000_000, place, free=2_600_000)
    with pytest.raises(ConfigError, match=r"2.0 GB free on cpu.*2.2 GB"):
        check_memory(866_000_000, place, free=2_000_000_000)
    check_memory(10, place, None)
    files = list((folder / "unet").glob("*.safetensors"))
    assert parameters(files) == sum(p.numel() for p in unet().parameters())


@pytest.mark.parametrize(
    ("engine", "precision", "gpu", "device", "dtype", "note"),
    [
        ("auto", "auto", True, "cuda", torch.float16, ""),
        ("auto", "auto", False, "cpu", torch.float32, ""),
        ("cpu", "bf16", True, "cpu", torch.bfloat16, ""),
        ("cuda", "fp16", False, "cpu", torch.float32, "no GPU was found"),
        ("tensorrt", "fp32", True, "cuda", torch.float32, "tensorrt does not run large"),
    ],
)
def test_device_and_format_follow_from_the_settings(
    engine: str, precision: str, gpu: bool, device: str, dtype: Any, note: str
) -> None:
    settings = RendererSettings.model_validate({"engine": engine, "precision": precision})
    place = choose_place(settings, gpu)
    assert (place.device.type, place.dtype) == (device, dtype)
    assert note in place.note
    assert bool(note) == bool(place.note)


def test_files_that_are_missing_or_run_code_are_refused(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "one.safetensors").write_bytes(b"")
    with pytest.raises(InputError, match="from_single_file"):
        find_folder(str(tmp_path / "one.safetensors"), "model", "model_index.json")
    with pytest.raises(InputError, match="save_pretrained"):
        find_folder(str(tmp_path), "model", "model_index.json")
    assert find_file(str(tmp_path), "lora").name == "one.safetensors"
    (tmp_path / "two.safetensors").write_bytes(b"")
    with pytest.raises(InputError, match="2 files fit"):
        find_file(str(tmp_path), "lora")
    (tmp_path / "code.json").write_text('{"auto_map": {}}')
    with pytest.raises(InputError, match="no code of its own"):
        read_json(tmp_path / "code.json", "model")
    empty = tmp_path / "empty"
    empty.mkdir()
    (empty / "diffusion_pytorch_model.bin").write_bytes(b"")
    with pytest.raises(InputError, match="safetensors"):
        variant_of(empty, "unet")
    (empty / "diffusion_pytorch_model.fp16.safetensors").write_bytes(b"")
    assert variant_of(empty, "unet") == "fp16"
    with pytest.raises(ConfigError, match=r"(?s)nowhere_1.*nowhere_2.*\[train\]"):
        need("nowhere_1", "nowhere_2")
    damaged = folder / "scheduler" / "scheduler_config.json"
    before = damaged.read_text()
    damaged.write_text("{")
    with pytest.raises(InputError, match="readable configuration"):
        open_large(RendererSettings(model=f"diffusers:{folder}"), None)
    damaged.write_text(before)


def test_the_published_architectures_can_be_built_small_and_worked() -> None:
    with torch.device("meta"):
        from renderer.large.architectures import SD_TURBO_UNET

        whole = diffusers.UNet2DConditionModel(**SD_TURBO_UNET)
        assert sum(p.numel() for p in whole.parameters()) == 865_910_724
    network = build_sd_turbo(
        sample_size=4, block_out_channels=(8, 8, 8, 8), attention_head_dim=2,
        norm_num_groups=4, cross_attention_dim=8,
    )  # fmt: skip
    coder = build_tiny_coder()
    work = turbo_work(network)
    with torch.no_grad():
        latent, pictures = Worker(network, coder, capture=False).run(work)
        alone = denoise(network, work.x, work.table, work.condition)
    assert torch.equal(latent, alone)
    assert pictures.shape == (1, 32, 32, 3)
    assert pictures.dtype == torch.uint8
    again = work.rebuilt([tensor.clone() for tensor in work.tensors()])
    assert again.form() == work.form()
    assert turbo_work(network, steps=2).form() != work.form()


def test_cosine_of_nothing() -> None:
    zero, one = np.zeros(3, np.float32), np.ones(3, np.float32)
    assert (cosine(zero, zero), cosine(zero, one), cosine(one, one)) == (1.0, 0.0, pytest.approx(1))
