"""Large pipelines as painters, on small ones with random weights that were saved on the spot."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

torch = pytest.importorskip("torch", reason="the train extra is not installed")
diffusers = pytest.importorskip("diffusers", reason="the train extra is not installed")
transformers = pytest.importorskip("transformers", reason="the train extra is not installed")

from decoder.spaces import open_space  # noqa: E402
from phosphene.errors import BundleError, ConfigError, InputError  # noqa: E402
from phosphene.session import RendererSettings  # noqa: E402
from phosphene.session_renderer import LargeSettings  # noqa: E402
from phosphene.stimuli import C_DIM, Z_SHAPE, typical  # noqa: E402
from phosphene.stimuli.encoder import decoder_bytes  # noqa: E402
from renderer.large import open_large  # noqa: E402
from renderer.large.painter import LargePainter  # noqa: E402
from renderer.large.starts import Starts, _same  # noqa: E402
from renderer.large.words import encode_prompts  # noqa: E402
from renderer.large.work import Worker  # noqa: E402
from tests.unit.large_pipelines import (  # noqa: E402
    SD,
    SIDE,
    TOKENS,
    TURBO,
    WIDTH,
    Fitted,
    again,
    embedded,
    opened,
    save_pipeline,
    sdxl_unet,
    tiny,
    unet,
)

Array = npt.NDArray[np.float32]
# diffusers' samplers hand tensors to numpy in a way that numpy 2 no longer likes.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
SHAPE = (4, SIDE // 2, SIDE // 2)
NOISE: Array = np.random.default_rng(0).standard_normal(SHAPE, dtype=np.float32)
Z: Array = np.random.default_rng(1).standard_normal(Z_SHAPE, dtype=np.float32)
FACE, HOUSE = typical("face"), typical("house")


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    torch.manual_seed(0)
    torch.set_num_threads(1)
    root = tmp_path_factory.mktemp("pipelines")
    make = diffusers.EulerDiscreteScheduler(**TURBO), diffusers.LCMScheduler(**SD)
    plain = diffusers.PNDMScheduler(**SD, skip_prk_steps=True)
    tiny().save_pretrained(root / "tiny")
    return {
        "sd-turbo": save_pipeline(root / "turbo", unet(), make[0]),
        "lcm": save_pipeline(root / "lcm", unet(time_cond_proj_dim=8), make[1]),
        "sdxl-turbo": save_pipeline(root / "sdxl", sdxl_unet(), make[0], words=2),
        "few-step": save_pipeline(root / "plain", unet(), plain, tiny()),
        "tiny": root / "tiny",
    }


@pytest.fixture(scope="module")
def painters(folders: dict[str, Path]) -> dict[str, LargePainter]:
    return {kind: opened(folders[kind]) for kind in folders if kind != "tiny"}


@pytest.mark.parametrize("kind", ["sd-turbo", "lcm", "sdxl-turbo", "few-step"])
def test_one_step_gives_the_picture_of_diffusers_own_pipeline(
    kind: str, folders: dict[str, Path], painters: dict[str, LargePainter]
) -> None:
    folder, painter = folders[kind], painters[kind]
    guidance = 2.5
    mine = painter.render(None, FACE, NOISE, 1, "c", guidance=guidance)
    parts = painter._pipeline
    tokens, pooled = embedded(folder, FACE)
    sampler = {
        "lcm": diffusers.LCMScheduler(**SD),
        "few-step": diffusers.DPMSolverMultistepScheduler(**TURBO),
    }.get(kind, diffusers.EulerDiscreteScheduler(**TURBO))
    loaded = {"unet": parts.unet, "vae": parts.coder._model, "scheduler": sampler}
    more: dict[str, Any] = {"text_encoder": None, "tokenizer": None}
    call: dict[str, Any] = {"prompt_embeds": tokens, "guidance_scale": guidance}
    if kind == "sdxl-turbo":
        more |= {"text_encoder_2": None, "tokenizer_2": None}
        call |= {"pooled_prompt_embeds": pooled, "guidance_scale": 0.0}
        pipeline = diffusers.StableDiffusionXLPipeline(**loaded, **more, add_watermarker=False)
    else:
        more |= {"safety_checker": None, "feature_extractor": None}
        pipeline = diffusers.StableDiffusionPipeline(
            **loaded, **more, requires_safety_checker=False
        )
    if kind == "sd-turbo":
        call |= {"guidance_scale": 0.0}
    if kind == "few-step":
        empty = encode_prompts(folder, [""], False, torch.device("cpu"), torch.float32)
        call |= {"negative_prompt_embeds": empty.tokens}
    pipeline.set_progress_bar_config(disable=True)
    latents = torch.from_numpy(NOISE)[None]
    theirs = pipeline(
        **call, num_inference_steps=1, latents=latents.clone(), output_type="np",
        height=SIDE, width=SIDE,
    ).images[0]  # fmt: skip
    assert mine.shape == (SIDE, SIDE, 3)
    assert mine.std() > 1
    assert np.abs(theirs * 255 - mine).max() <= 0.51
    if kind == "lcm":
        other = painter.render(None, FACE, NOISE, 1, "c", guidance=1.0)
        assert (other != mine).any()


def test_the_same_noise_gives_the_same_picture_and_conditions_change_it(
    painters: dict[str, LargePainter],
) -> None:
    for kind, painter in painters.items():
        made = painter.render(None, FACE, NOISE, 4, "c")
        assert painter.latent is not None
        assert painter.latent.dtype == np.float32
        assert painter.latent.shape == painter.noise_shape == SHAPE
        np.testing.assert_array_equal(painter.render(None, FACE, NOISE, 4, "c"), made)
        # Another condition, other noise, other steps: each another latent.
        first = painter.latent
        others = (HOUSE, NOISE, 4), (FACE, NOISE[::-1].copy(), 4), (FACE, NOISE, 2)
        for c, noise, steps in others:
            painter.render(None, c, noise, steps, "c")
            assert not np.array_equal(painter.latent, first), kind
    assert len({painter.model for painter in painters.values()}) == len(painters)


def test_z_is_noised_to_strength_and_denoised_with_c(painters: dict[str, LargePainter]) -> None:
    painter = painters["sd-turbo"]
    plain = painter.render(Z, None, NOISE, 1, "z")
    np.testing.assert_array_equal(plain, painter.decode(Z))
    own = painter.latent
    np.testing.assert_array_equal(painter.render(Z, FACE, NOISE, 2, "zc", strength=0.0), plain)
    assert own is not None
    apart = []
    for strength in (0.05, 0.4, 1.0):
        painter.render(Z, FACE, NOISE, 2, "zc", strength=strength)
        assert painter.latent is not None
        apart.append(float(np.abs(painter.latent - own).mean()))
    assert apart == sorted(apart)
    assert apart[0] < 0.5 * apart[2]
    whole = painter.render(Z, FACE, NOISE, 2, "zc", strength=1.0)
    np.testing.assert_array_equal(whole, painter.render(None, FACE, NOISE, 2, "c"))
    # Nothing is denoised for z, so a warm start has nothing to say.
    np.testing.assert_array_equal(painter.render(Z, None, NOISE, 1, "z", start=NOISE), plain)
    # A warm start is the same with another latent in the place of z.
    painter.render(Z, FACE, NOISE, 2, "zc", strength=0.4)
    wanted = painter.latent
    painter.render(None, FACE, NOISE, 2, "c", start=own, start_t=0.4)
    assert wanted is not None
    np.testing.assert_allclose(painter.latent, wanted, atol=1e-6)


@pytest.mark.parametrize(
    ("kind", "residual", "steps"),
    [("lcm", "full", 2), ("few-step", "full", 2), ("few-step", "onetime", 4),
     ("few-step", "self", 2)],
)  # fmt: skip
def test_a_stream_batch_gives_the_same_pictures_steps_minus_one_later(
    kind: str, residual: str, steps: int, painters: dict[str, LargePainter]
) -> None:
    plain = again(painters[kind], residual=residual)
    stream = again(painters[kind], residual=residual, stream_batch=True)
    noises = np.random.default_rng(3).standard_normal((steps + 2, *SHAPE), dtype=np.float32)
    conditions = [FACE, HOUSE, HOUSE, FACE, typical("cat"), FACE]
    wanted, found = [], []
    for c, noise in zip(conditions, noises, strict=False):
        plain.render(Z, c, noise, steps, "zc", 0.9, guidance=2.0)
        wanted.append(plain.latent)
        stream.render(Z, c, noise, steps, "zc", 0.9, guidance=2.0)
        found.append(stream.latent)
    assert stream.delay_frames == steps - 1
    assert "steps - 1 frames later" in stream.limits()
    for k, latent in enumerate(found):
        first = wanted[max(0, k - steps + 1)]
        np.testing.assert_allclose(latent, first, atol=2e-4, rtol=1e-3)
    stream.reset()
    stream.render(Z, conditions[1], noises[1], steps, "zc", 0.9, guidance=2.0)
    np.testing.assert_allclose(stream.latent, wanted[1], atol=2e-4, rtol=1e-3)


def test_residual_guidance_asks_less_often_and_agrees_where_it_should(
    painters: dict[str, LargePainter],
) -> None:
    made, batches = {}, {}
    for residual in ("full", "onetime", "self"):
        painter = again(painters["few-step"], residual=residual)
        asked: list[int] = []
        network: Any = painter._pipeline.unet
        hook = network.register_forward_pre_hook(
            lambda _, given, seen=asked: seen.append(len(given[0]))
        )
        painter.render(None, FACE, NOISE, 4, "c", guidance=2.0)
        hook.remove()
        made[residual], batches[residual] = painter.latent, sum(asked)
        painter.render(None, FACE, NOISE, 1, "c", guidance=2.0)
        made[f"{residual} 1"] = painter.latent
    assert batches == {"full": 8, "onetime": 5, "self": 4}
    np.testing.assert_allclose(made["onetime 1"], made["full 1"], rtol=1e-4, atol=1e-4)
    assert not np.allclose(made["self 1"], made["full 1"], atol=1e-3)
    assert not np.allclose(made["onetime"], made["full"], atol=1e-3)


def test_what_would_look_the_same_is_shown_again_and_counted(
    painters: dict[str, LargePainter],
) -> None:
    painter = again(painters["sd-turbo"], skip_similar=0.99)
    first = painter.render(None, FACE, NOISE, 1, "c")
    assert painter.render(None, FACE * np.float32(1.001), NOISE, 1, "c") is first
    assert painter.skipped == 1
    for c, noise, steps in ((HOUSE, NOISE, 1), (HOUSE, -NOISE, 1), (HOUSE, -NOISE, 2)):
        painter.render(None, c, noise, steps, "c")
    assert painter.skipped == 1
    # Many small moves add up: it is the last painted conditions that count.
    rng, c, shown = np.random.default_rng(0), HOUSE.copy(), set()
    for _ in range(40):
        c = c + rng.standard_normal(C_DIM).astype(np.float32) * np.float32(0.05)
        shown.add(id(painter.render(None, c, -NOISE, 2, "c")))
    assert 1 < len(shown) < 40
    painter.reset()
    before = painter.skipped
    painter.render(None, c, -NOISE, 2, "c")
    assert painter.skipped == before


def test_a_painter_makes_itself_ready_without_showing_anything(
    painters: dict[str, LargePainter],
) -> None:
    painter = again(painters["few-step"])
    recording: Any = Worker(painter._pipeline.unet, painter._pipeline.coder, capture=True)
    painter._worker = recording  # as on a GPU, where a form is recorded before it is replayed
    recorded = []
    recording._function = lambda work: lambda tensors: recorded.append(work) or tensors[:2]
    settings = RendererSettings(model="diffusers:x", steps=4, mode="c", guidance=2.0)
    assert not painter.ready(settings)
    assert painter.ready(settings.model_copy(update={"mode": "z"}))
    example: Any = painter._example(settings)
    recording._recorded[example.form()] = recording._function(example)
    assert painter.ready(settings)
    # Strength and guidance are inputs of what was recorded; steps and the mode are not.
    assert painter.ready(settings.model_copy(update={"guidance": 3.0}))
    assert not painter.ready(settings.model_copy(update={"guidance": 1.0}))
    assert not painter.ready(settings.model_copy(update={"steps": 2}))
    painter.prepare(settings)
    assert len(recorded) == 3
    painter.prepare(settings.model_copy(update={"mode": "z"}))
    assert painter.latent is None


def test_a_tiny_decoder_and_another_size_take_the_place_of_the_pipelines_own(
    folders: dict[str, Path],
) -> None:
    settings = RendererSettings(
        model=f"diffusers:{folders['sd-turbo']}", engine="openvino", precision="bf16",
        size_px=48, large=LargeSettings(tiny=str(folders["tiny"])),
    )  # fmt: skip
    painter = open_large(settings, None)
    made = painter.render(Z, FACE, np.zeros((4, 24, 24), np.float32), 1, "zc", 0.5)
    assert made.shape == (48, 48, 3)
    assert painter.size_px == 48
    assert "openvino does not run large pipelines" in painter.limits()
    assert type(painter._pipeline.coder._model).__name__ == "AutoencoderTiny"
    assert next(painter._pipeline.unet.parameters()).dtype == torch.bfloat16


def test_z_that_is_the_pipelines_own_latent_is_taken_as_it_is(
    painters: dict[str, LargePainter],
) -> None:
    coder, other = (painters[kind]._pipeline.coder for kind in ("few-step", "sd-turbo"))

    class Decoder:
        """The bundle's graph: the first pipeline's own decoder."""

        def run(self, inputs: dict[str, Array]) -> dict[str, npt.NDArray[np.uint8]]:
            with torch.no_grad():
                return {"pictures": coder.decode(torch.from_numpy(inputs["z"])).numpy()}

    decoder: Any = Decoder()
    z = np.random.default_rng(5).standard_normal(SHAPE, dtype=np.float32)
    assert _same(decoder, coder, SHAPE)
    np.testing.assert_array_equal(Starts(decoder, SHAPE, coder, SIDE, own=True).latent(z)[0], z)
    # Of the same shape, but another autoencoder's: through its picture.
    assert not _same(decoder, other, SHAPE)
    with torch.no_grad():
        wanted = other.encode(decoder.run({"z": z[None]})["pictures"][0], SIDE)
    found = Starts(decoder, SHAPE, other, SIDE, own=False).latent(z)
    torch.testing.assert_close(found, wanted)


def test_a_prompt_that_was_decoded_goes_in_as_it_is(
    folders: dict[str, Path], painters: dict[str, LargePainter]
) -> None:
    for kind in ("sd-turbo", "sdxl-turbo"):
        tokens, pooled = embedded(folders[kind], FACE)
        flat = torch.cat([v.flatten() for v in (tokens, pooled) if v is not None]).numpy()
        painter = opened(folders[kind], Fitted(f"vectors:{len(flat)}", len(flat)))
        assert painter.modes == ("c",)
        made = painter.render(None, flat, NOISE, 1, "c")
        wanted = painters[kind].render(None, FACE, NOISE, 1, "c")
        assert np.abs(made.astype(int) - wanted).max() <= 1


def test_a_prompts_hidden_states_are_a_target_space_that_the_pipeline_reads(
    folders: dict[str, Path],
) -> None:
    space = open_space(f"prompt:{folders['sd-turbo']}")
    codes = space.encode_text(["face", "house"])
    assert codes.shape == (2, space.c_dim) == (2, TOKENS * WIDTH)
    tokens = encode_prompts(
        folders["sd-turbo"], ["face"], False, torch.device("cpu"), torch.float32
    ).tokens
    np.testing.assert_allclose(codes[0], tokens.flatten().numpy(), atol=1e-6)
    assert not np.allclose(codes[0], codes[1], atol=1e-3)
    assert str(folders["sd-turbo"].parent) not in space.id
    assert opened(folders["sd-turbo"], Fitted(space.id, space.c_dim)).modes == ("c",)
    with pytest.raises(ConfigError, match="names of categories"):
        space.encode_c(np.zeros((1, 8, 8, 3), np.uint8))
    with pytest.raises(BundleError, match="multiple of 16"):
        opened(folders["sd-turbo"], Fitted(space.id, space.c_dim + 1))


def test_without_words_a_decoded_prompt_is_painted_and_guidance_has_no_effect(
    folders: dict[str, Path], tmp_path: Path
) -> None:
    for part in ("unet", "vae", "scheduler"):
        shutil.copytree(folders["few-step"] / part, tmp_path / part)
    shutil.copy(folders["few-step"] / "model_index.json", tmp_path)
    painter = opened(tmp_path, Fitted("prompt:x", 3 * WIDTH))
    assert "without the pipeline's text encoder guidance has no effect" in painter.limits()
    c = np.random.default_rng(0).standard_normal(3 * WIDTH, dtype=np.float32)
    plain = painter.render(None, c, NOISE, 2, "c", guidance=1.0)
    np.testing.assert_array_equal(painter.render(None, c, NOISE, 2, "c", guidance=3.0), plain)
    with pytest.raises(BundleError, match="embedded prompts"):
        opened(tmp_path, Fitted("prototypes:face+house", 2))


def test_categories_of_prototypes_become_words(
    folders: dict[str, Path], painters: dict[str, LargePainter]
) -> None:
    painter = opened(folders["sd-turbo"], Fitted("z=pixels:8,c=prototypes:face+house", 2))
    sure = np.array([9.0, -9.0], np.float32)
    painter.render(None, sure, NOISE, 1, "c")
    latent = painter.latent
    face = np.full(C_DIM, -9, np.float32)
    face[0] = 9
    painters["sd-turbo"].render(None, face, NOISE, 1, "c")
    np.testing.assert_allclose(latent, painters["sd-turbo"].latent, atol=1e-4)


def test_a_space_that_cannot_be_taken_is_refused_with_what_can(folders: dict[str, Path]) -> None:
    with pytest.raises(BundleError, match=r"(?s)clip:vit.*words.*adapter.*embedded prompts"):
        opened(folders["sd-turbo"], Fitted("clip:vit", WIDTH))
    z = (Z_SHAPE, decoder_bytes())
    half = opened(folders["sd-turbo"], Fitted("z=taef2@32,c=clip:vit", 7, z, ("z", "c")))
    assert half.modes == ("z",)
    assert "cannot be told c of clip:vit" in half.limits()
    with pytest.raises(ConfigError, match=r"(?s)mode.*zc.*cannot be told"):
        half.render(Z, FACE, NOISE, 1, "zc")


def test_wrong_arguments_are_told_together(painters: dict[str, LargePainter]) -> None:
    painter = painters["sd-turbo"]
    bad = np.zeros((4, 8, 8), np.float32)
    with pytest.raises(ConfigError, match=r"(?s)5 problem.*noise.*z.*strength.*steps.*guidance"):
        painter.render(bad, FACE, bad, 0, "zc", strength=2.0, guidance=9.0)
    with pytest.raises(ConfigError, match=r"(?s)conditions.*no c with mode c"):
        painter.render(None, None, NOISE, 1, "c")
    with pytest.raises(ConfigError, match="not finite"):
        painter.render(None, FACE * np.float32(np.nan), NOISE, 1, "c")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"size_px": 30}, "multiple of 4"),
        ({"large": LargeSettings(kind="sdxl-turbo")}, "sd-turbo for this UNet"),
        ({"large": LargeSettings(lora="nowhere.safetensors")}, "lora"),
        ({"large": LargeSettings(tiny="nobody/nothing")}, "hf download nobody/nothing"),
        ({"model": "diffusers:nobody/nothing"}, "hf download nobody/nothing"),
        ({"model": "diffusers:/nowhere/at/all"}, "hub id"),
    ],
)
def test_settings_that_do_not_fit_are_refused(
    change: dict[str, Any], message: str, folders: dict[str, Path]
) -> None:
    base = {"model": f"diffusers:{folders['sd-turbo']}", "engine": "cpu"}
    with pytest.raises((ConfigError, InputError), match=message):
        open_large(RendererSettings(**{**base, **change}), None)
