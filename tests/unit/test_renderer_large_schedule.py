"""Samplers as tables of numbers, against the samplers of diffusers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the train extra is not installed")
diffusers = pytest.importorskip("diffusers", reason="the train extra is not installed")

from phosphene.errors import ConfigError, InputError  # noqa: E402
from phosphene.session_renderer import LargeSettings  # noqa: E402
from renderer.large.consistency import lcm, tcd  # noqa: E402
from renderer.large.euler import euler  # noqa: E402
from renderer.large.kinds import choose_kind  # noqa: E402
from renderer.large.loop import step, table_of  # noqa: E402
from renderer.large.noise_levels import NoiseLevels, read_noise_levels  # noqa: E402
from renderer.large.schedule import Schedule  # noqa: E402
from renderer.large.solver import dpm_solver  # noqa: E402

# diffusers' samplers hand tensors to numpy in a way that numpy 2 no longer likes.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
SD = {"beta_schedule": "scaled_linear", "beta_start": 0.00085, "beta_end": 0.012}
CPU = torch.device("cpu")
SHAPE = (1, 2, 3, 3)
Make = Callable[[NoiseLevels, int], Schedule | None]
SAMPLERS: list[tuple[str, Make, dict[str, Any]]] = [
    ("EulerDiscreteScheduler", euler, {"timestep_spacing": "trailing"}),
    ("LCMScheduler", lcm, {}),
    ("TCDScheduler", tcd, {}),
    ("DPMSolverMultistepScheduler", dpm_solver, {"timestep_spacing": "trailing"}),
]


def made_up(x: Any, time: float) -> Any:
    """Stand in for a network: smooth in both arguments, and not linear."""
    return torch.sin(2 * x) + 0.3 * x.roll(1, -1) + time / 1000


def ours(table: Schedule, noise: Any, fresh: Any) -> Any:
    rows, x, before = table_of(table, CPU).rows, table.pure_noise * noise, torch.zeros(SHAPE)
    for k, time in enumerate(table.times):
        now = rows[k, 0] * x + rows[k, 1] * made_up(x, float(time))
        x, before = step(x, now, before, rows[k], fresh[k]), now
    return x


def theirs(scheduler: Any, steps: int, noise: Any, seed: int) -> Any:
    scheduler.set_timesteps(steps)
    generator = torch.Generator().manual_seed(seed)
    x = noise * scheduler.init_noise_sigma
    stirs = type(scheduler).__name__ in ("LCMScheduler", "TCDScheduler")
    for time in scheduler.timesteps:
        out = made_up(scheduler.scale_model_input(x, time), float(time))
        more = {"generator": generator} if stirs else {}
        x = scheduler.step(out, time, x, **more).prev_sample
    return x


@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction"])
@pytest.mark.parametrize("steps", [1, 4])
@pytest.mark.parametrize(("name", "make", "more"), SAMPLERS, ids=[s[0] for s in SAMPLERS])
def test_a_table_does_what_diffusers_sampler_does(
    name: str, make: Make, more: dict[str, Any], steps: int, prediction: str
) -> None:
    config = {**SD, "prediction_type": prediction, **more}
    scheduler = getattr(diffusers, name)(**config)
    levels = read_noise_levels(config)
    np.testing.assert_allclose(levels.signal, scheduler.alphas_cumprod.numpy(), rtol=2e-5)
    noise = torch.randn(SHAPE, generator=torch.Generator().manual_seed(1))
    table = make(levels, steps)
    assert table is not None
    scheduler.set_timesteps(steps)
    np.testing.assert_array_equal(table.times, scheduler.timesteps.numpy())
    draws = torch.Generator().manual_seed(7)
    fresh = torch.stack([torch.randn(SHAPE, generator=draws) for _ in range(steps)])
    wanted = theirs(scheduler, steps, noise, seed=7)
    torch.testing.assert_close(ours(table, noise, fresh), wanted, rtol=2e-4, atol=2e-4)


def test_strength_starts_where_image_to_image_pipelines_start() -> None:
    levels = read_noise_levels(SD)
    half = euler(levels, 1, 0.5)
    scheduler = diffusers.EulerDiscreteScheduler(**SD, timestep_spacing="trailing")
    scheduler.set_timesteps(2)  # at strength 0.5 a pipeline takes the last one of two steps
    assert half is not None
    assert half.times[0] == scheduler.timesteps[1]
    sigma = float(scheduler.sigmas[1])
    assert half.start_noise / half.start_signal == pytest.approx(sigma, rel=1e-5)
    assert half.start_noise**2 + half.start_signal**2 == pytest.approx(1)
    for make in (euler, lcm, tcd, dpm_solver):
        assert make(levels, 2, 0.0) is None
        times = [make(levels, 4, s) for s in (0.01, 0.3, 0.8, 1.0)]
        tops = [float(t.times[0]) for t in times if t is not None]
        assert tops == sorted(tops)
        assert all(t is not None and (np.diff(t.times) < 0).all() for t in times)


@pytest.mark.parametrize("more", [{}, {"rescale_betas_zero_snr": True}])
@pytest.mark.parametrize("kind", ["linear", "scaled_linear", "squaredcos_cap_v2"])
def test_noise_levels_are_those_of_training(kind: str, more: dict[str, Any]) -> None:
    config = {**SD, "beta_schedule": kind, **more}
    wanted = diffusers.EulerDiscreteScheduler(**config).alphas_cumprod.numpy()
    found = read_noise_levels(config).signal
    np.testing.assert_allclose(np.sqrt(found), np.sqrt(wanted), atol=2e-4)


def test_unknown_noise_levels_are_refused_all_at_once() -> None:
    with pytest.raises(InputError, match=r"(?s)flow.*cosine"):
        read_noise_levels({"prediction_type": "flow", "beta_schedule": "cosine"})


@pytest.mark.parametrize(
    ("large", "unet", "scheduler", "wanted"),
    [
        ({}, {}, {"_class_name": "PNDMScheduler"}, ("few-step", "free")),
        ({}, {}, {"_class_name": "EulerDiscreteScheduler", "timestep_spacing": "trailing"},
         ("sd-turbo", "no")),
        ({}, {"addition_embed_type": "text_time"},
         {"_class_name": "EulerAncestralDiscreteScheduler", "timestep_spacing": "trailing"},
         ("sdxl-turbo", "no")),
        ({}, {"time_cond_proj_dim": 8}, {}, ("lcm", "embedded")),
        ({"lora": "latent-consistency/lcm-lora-sdv1-5"}, {}, {}, ("lcm", "free")),
        ({"lora": "ByteDance/Hyper-SD/x.safetensors"}, {}, {}, ("hyper-sd", "no")),
        ({"kind": "few-step", "lora": "mine"}, {}, {}, ("few-step", "free")),
    ],
)  # fmt: skip
def test_the_kind_is_told_from_a_pipelines_files(
    large: dict[str, str], unet: dict[str, Any], scheduler: dict[str, Any], wanted: tuple[str, str]
) -> None:
    kind = choose_kind(LargeSettings.model_validate(large), unet, scheduler)
    assert (kind.name, kind.guided) == wanted


def test_a_kind_that_does_not_fit_or_cannot_be_told_is_refused() -> None:
    with pytest.raises(ConfigError, match="sd-turbo for this UNet"):
        choose_kind(LargeSettings(kind="sdxl-turbo"), {}, {})
    with pytest.raises(ConfigError, match="name says lcm"):
        choose_kind(LargeSettings(lora="mine.safetensors"), {}, {})
