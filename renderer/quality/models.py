"""The shipped models as the measurement needs them: painters, many steps, autoencoding."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from tqdm import tqdm

from phosphene.errors import InputError
from phosphene.session import RendererSettings
from renderer.generator import WEIGHTS, Generator
from renderer.painter import graph_opener
from renderer.quality.held import Held
from renderer.quality.paint import Atelier
from renderer.quality.reference import ManySteps, open_many_steps
from renderer.training.autoencoder import to_unit
from renderer.training.stored import load_autoencoder
from renderer.world256 import WEIGHTS_256, World256

Pictures = npt.NDArray[np.uint8]
Name = Literal["world-64", "world-256"]
Kind = Literal["cpu", "openvino"]
NAMES: tuple[Name, ...] = ("world-256", "world-64")
FOLDERS = {"world-64": WEIGHTS, "world-256": WEIGHTS_256}


class Model(NamedTuple):
    """A shipped model, or other weights of its kind, and how many painters work side by side."""

    name: Name
    weights: Path
    painters: int

    def atelier(self, kind: Kind = "cpu") -> Atelier:
        """Open painters in single precision, or with OpenVINO in bf16; one thread each."""
        return Atelier(self._opener(kind), self.painters)

    def many_steps(self) -> ManySteps:
        """Open the network for sampling in many steps."""
        return open_many_steps(self.weights, self.painters)

    def autoencoded(self, held: Held, atelier: Atelier, many: ManySteps) -> Pictures:
        """Held-out pictures through the model's own encoder and decoder, no network between."""
        if self.name == "world-64":
            return atelier.decode(held.z, "autoencoder")
        encoder = load_autoencoder(self.weights / "autoencoder.safetensors").encoder.eval()
        out = []
        with torch.no_grad():
            for k in tqdm(range(0, len(held.pictures), 8), desc="autoencoder", mininterval=2.0):
                pixels = to_unit(torch.from_numpy(held.pictures[k : k + 8]))
                out.append(many.decode(encoder(pixels).numpy()))
        return np.concatenate(out)

    def _opener(self, kind: Kind) -> Callable[[], Any]:
        painter = World256 if self.name == "world-256" else Generator
        if kind == "cpu":
            return lambda: painter(self.weights)
        settings = RendererSettings(model=self.name, engine=kind, precision="bf16", threads=1)
        return lambda: painter(self.weights, open_graph=graph_opener(settings, _refuse))


def _refuse(line: str) -> None:
    """Stop where another engine would be measured in place of the one that the page names."""
    raise InputError(f"{line}; install it (`pip install openvino`) or leave out its rows")
