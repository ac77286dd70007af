"""A synthetic EEG participant whose responses are known exactly.

Every flash of a picture evokes ``sum_k f_k K_k(t)``: linear in pooled low-level features of the
picture (early, occipital) and in its semantic embedding c (later, occipito-temporal). The kernels
K are drawn from the participant's seed; noise from the run's seed. Nothing that a decoder or a
renderer learned is used.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import msgspec
import numpy as np
import numpy.typing as npt

from acquisition.simulate import eeg_noise
from acquisition.simulate.scalp import CHANNELS, bump
from acquisition.sources.eeg import EegMarker, EegRecording
from phosphene.errors import ConfigError, check_all, problem
from phosphene.stimuli import C_DIM, Programme, Scene, draw, embed, sample_scene

__all__ = ["EegParticipant", "EegSimConfig", "Flash", "flashes", "simulate_eeg"]

_GRID = 4
_N_LOW = 3 * _GRID * _GRID
_RESPONSE_S = 0.7
_SCALE_PICTURES = 64
_COMPONENTS = 3

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class EegSimConfig:
    """How strong everything is.

    Attributes
    ----------
    participant_seed, run_seed : int
        Kernels and noise.
    fs_hz : float
        Sampling rate in hertz.
    flash_every_s : float
        Time between flashes within a block, in seconds.
    common_uv, low_uv, semantic_uv : float
        Root mean square over channels and the first 0.5 s of the response to any flash, of what
        low-level features add, and of what the embedding adds, in microvolts.
    pink_uv, alpha_uv, sensor_uv, hum_uv, blink_uv : float
        Noise levels in microvolts.
    hum_hz, blink_rate_hz : float
        Mains frequency in hertz, and blinks per second.
    offset_uv : float
        Size of the constant electrode offsets in microvolts.
    """

    participant_seed: int = 0
    run_seed: int = 0
    fs_hz: float = 250.0
    flash_every_s: float = 1.0
    common_uv: float = 2.0
    low_uv: float = 1.0
    semantic_uv: float = 1.6
    pink_uv: float = 8.0
    alpha_uv: float = 5.0
    sensor_uv: float = 1.5
    hum_uv: float = 4.0
    blink_uv: float = 120.0
    hum_hz: float = 50.0
    blink_rate_hz: float = 0.15
    offset_uv: float = 5000.0

    def __post_init__(self) -> None:
        problems = [
            problem(field.name, value, "0 or more", "Correct it.")
            for field in fields(self)
            if not (value := getattr(self, field.name)) >= 0
        ]
        for name in ("fs_hz", "flash_every_s"):
            if not getattr(self, name) > 0:
                problems.append(problem(name, getattr(self, name), "above 0", "Correct it."))
        check_all(problems, ConfigError, "synthetic EEG")


@dataclass(frozen=True, slots=True)
class Flash:
    """A picture shown at `t_s` seconds for `duration_s` seconds."""

    t_s: float
    duration_s: float
    scene: Scene


def flashes(programme: Programme, every_s: float) -> tuple[Flash, ...]:
    """List the flashes of a programme: at each block's start, then one every `every_s` seconds."""
    shown = []
    for block in programme.blocks:
        count = max(1, int(block.duration_s / every_s + 1e-9))
        for k in range(count):
            scene = block.clip.scene_at(k * every_s)
            duration_s = min(every_s, block.duration_s - k * every_s)
            shown.append(Flash(block.onset_s + k * every_s, duration_s, scene))
    return tuple(shown)


class EegParticipant:
    """The kernels of one synthetic person.

    Parameters
    ----------
    config : EegSimConfig
        Strengths, sampling rate and `participant_seed`.

    Attributes
    ----------
    kernels : ndarray of shape (1 + 48 + C_DIM, n_times, 32)
        Response in microvolts to one unit of each feature: any picture, mean red, green and blue
        on a 4 x 4 grid (each from -1 to 1), semantic embedding.
    """

    def __init__(self, config: EegSimConfig) -> None:
        rng = np.random.default_rng([config.participant_seed, 0xEE6])
        times_s = np.arange(round(_RESPONSE_S * config.fs_hz)) / config.fs_hz
        back, side = ((-0.4, 0.4), (-1.0, -0.6)), ((-0.9, 0.9), (-0.85, -0.2))
        common = [_kernel(times_s, (0.09, 0.30), back, rng)]
        low = [_kernel(times_s, (0.08, 0.20), back, rng) for _ in range(_N_LOW)]
        semantic = [_kernel(times_s, (0.15, 0.45), side, rng) for _ in range(C_DIM)]
        parts = [np.stack(part) for part in (common, low, semantic)]
        features = np.stack([picture_features(s) for s in _sample_scenes()])
        spread = features - features.mean(axis=0)
        columns = np.split(spread, [1, 1 + _N_LOW], axis=1)
        columns[0] = features[:, :1]
        levels = (config.common_uv, config.low_uv, config.semantic_uv)
        early = times_s < 0.5
        scaled = []
        for part, column, level_uv in zip(parts, columns, levels, strict=True):
            made = np.tensordot(column, part[:, early], axes=1)
            scaled.append(part * (level_uv / np.sqrt(np.mean(np.square(made)))))
        self.kernels: Array = np.concatenate(scaled)

    def response(self, scene: Scene) -> Array:
        """Return the response to a picture, shape (n_times, 32), microvolts from the onset on."""
        made: Array = np.tensordot(picture_features(scene), self.kernels, axes=1)
        return made


