"""What the acquisition node makes of volumes: features first, then everything that may wait."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from acquisition.fmri.ar1 import compile_now
from acquisition.fmri.arrival import Arrivals
from acquisition.fmri.glm import parse_contrast
from acquisition.fmri.volume import Volume as BrainVolume
from acquisition.fmri.warm import warm_up
from acquisition.fmri_chain import BetaResult, FmriChain, FmriResult, end_of_volume_s
from acquisition.fmri_maps import BrainMap, Events, MapMaker
from acquisition.fmri_physio import read_physio
from acquisition.fmri_reference import AnchorFinder, check_reference, read_reference
from acquisition.intake import Inlet
from acquisition.lsl.inlet import Marker, VolumeInlet, VolumeSample
from acquisition.lsl.place import PLACE_FIGURES, affine_of
from acquisition.lsl.staleness import StaleWatch
from acquisition.regions import Found, RegionFiles, RegionFinder, drawn
from acquisition.settings import fmri_prior, settings_of
from acquisition.take import Out, features_out, stale_state
from acquisition.trigger.follow import Triggers
from phosphene import quality as names
from phosphene.bundle import Bundle
from phosphene.errors import ConfigError, InputError, PhospheneError
from phosphene.messages import Quality, Regions, StatMap, Volume
from phosphene.plan import Plan

__all__ = ["FmriTake"]

_SHOW_S = 1.0


@dataclass(frozen=True)
class _Arrived:
    """A volume, when it came (LSL clock, seconds), and what else is known of it."""

    volume: BrainVolume
    stamp_s: float
    figures: Mapping[str, float]


class FmriTake:
    """Volumes in; features, quality and maps out.

    Parameters
    ----------
    plan : Plan
        The run.
    bundle : Bundle or None
        The person's fitted decoder.
    next_index : int
        Volume expected first: 0, or where an earlier process of the run stopped.
    next_feature : int
        Number of the first beta, where features are betas; otherwise they are numbered like
        volumes.
    source_ids : tuple of str
        LSL source of the volumes.
    now : Callable
        Present time in seconds.

    Raises
    ------
    BundleError, InputError
        If the bundle, a region's mask or a contrast cannot be used at all.
    """

    stream = "volumes"

    def __init__(
        self,
        plan: Plan,
        bundle: Bundle | None,
        next_index: int,
        next_feature: int,
        source_ids: tuple[str, ...],
        now: Callable[[], float],
    ) -> None:
        self._settings = settings_of(plan.session.acquisition, bundle).fmri
        self._prior = None if bundle is None else fmri_prior(bundle)
        _check_contrasts(self._settings.contrasts)
        picture = read_reference(self._settings)
        check_reference(picture, self._prior)
        path = plan.folder / "acquisition.reference"
        self._anchor = AnchorFinder(path, picture, self._settings.realign)
        physio = self._settings.physio
        self._physio = None if physio is None else read_physio(physio)
        self._finder = RegionFinder(RegionFiles.of(self._settings), self._settings)
        self._volumes = VolumeInlet(source_ids, now, sole=True)
        self.inlet: Inlet = self._volumes
        self.next_index, self.next_feature = next_index, next_feature
        self._restarted_at = next_index
        self._now, self._ended = now, False
        self._paced = plan.speed is not None
        self._arrivals = Arrivals(plan.speed or 1.0)
        self._events = Events()
        self._held: _Arrived | None = None
        self._chain: FmriChain | None = None
        self._maps: MapMaker | None = None
        self._shown = (-1, -_SHOW_S)
        self._stamp_s = 0.0
        self._complaint = self._region_trouble = ""
        self._counts = {"volumes": 0, "volumes_lost": 0, "volumes_refused": 0, "repeated": 0}
        source = plan.session.source
        self._triggers = None
        if source.source_ids:
            self._triggers = Triggers(plan.folder / "acquisition.trigger", source.trigger_skip)

    def prepare(self, beat: Callable[[], object]) -> None:
        """Compile, and register regions where the bundle says to what."""
        prior = self._prior
        if prior is not None and prior.reference is not None:
            self._finder.begin(BrainVolume(prior.reference, prior.affine, 0))
        warm_up(beat)
        compile_now()
        while self._finder.begun and not self._finder.wait(0.05):
            beat()
        beat()

    # ---- volumes -------------------------------------------------------------------------------

    def pull(self, wait_s: float) -> Iterator[Out]:
        """Take the next volume, if it comes within `wait_s` seconds; else look after maps."""
        held = self._held
        if held is None:
            sample = self._volumes.pull(wait_s)
            if sample is None:
                yield from self._show()
                return
            if sample.index < self.next_index:
                self._counts["repeated"] += 1
                return
            figures = {n: v for n, v in sample.figures.items() if n not in PLACE_FIGURES}
            held = _Arrived(self._volume(sample), sample.stamp_s, figures)
        self._held = None if self._placed(held.volume, wait_s) else held
        if self._held is None:
            yield from self._take(held)

    def _placed(self, volume: BrainVolume, wait_s: float) -> bool:
        """Lay reference and regions once; tell whether that is done."""
        if self._prior is not None:
            self._finder.begin(volume)
        else:
            self._anchor.begin(volume)
            if not self._anchor.wait(wait_s) or self._anchor.found is None:
                return False
            self._finder.begin(self._anchor.found.reference)
        return self._finder.wait(wait_s)

    def _volume(self, sample: VolumeSample) -> BrainVolume:
        layout = self._volumes.layout
        # The inlet reuses its buffer; core and messages keep what they are given.
        return BrainVolume(
            sample.volume.copy(), affine_of(sample.figures, layout.affine), sample.index,
            layout.tr_s, slice_times_s=layout.slice_times_s, slice_axis=layout.slice_axis,
        )  # fmt: skip

    def _take(self, arrived: _Arrived) -> Iterator[Out]:
        volume, stamp_s = arrived.volume, arrived.stamp_s
        self._counts["volumes"] += 1
        self._counts["volumes_lost"] += volume.index - self.next_index
        self.next_index = volume.index + 1
        self._stamp_s = stamp_s
        if self._chain is None:
            self._chain = self._begin(volume.tr_s)
        try:
            result = self._chain.step(volume, self._events.known)
        except InputError as error:
            self._counts["volumes_refused"] += 1
            self._complaint = str(error)
            yield self._raw(volume, stamp_s)
            return
        yield from self._told(arrived, result)
        yield self._raw(volume, stamp_s)
        # What nobody waits for comes last.
        if self._maps is None:
            self._maps = self._model(self._chain, volume.tr_s)
            yield from self._regions(stamp_s)
        self._maps.step(result.step, self._events.known)

    def _model(self, chain: FmriChain, tr_s: float) -> MapMaker:
        """Begin the maps, and keep what the volumes are aligned to."""
        core, settings = chain.core, self._settings
        if self._prior is None and core.reference is not None and core.mask is not None:
            self._anchor.keep(core.reference, core.mask)
        return MapMaker(core, tr_s, settings.contrasts, settings, self._physio)

    def _begin(self, tr_s: float) -> FmriChain:
        found = Found()
        try:
            found = self._finder.result()
            self._region_trouble = found.trouble
        except PhospheneError as error:
            self._region_trouble = f"{error}; the brain is found instead"
        anchor = self._anchor.found
        mask = found.mask if anchor is None or anchor.mask is None else anchor.mask
        return FmriChain(
            self._settings, tr_s, self._prior, found.regions, mask,
            None if anchor is None else anchor.reference, self.next_feature,
        )  # fmt: skip

    def _told(self, arrived: _Arrived, result: FmriResult) -> Iterator[Out]:
        """Features as soon as they are there, then quality."""
        volume, stamp_s = arrived.volume, arrived.stamp_s
        at = {"index": volume.index, "t_data": end_of_volume_s(volume.index, volume.tr_s)}
        told = {"kind": "fmri", "mask_hash": result.mask_hash, "ready": result.ready}
        if self._settings.features == "volume":
            self.next_feature = volume.index + 1
            if result.x is not None:
                yield features_out(stamp_s, {**at, **told}, result.x, ("voxel",))
        for beta in result.betas:
            self.next_feature = beta.number + 1
            yield self._beta(beta, {**at, **told}, stamp_s)
        values = {**result.quality, **arrived.figures, **self._come(volume, stamp_s)}
        yield Out(Quality, stamp_s, {**at, "values": values})

    def _beta(self, beta: BetaResult, told: Mapping[str, Any], stamp_s: float) -> Out:
        own = {"kind": "fmri-beta", "index": beta.number, "t_event": beta.onset_s}
        fields = {**told, **own, "ready": beta.ready, "note": beta.condition}
        return features_out(stamp_s, fields, beta.x, ("voxel",))

    def _come(self, volume: BrainVolume, stamp_s: float) -> dict[str, float]:
        """Figures about how volumes arrive; at full speed that says nothing."""
        values: dict[str, float] = {
            names.VOLUMES: self._counts["volumes"],
            names.LOST: self._counts["volumes_lost"],
        }
        if self._paced:
            arrival = self._arrivals.step(volume.index, stamp_s)
            values |= {
                names.LATE: self._arrivals.late,
                names.TR_ANNOUNCED: volume.tr_s,
                names.TR_MEASURED: arrival.tr_measured_s,
                names.LAG: arrival.lag_ms,
            }
        if self._triggers is not None:
            values |= self._triggers.volume(volume.index, stamp_s, volume.tr_s)
        return {name: float(value) for name, value in values.items() if np.isfinite(value)}

    def _raw(self, volume: BrainVolume, stamp_s: float) -> Out:
        layout = self._volumes.layout
        fields = {
            "index": volume.index,
            "t_data": end_of_volume_s(volume.index, layout.tr_s),
            "tr_s": layout.tr_s,
            "affine": tuple(float(v) for v in volume.affine.flat),
            "slice_times_s": volume.slice_times_s or (),
            "slice_axis": volume.slice_axis,
        }
        arrays, dims = {"volume": volume.data}, {"volume": ("x", "y", "z")}
        return Out(Volume, stamp_s, fields, arrays, dims, {"volume": layout.unit}, to="recorder")

    # ---- maps ----------------------------------------------------------------------------------

    def _show(self) -> Iterator[Out]:
        """Publish a map about once a second, while no volume waits."""
        maps, (index, when_s), now_s = self._maps, self._shown, self._now()
        if maps is None or not self._paced or maps.index == index or now_s < when_s + _SHOW_S:
            return
        self._shown = (maps.index, now_s)
        shown = maps.shown()
        if shown is not None:
            yield self._map(shown, final=False)

    def finish(self) -> Iterator[Out]:
        """Return the maps of the whole run."""
        for made in () if self._maps is None else self._maps.all():
            yield self._map(made, final=True)

    def _map(self, made: BrainMap, *, final: bool) -> Out:
        fields = {
            "index": made.index,
            "t_data": end_of_volume_s(made.index, self._volumes.layout.tr_s),
            "contrast": made.contrast,
            "dof": float(made.dof),
            "affine": tuple(float(v) for v in made.affine.flat),
            "final": final,
        }
        arrays: dict[str, Any] = {"t": made.t, "underlay": made.underlay}
        dims = dict.fromkeys(arrays, ("x", "y", "z"))
        stamp_s, units = self._stamp_s, {"t": "1"}
        return Out(StatMap, stamp_s, fields, arrays, dims, units, "all" if final else "listeners")

    def _regions(self, stamp_s: float) -> Iterator[Out]:
        """Tell once where the regions lie."""
        core = self._chain.core if self._chain is not None else None
        if core is None or core.reference is None or not core.rois:
            return
        arrays = drawn(core.rois, core.reference.data)
        fields = {
            "names": tuple(core.rois),
            "how": self._finder.result().how,
            "affine": tuple(float(v) for v in core.reference.affine.flat),
        }
        yield Out(Regions, stamp_s, fields, arrays, dict.fromkeys(arrays, ("x", "y", "z")))

    # ---- events and state ----------------------------------------------------------------------

    def marker(
        self, t_s: float, label: str, t_acquired: float, duration_s: float | None = None
    ) -> Iterator[Out]:
        """Note what is shown: volumes do not wait for events."""
        self._events.add(t_s, label, duration_s)
        return iter(())

    def shown(self, watched: bool) -> Iterator[Out]:
        """Return nothing: maps go out as they are made."""
        return iter(())

    def data_time_s(self, marker: Marker) -> float | None:
        """Return the marker's own data time, or the one that the scanner's pulses tell."""
        if marker.t_s is not None or self._triggers is None:
            return marker.t_s
        return self._triggers.data_time_s(marker.stamp_s)

    def pulse(self, stamp_s: float) -> None:
        """Take a pulse of the scanner, which marks the onset of a volume."""
        if self._triggers is not None:
            self._triggers.pulse(stamp_s)

    def counts(self) -> Mapping[str, int]:
        """Return volumes taken, late, lost and refused, and how the stream is."""
        stale, _ = stale_state(self._watch(), self._now(), self._ended)
        link = {"reconnects": self._volumes.link.n_reconnects, "stale": stale}
        pulses = {} if self._triggers is None else self._triggers.counts()
        return {**self._counts, "volumes_late": self._arrivals.late, **pulses, **link}

    def trouble(self, ended: bool) -> str:
        """Return what is wrong with bundle, regions, volumes or stream."""
        self._ended = ended
        chain = "" if self._chain is None else self._chain.trouble
        stale = stale_state(self._watch(), self._now(), ended)[1]
        link = "" if ended else self._volumes.link.trouble
        waiting = "laying the regions on the first volume" if self._held is not None else ""
        anchor = "" if self._anchor.found is None else self._anchor.found.trouble
        told = (
            self._restarted(), chain, anchor, self._region_trouble, self._complaint, waiting,
            stale or link,
        )  # fmt: skip
        return "; ".join(filter(None, told))

    def _restarted(self) -> str:
        if not self._restarted_at:
            return ""
        anchor = self._anchor.found
        kept = self._prior is not None or (anchor is not None and anchor.mask is not None)
        return (
            f"acquisition started again at volume {self._restarted_at + 1}: maps, baselines and "
            f"the events in them begin anew there; reference and mask {'stay' if kept else 'too'}"
        )

    def close(self) -> None:
        """Wait for what is under way, then give it back."""
        self._anchor.close()
        self._finder.close()
        if self._triggers is not None:
            self._triggers.close()

    def _watch(self) -> StaleWatch | None:
        return getattr(self._volumes, "watch", None)


def _check_contrasts(contrasts: Sequence[str]) -> None:
    """Refuse at the start what would end the run at its first map."""
    for text in contrasts:
        try:
            parse_contrast(text)
        except ConfigError as error:
            raise InputError(f"acquisition.fmri.contrasts: {error}") from error
