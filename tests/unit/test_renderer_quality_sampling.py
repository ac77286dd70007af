from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

torch = pytest.importorskip("torch", reason="the train extra is not installed")
diffusers = pytest.importorskip("diffusers", reason="the train extra is not installed")

from phosphene.engine import OnnxEngine  # noqa: E402
from phosphene.stimuli.encoder import decoder_bytes  # noqa: E402
from renderer.generator import WEIGHTS, Generator, seeded_noise  # noqa: E402
from renderer.quality.held import Held, held_out  # noqa: E402
from renderer.quality.paint import Atelier, Wish  # noqa: E402
from renderer.quality.reference import ManySteps, open_many_steps  # noqa: E402

Array = npt.NDArray[np.float32]


@pytest.fixture(scope="module")
def held() -> Held:
    return held_out(3, 64)


@pytest.fixture(scope="module")
def many() -> ManySteps:
    return open_many_steps(WEIGHTS, 1)


def served(step: Any, noise: Array, sigmas: list[float], flow: OnnxEngine, told: Any) -> Array:
    """Sample as diffusers' own pipelines do: the network proposes, a scheduler moves."""
    z = noise
    for t, r in pairwise(sigmas):
        u = flow.run(
            {
                "z_t": z,
                "t": np.full(len(z), t, np.float32),
                "h": np.full(len(z), t - r, np.float32),
                **told,
            }
        )["u"]
        z = step(torch.from_numpy(u), t, torch.from_numpy(z), r).numpy().astype(np.float32)
    return z


@pytest.mark.parametrize("steps", [1, 2, 4])
def test_painting_is_what_the_flow_map_scheduler_of_diffusers_does(
    steps: int, held: Held, many: ManySteps
) -> None:
    scheduler = diffusers.FlowMapEulerDiscreteScheduler()
    scheduler.set_timesteps(steps)
    sigmas = [float(sigma) for sigma in scheduler.sigmas]
    flow = OnnxEngine((WEIGHTS / "generator.onnx").read_bytes())
    decoder = OnnxEngine(decoder_bytes())
    painter = Generator()

    def step(u: Any, t: float, z: Any, r: float) -> Any:
        return scheduler.step(u, 1000.0 * t, z, r_timestep=1000.0 * r).prev_sample

    noise = np.stack([seeded_noise(k) for k in range(3)])
    latents = served(step, noise, sigmas, flow, many.condition(held, "c"))
    wanted = decoder.run({"z": latents})["pictures"].astype(int)
    made = [painter.render(None, c, n, steps, "c") for c, n in zip(held.c, noise, strict=True)]
    assert np.abs(np.stack(made) - wanted).max() <= 1  # grey levels, where rounding falls apart


def test_many_steps_are_what_the_flow_match_scheduler_of_diffusers_does(
    held: Held, many: ManySteps
) -> None:
    scheduler = diffusers.FlowMatchEulerDiscreteScheduler()
    steps = 8
    scheduler.set_timesteps(sigmas=[1.0 - k / steps for k in range(steps)])
    told = many.condition(held, "zc")
    noise = np.stack([seeded_noise(k) for k in range(3)])
    z = torch.from_numpy(noise)
    for timestep in scheduler.timesteps:
        u = torch.from_numpy(many.velocity(z.numpy(), float(timestep) / 1000.0, told))
        z = scheduler.step(u, timestep, z).prev_sample
    np.testing.assert_allclose(many.latents(noise, told, steps), z.numpy(), atol=1e-4)


def test_many_steps_of_a_known_flow_end_on_the_data() -> None:
    class Exact:
        """Velocity (z - x) / t, of data that are all the one point x = 2."""

        inputs = outputs = ()

        def describe(self) -> str:
            return "exact"

        def run(self, feed: Any) -> dict[str, Array]:
            assert not feed["h"].any()
            x = 2.0 * feed["has_c"][:, None, None, None]
            return {"u": ((feed["z_t"] - x) / feed["t"][:, None, None, None]).astype(np.float32)}

    many = ManySteps.__new__(ManySteps)
    many._flow = Exact()
    noise = np.random.default_rng(0).standard_normal((2, 4, 16, 16), dtype=np.float32)
    told = {"has_c": np.ones(2, np.float32)}
    np.testing.assert_allclose(many.latents(noise, told, 16), 2.0, atol=1e-4)
    # guided twice as far from where it would go without c, which is 0
    np.testing.assert_allclose(many.latents(noise, told, 16, 2.0), 4.0, atol=1e-3)


def test_several_painters_paint_what_one_paints(held: Held, many: ManySteps) -> None:
    one = Atelier(Generator).paint(held, Wish("zc", 1), "one")
    two = Atelier(Generator, 2).paint(held, Wish("zc", 1), "two")
    np.testing.assert_array_equal(one, two)
    wanted = Generator().render(held.z[2], held.c[2], seeded_noise(2), 1, "zc")
    np.testing.assert_array_equal(one[2], wanted)
    other = Atelier(Generator).paint(held, Wish("zc", 1), "other", np.array([7, 8, 9]))
    assert not np.array_equal(one, other)
    stands = Atelier(Generator).decode(held.z, "z")
    np.testing.assert_array_equal(stands, many.decode(held.z))
