"""The same network with many small steps: what the few-step sampler is measured against."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from phosphene.engine import Engine, OnnxEngine
from phosphene.stimuli.encoder import decoder_bytes
from renderer.quality.held import Held

Array = npt.NDArray[np.float32]
Pictures = npt.NDArray[np.uint8]
STEPS = 32
BATCH = 8


class ManySteps:
    """Follows the network's velocities u(z, t, h = 0) from noise to data, several at a time.

    Parameters
    ----------
    flow : Engine
        u(z_t, t, h, z_low, has_z, c, has_c).
    decoder : Engine
        Latent to uint8 pictures.
    """

    def __init__(self, flow: Engine, decoder: Engine) -> None:
        self._flow, self._decoder = flow, decoder
        self.noise_shape = _shape(flow, "z_t")

    def condition(self, held: Held, mode: str) -> dict[str, Array]:
        """Return what the network is told of n scenes for a mode z, c or zc."""
        n = len(held.c)
        z, c = np.float32("z" in mode), np.float32("c" in mode)
        return {
            "z_low": held.z * z,
            "has_z": np.full(n, z),
            "c": held.c * c,
            "has_c": np.full(n, c),
        }

    def velocity(self, z: Array, t: float, told: dict[str, Array]) -> Array:
        """Slope of the flow at time t."""
        n = len(z)
        feed = {"z_t": z, "t": np.full(n, t, np.float32), "h": np.zeros(n, np.float32), **told}
        u: Array = self._flow.run(feed)["u"]
        return u

    def latents(
        self, noise: Array, told: dict[str, Array], steps: int = STEPS, guidance: float = 1.0
    ) -> Array:
        """Integrate by Euler's rule in equal steps; guidance as in `renderer.generator`."""
        z = noise
        nothing = {name: np.zeros_like(value) for name, value in told.items()}
        for k in range(steps):
            t = 1.0 - k / steps
            u = self.velocity(z, t, told)
            if guidance != 1.0:
                without = self.velocity(z, t, nothing)
                u = without + np.float32(guidance) * (u - without)
            z = z - np.float32(1.0 / steps) * u
        return z

    def decode(self, latents: Array) -> Pictures:
        """Pictures of latents as they stand."""
        parts = [latents[k : k + BATCH] for k in range(0, len(latents), BATCH)]
        return np.concatenate([self._decoder.run({"z": part})["pictures"] for part in parts])

    def paint(
        self,
        held: Held,
        mode: str,
        seeds: npt.NDArray[np.int64],
        label: str,
        steps: int = STEPS,
        guidance: float = 1.0,
    ) -> Pictures:
        """One picture per scene of `held`, each from the noise of its seed."""
        out = []
        told = self.condition(held, mode)
        rows = range(0, len(seeds), BATCH)
        for k in tqdm(rows, desc=label, unit="batch", mininterval=2.0):
            here = {name: value[k : k + BATCH] for name, value in told.items()}
            noise = np.stack([noise_of(int(s), self.noise_shape) for s in seeds[k : k + BATCH]])
            out.append(self.decode(self.latents(noise, here, steps, guidance)))
        return np.concatenate(out)


def noise_of(seed: int, shape: tuple[int, ...]) -> Array:
    """Draw standard normal noise of a seed."""
    return np.random.default_rng(seed).standard_normal(shape, dtype=np.float32)


def open_many_steps(weights: Path, threads: int) -> ManySteps:
    """Open the graphs of a folder of weights, world-64's or world-256's."""
    large = weights / "flow.onnx"
    if large.exists():
        decoder = (weights / "decoder.onnx").read_bytes()
        return ManySteps(OnnxEngine(large.read_bytes(), threads), OnnxEngine(decoder, threads))
    flow = (weights / "generator.onnx").read_bytes()
    return ManySteps(OnnxEngine(flow, threads), OnnxEngine(decoder_bytes(), threads))


def _shape(engine: Engine, name: str) -> tuple[int, ...]:
    found = next(spec.shape for spec in engine.inputs if spec.name == name)
    return tuple(n or 1 for n in found[1:])
