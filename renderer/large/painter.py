"""A large pipeline as a `Painter`: percepts in, pictures out, called as the own models are."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from phosphene.bundle import Bundle
from phosphene.errors import BundleError, ConfigError, problem
from phosphene.session import RendererSettings
from renderer.asked import MAX_STEPS, Array, Asked, Guides, Mode
from renderer.large.checks import Can, check_asked
from renderer.large.condition import Condition, guidance_embedding
from renderer.large.loop import Guide, Table, table_of
from renderer.large.pipeline import Pipeline, open_pipeline
from renderer.large.schedule import Schedule
from renderer.large.similar import SimilarityFilter
from renderer.large.starts import Starts, open_starts
from renderer.large.stream import StreamBatch
from renderer.large.tellers import Told, c_space, open_teller, takes
from renderer.large.work import Work, Worker

__all__ = ["LargePainter", "load_painter"]

Picture = npt.NDArray[np.uint8]
WARM_UPS = 3
SCHEDULES = 64
"""Schedules that are kept: as many as a moved slider leaves behind, and no more."""


class LargePainter:
    """Paints with a UNet of the Stable Diffusion family.

    Parameters
    ----------
    pipeline : Pipeline
        The open pipeline.
    starts : Starts or None
        From z to latents; None where z plays no part.
    told : Told or None
        From c to conditions; None where c plays no part.
    settings : RendererSettings
        `large.stream_batch`, `large.skip_similar` and `large.residual` of it.
    space : str
        Target space of c, for messages.

    Attributes
    ----------
    modes, size_px, model, noise_shape, latent
        See `renderer.painter.Painter`.
    delay_frames : int
        How many frames later than asked for the last picture came: steps - 1 with a stream batch.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        starts: Starts | None,
        told: Told | None,
        settings: RendererSettings,
        space: str,
    ) -> None:
        self._pipeline, self._starts, self._told = pipeline, starts, told
        self._space, self._settings = space, settings
        can: list[Mode] = [] if starts is None else ["z"]
        if told is not None:
            can += ["c"] if starts is None else ["c", "zc"]
        self.modes: tuple[Mode, ...] = tuple(can)
        self.size_px, self.model = pipeline.size_px, pipeline.sha256[:16]
        self.noise_shape: tuple[int, ...] = pipeline.latent_shape
        self.latent: Array | None = None
        self.delay_frames = 0
        place = pipeline.place
        self._worker = Worker(pipeline.unet, pipeline.coder, capture=place.device.type == "cuda")
        self._stream = StreamBatch(pipeline.unet) if settings.large.stream_batch else None
        self._filter = SimilarityFilter(settings.large.skip_similar)
        self._shown: Picture | None = None
        self._schedule = lru_cache(SCHEDULES)(self._new_schedule)
        self._orders = lru_cache(MAX_STEPS)(self._new_order)
        self._limits = self._all_limits()

    def describe(self) -> str:
        """Say what computes the frames."""
        place = self._pipeline.place
        on_gpu = place.device.type == "cuda"
        where = torch.cuda.get_device_name(place.device) if on_gpu else "CPU"
        return f"torch {torch.__version__}, {where}, {str(place.dtype).removeprefix('torch.')}"

    @property
    def skipped(self) -> int:
        """Pictures that were shown again because the conditions hardly moved."""
        return self._filter.skipped

    @torch.no_grad()
    def render(
        self,
        z: Array | None,
        c: Array | None,
        noise: Array,
        steps: int = 1,
        mode: Mode = "zc",
        strength: float = 1.0,
        guides: Guides = "zc",
        guidance: float = 1.0,
        start: Array | None = None,
        start_t: float = 1.0,
    ) -> Picture:
        """Make one picture.

        Parameters
        ----------
        z : float32 array or None
            Low-level latent of the bundle's target space.
        c : float32 array (C,) or None
            Semantic embedding of it.
        noise : float32 array `noise_shape`
            Standard normal; also what samplers that stir take their fresh noise from, so that the
            same noise gives the same picture.
        steps : int
            Evaluations of the network, 1 to 64.
        mode : {"z", "c", "zc"}
            "z": z through the pipeline's autoencoder, nothing is denoised. "c": from noise. "zc":
            z noised to `strength`, then denoised with c (Takagi & Nishimoto 2023).
        strength : float
            For zc: 0 keeps z, 1 starts from noise alone.
        guides : {"zc", "c"}
            Of no account: c alone can guide these networks.
        guidance : float
            How far c leads beyond its own pull, 1 to 5; of no account for models that were
            distilled without it (`limits` says so).
        start : float32 array `noise_shape`, optional
            Latent to begin at where denoising would begin at noise alone, noised to `start_t`; of
            no account where z is what is begun at.
        start_t : float
            0 keeps `start`, 1 is noise alone.

        Returns
        -------
        uint8 array (size_px, size_px, 3)
            RGB picture.

        Raises
        ------
        ConfigError
            With every argument that does not fit.
        """
        asked = Asked(z, c, noise, steps, mode, strength, guides, guidance, start, start_t)
        check_asked(asked, self._can(), self.limits())
        used = (z if "z" in mode else None, c if "c" in mode else None)
        manner = (steps, mode, strength, guidance, start_t)
        if self._filter.same(manner, (*used, noise, start)) and self._shown is not None:
            return self._shown
        from_z = mode == "z" or (mode == "zc" and strength < 1)
        if from_z:
            begin, share = self._origin(z), strength
        elif start is not None:
            begin, share = torch.from_numpy(np.ascontiguousarray(start))[None], start_t
        else:
            begin, share = None, 1.0
        schedule = None if mode == "z" else self._schedule(steps, round(share, 4))
        if schedule is None:
            latent = torch.zeros(1, *self.noise_shape) if begin is None else begin
            self.delay_frames = 0
            return self._finish(latent, self._decoded(latent))
        work = self._work(schedule, begin, share, noise, used[1], guidance)
        if self._stream is None:
            return self._finish(*self._worker.run(work))
        latent = self._stream.push(
            work.x, work.table, work.condition, work.fresh, work.guide, work.origin
        )
        self.delay_frames = len(work.table) - 1
        return self._finish(latent, self._decoded(latent))

    @torch.no_grad()
    def decode(self, z: Array) -> Picture:
        """Picture of z as it stands, through the pipeline's autoencoder.

        Raises
        ------
        ConfigError
            If z plays no part.
        """
        if self._starts is None:
            raise ConfigError(problem("z", z.shape, "nothing", self.limits()))
        picture: Picture = self._decoded(self._starts.latent(z))[0].cpu().numpy()
        return picture

    def ready(self, settings: RendererSettings) -> bool:
        """Tell whether frames under these settings can be painted at once."""
        work = self._example(settings)
        return work is None or self._stream is not None or self._worker.knows(work)

    @torch.no_grad()
    def prepare(self, settings: RendererSettings) -> None:
        """Paint what is thrown away; on a GPU this records what frames will replay."""
        work = self._example(settings)
        for _ in range(WARM_UPS):
            if work is None:
                self._decoded(torch.zeros(1, *self.noise_shape))
            else:
                self._worker.run(work)

    def limits(self) -> str:
        """Say what it cannot paint or takes no account of, and why."""
        return self._limits

    def _all_limits(self) -> str:
        told = []
        if self._told is None:
            what = f"c of {self._space}" if self._space else "a c, which is not decoded"
            told.append(
                f"{self._pipeline.folder.name} cannot be told {what}; "
                f"it takes {takes(self._pipeline)}"
            )
        if self._starts is None:
            told.append("there is no z to start from")
        if self._pipeline.kind.guided == "no":
            told.append(f"guidance has no effect on {self._pipeline.kind.name}")
        elif self._cannot_guide():
            told.append("without the pipeline's text encoder guidance has no effect")
        if self._told is not None:
            told.append("z only sets where denoising starts, it guides nothing")
        if self._stream is not None:
            told.append("stream_batch: each picture comes steps - 1 frames later")
        return "; ".join([*told, *filter(None, [self._pipeline.place.note])])

    def reset(self) -> None:
        """Forget frames in flight and the last picture, as after a neutral frame."""
        if self._stream is not None:
            self._stream.clear()
        self._filter.forget()
        self.latent = self._shown = None

    def _example(self, settings: RendererSettings) -> Work | None:
        """Work of the form that settings ask for; None where nothing is denoised."""
        if self._told is None or settings.mode == "z" or not self.modes:
            return None
        noise, c = np.zeros(self.noise_shape, np.float32), np.zeros(self._told.c_dim, np.float32)
        with_z = settings.mode == "zc" and "zc" in self.modes
        share = settings.strength if with_z else 1.0
        schedule = self._schedule(settings.steps, round(share, 4))
        if schedule is None:
            return None
        begin = torch.from_numpy(noise)[None] if share < 1 else None
        return self._work(schedule, begin, share, noise, c, settings.guidance)

    def _origin(self, z: Array | None) -> Tensor | None:
        return None if z is None or self._starts is None else self._starts.latent(z)

    def _work(
        self,
        schedule: tuple[Schedule, Table],
        begin: Tensor | None,
        share: float,
        noise: Array,
        c: Array | None,
        guidance: float,
    ) -> Work:
        """Put together what the loop needs, on the device."""
        numbers, table = schedule
        device, dtype = self._pipeline.place.device, self._pipeline.place.dtype
        drawn = torch.from_numpy(np.ascontiguousarray(noise))[None].to(device)  # (1, C, h, w)
        begin = None if begin is None else begin.to(device)
        if begin is None or share >= 1.0:
            x = numbers.pure_noise * drawn
        else:
            x = numbers.start_signal * begin + numbers.start_noise * drawn
        fresh = None
        if numbers.stirs:
            flat = drawn.flatten()
            orders = [self._orders(k) for k in range(len(table))]
            fresh = torch.stack([flat[order].view_as(drawn) for order in orders])
        condition, guide = self._condition(c, guidance, device, dtype)
        origin = begin if guide is not None and guide.residual == "self" else None
        return Work(x, table, condition, fresh, guide, origin)

    def _condition(
        self, c: Array | None, guidance: float, device: torch.device, dtype: torch.dtype
    ) -> tuple[Condition, Guide | None]:
        """Return what the network is told, and what it is guided away from."""
        kind, told = self._pipeline.kind, self._told
        if c is None or told is None:  # checked before; a mode without c denoises nothing
            raise ConfigError(problem("c", None, "an embedding", self.limits()))
        condition = told.tell(c).to(device, dtype)
        if kind.guided == "embedded":
            width = int(self._pipeline.config.time_cond_proj_dim)
            scale = guidance_embedding(guidance, width).to(device, dtype)
            return Condition(**{**condition.__dict__, "scale": scale}), None
        if kind.guided == "no" or guidance == 1.0 or told.away is None:
            return condition, None
        weight = torch.tensor(guidance, device=device)
        away = told.away.to(device, dtype)
        return condition, Guide(weight, away, self._settings.large.residual)

    def _decoded(self, latent: Tensor) -> Tensor:
        return self._pipeline.coder.decode(latent.to(self._pipeline.place.device))

    def _finish(self, latent: Tensor, pictures: Tensor) -> Picture:
        """Bring a frame to the host."""
        self.latent = latent[0].float().cpu().numpy().copy()
        shown: Picture = pictures[0].cpu().numpy().copy()
        shown.flags.writeable = False
        self._shown = shown
        return shown

    def _new_schedule(self, steps: int, share: float) -> tuple[Schedule, Table] | None:
        made = self._pipeline.kind.sampler(self._pipeline.levels, steps, share)
        return None if made is None else (made, table_of(made, self._pipeline.place.device))

    def _new_order(self, k: int) -> Tensor:
        """Return the order in which step k takes the caller's noise again, as noise of its own."""
        count = int(np.prod(self.noise_shape))
        order = np.random.default_rng([k, count]).permutation(count)
        return torch.from_numpy(order).to(self._pipeline.place.device)

    def _can(self) -> Can:
        z_shape = None if self._starts is None else self._starts.z_shape
        c_dim = None if self._told is None else self._told.c_dim
        return Can(self.modes, self.noise_shape, z_shape, c_dim)

    def _cannot_guide(self) -> bool:
        free = self._pipeline.kind.guided == "free"
        return free and self._told is not None and self._told.away is None


def load_painter(settings: RendererSettings, bundle: Bundle | None) -> LargePainter:
    """Open a pipeline and the ways to it from a bundle's target space; see `open_large`."""
    if settings.engine != "cuda" and not torch.cuda.is_available():
        torch.set_num_threads(settings.threads)
    pipeline = open_pipeline(settings)
    starts = open_starts(
        bundle, pipeline.coder, pipeline.latent_shape, pipeline.size_px, settings.threads
    )
    told = open_teller(pipeline, bundle)
    painter = LargePainter(pipeline, starts, told, settings, c_space(bundle))
    if not painter.modes:
        target = "" if bundle is None else bundle.manifest.target.id
        cure = "Fit the bundle in one of these spaces, or take another pipeline."
        raise BundleError(problem("target space", target, takes(pipeline), cure))
    return painter