def picture_features(scene: Scene) -> Array:
    """Return what the brain responds to, shape (1 + 48 + C_DIM,)."""
    picture = draw(scene, 64).astype(np.float64) / 127.5 - 1.0
    side = 64 // _GRID
    pooled = picture.reshape(_GRID, side, _GRID, side, 3).mean(axis=(1, 3))
    return np.concatenate([[1.0], pooled.ravel(), embed(scene)])


def simulate_eeg(programme: Programme, config: EegSimConfig, name: str = "sim") -> EegRecording:
    """Record the participant while a programme is flashed.

    Parameters
    ----------
    programme : Programme
        What is shown; its `duration_s` is the length of the recording.
    config : EegSimConfig
        Strengths and seeds.
    name : str
        Name of the recording.

    Returns
    -------
    EegRecording
        32 channels; one marker per flash with the category as label and the scene as JSON in
        `detail`.
    """
    n = round(programme.duration_s * config.fs_hz)
    rng = np.random.default_rng([config.participant_seed, config.run_seed, 0xEE7])
    data = _noise(n, config, rng)
    participant = EegParticipant(config)
    markers = []
    for flash in flashes(programme, config.flash_every_s):
        begin = round(flash.t_s * config.fs_hz)
        part = data[begin : begin + participant.kernels.shape[1]]
        part += participant.response(flash.scene)[: len(part)]
        detail = msgspec.json.encode(flash.scene).decode()
        label = flash.scene.category
        markers.append(EegMarker(flash.t_s, label, "programme", flash.duration_s, detail))
    return EegRecording(
        name=name,
        data=data.astype(np.float32),
        fs_hz=config.fs_hz,
        channel_names=CHANNELS,
        markers=tuple(sorted(markers, key=lambda marker: marker.t_s)),
        effective_hz=config.fs_hz,
        warnings=("synthetic data",),
    )


def _noise(n: int, config: EegSimConfig, rng: np.random.Generator) -> Array:
    fs_hz = config.fs_hz
    return (
        eeg_noise.pink(n, fs_hz, config.pink_uv, rng)
        + eeg_noise.alpha(n, fs_hz, config.alpha_uv, rng)
        + eeg_noise.hum(n, fs_hz, config.hum_hz, config.hum_uv, rng)
        + eeg_noise.blinks(n, fs_hz, config.blink_rate_hz, config.blink_uv, rng)
        + eeg_noise.sensor(n, config.sensor_uv, rng)
        + config.offset_uv * rng.uniform(-1, 1, len(CHANNELS))
    )


def _sample_scenes() -> list[Scene]:
    """Pictures over which strengths are measured; the same for everybody."""
    rng = np.random.default_rng(0xEE8)
    return [sample_scene(rng) for _ in range(_SCALE_PICTURES)]


def _kernel(
    times_s: Array,
    latency_s: tuple[float, float],
    region: tuple[tuple[float, float], tuple[float, float]],
    rng: np.random.Generator,
) -> Array:
    """Draw a response, shape (n_times, 32): a few smooth waves at places within `region`."""
    made = np.zeros((len(times_s), len(CHANNELS)))
    for _ in range(_COMPONENTS):
        peak_s, width_s = rng.uniform(*latency_s), rng.uniform(0.02, 0.05)
        centre = [rng.uniform(*edges) for edges in region]
        wave = np.exp(-0.5 * ((times_s - peak_s) / width_s) ** 2)
        made += rng.normal() * np.outer(wave, bump(centre, rng.uniform(0.25, 0.45)))
    return made
