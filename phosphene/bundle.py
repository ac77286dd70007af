"""Bundles: one person's fitted decoder and everything to use it rightly.

A folder, or a single file (`phosphene.bundle_store`). In it: `manifest.json` (see
`phosphene.manifest`), the engine graph, `statistics.npz`, for fMRI the mask, where the renderer
does not bring the target space the graph of its decoder, and a model card. Nothing in it is
executable and nothing is pickled. A bundle is verified in full before anything of it is used, and
what was verified (bytes in memory) is what runs.
"""

from __future__ import annotations

import hashlib
import io
import math
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
from numpy.lib import format as npy

from phosphene.bundle_store import MANIFEST, Store, open_store, write_store
from phosphene.errors import BundleError, check_all, problem
from phosphene.manifest import FileInfo, Manifest, MaskInfo, consistency_problems
from phosphene.model_card import CARD, model_card

__all__ = [
    "CARD",
    "MANIFEST",
    "SPACE_GRAPH",
    "Bundle",
    "Expectation",
    "mask_sha256",
    "pack_bundle",
    "sha256_hex",
]

SPACE_GRAPH = "space.onnx"
_SUFFIXES = (".onnx", ".npz")
_MAX_MANIFEST_BYTES = 8 << 20


@dataclass(frozen=True)
class Expectation:
    """What a bundle must match to be used here; None = not asked.

    Attributes
    ----------
    person : str
        Pseudonym of the person in the scanner or under the cap.
    modality : str
        "fmri" or "eeg".
    mask_hash : str
        Identity of the mask or channel layout that acquisition uses.
    target_id, target_sha256 : str
        The target space that the renderer draws from.
    features : int
        Values per volume or epoch that acquisition sends.
    period_s : float
        TR or epoch length, in seconds.
    """

    person: str | None = None
    modality: str | None = None
    mask_hash: str | None = None
    target_id: str | None = None
    target_sha256: str | None = None
    features: int | None = None
    period_s: float | None = None


@dataclass(frozen=True)
class Bundle:
    """A verified bundle in memory.

    Attributes
    ----------
    manifest : Manifest
        What the bundle says about itself.
    graph : bytes
        The engine graph (ONNX).
    statistics : Mapping of str to array
        Training statistics, such as `prior_mean` and `prior_std` (features,) float32.
    mask : array of bool (X, Y, Z) or None
        Decoded voxels.
    affine : array (4, 4) or None
        Voxel to mm.
    digest : str
        SHA-256 of `manifest.json`; as that holds every file's hash, it names the whole bundle.
    """

    manifest: Manifest
    graph: bytes = field(repr=False)
    statistics: Mapping[str, npt.NDArray[Any]] = field(repr=False)
    mask: npt.NDArray[np.bool_] | None = field(repr=False)
    affine: npt.NDArray[np.float64] | None = field(repr=False)
    digest: str
    payload: Mapping[str, bytes] = field(repr=False)

    @classmethod
    def load(cls, path: str | Path, expect: Expectation | None = None) -> Bundle:
        """Read and verify a bundle.

        Parameters
        ----------
        path : str or Path
            The bundle's folder or file.
        expect : Expectation, optional
            What it must match.

        Returns
        -------
        Bundle
            Verified.

        Raises
        ------
        BundleError
            Listing everything that is missing, changed or does not belong here.
        """
        root = Path(path)
        store = open_store(root)
        raw, manifest = _read_manifest(store, root)
        payload, found = _read_files(store, manifest)
        found += consistency_problems(manifest)
        found += _expectation_problems(manifest, expect or Expectation())
        mask, affine = None, None
        statistics: dict[str, npt.NDArray[Any]] = {}
        if manifest.mask is not None and manifest.mask.file in payload:
            mask, affine, more = _read_mask(manifest.mask, payload[manifest.mask.file])
            found += more
        if manifest.statistics in payload:
            statistics, more = _read_npz(manifest.statistics, payload[manifest.statistics])
            found += more
        check_all(found, BundleError, f"bundle {root}")
        return cls(
            manifest=manifest,
            graph=payload[manifest.graph],
            statistics=statistics,
            mask=mask,
            affine=affine,
            digest=sha256_hex(raw),
            payload={MANIFEST: raw, **payload},
        )

    def write(self, path: str | Path, *, replace: bool = False) -> Path:
        """Write the bundle so that a reader sees all of it or nothing.

        Parameters
        ----------
        path : str or Path
            Folder to make, or file where the name ends in ``.phos``.
        replace : bool
            Whether an existing bundle there may be replaced.

        Returns
        -------
        Path
            Folder or file.

        Raises
        ------
        BundleError
            If something is there already and `replace` is False.
        """
        return write_store(Path(path), self.payload, replace=replace)


def pack_bundle(
    draft: Manifest,
    graph: bytes,
    statistics: Mapping[str, npt.NDArray[Any]],
    mask: npt.NDArray[np.bool_] | None = None,
    affine: npt.NDArray[np.float64] | None = None,
    space: bytes | None = None,
) -> Bundle:
    """Make a bundle in memory: fill in file hashes, check that it is consistent.

    Parameters
    ----------
    draft : Manifest
        Without `files`; `mask` is filled in from the arrays.
    graph : bytes
        Serialised ONNX.
    statistics : Mapping of str to array
        Numeric arrays.
    mask : array of bool (X, Y, Z), optional
        Needed for fMRI, unless the draft says that voxels are not placed.
    affine : array (4, 4), optional
        Voxel to mm; needed with a mask.
    space : bytes, optional
        ONNX that makes pictures of z, for a target space that the renderer does not bring itself.

    Returns
    -------
    Bundle
        Ready to `write`.

    Raises
    ------
    BundleError
        Listing every inconsistency.
    """
    payload = {draft.graph: graph, draft.statistics: _npz(**statistics)}
    payload |= {} if space is None else {SPACE_GRAPH: space}
    info = None
    if mask is not None:
        if affine is None:
            raise BundleError(problem("affine", None, "4 x 4, voxel to mm", "Give the image's."))
        info = MaskInfo(
            file="mask.npz",
            sha256=mask_sha256(mask, affine),
            shape=mask.shape,
            voxels=int(mask.sum()),
        )
        payload[info.file] = _npz(mask=mask, affine=affine)
    draft = msgspec.structs.replace(draft, mask=info)
    payload[CARD] = model_card(draft).encode()
    files = {n: FileInfo(sha256=sha256_hex(b), size=len(b)) for n, b in sorted(payload.items())}
    manifest = msgspec.structs.replace(draft, files=files)
    check_all(consistency_problems(manifest), BundleError, "new bundle")
    raw = msgspec.json.format(msgspec.json.encode(manifest), indent=2)
    msgspec.json.decode(raw, type=Manifest)  # what cannot be read back must not be written
    return Bundle(
        manifest, graph, dict(statistics), mask, affine, sha256_hex(raw), {MANIFEST: raw, **payload}
    )


def sha256_hex(content: bytes) -> str:
    """Return the SHA-256 of bytes as 64 hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()


def mask_sha256(mask: npt.NDArray[np.bool_], affine: npt.NDArray[np.float64]) -> str:
    """Name a mask by its content: shape, voxels, and affine rounded to a micrometre.

    Parameters
    ----------
    mask : array of bool (X, Y, Z)
        True where a voxel is decoded.
    affine : array (4, 4)
        Voxel to mm.

    Returns
    -------
    str
        64 hexadecimal digits.

    Raises
    ------
    BundleError
        If the mask is not a 3-D array of bool or the affine not a finite 4 x 4.
    """
    found = []
    if mask.ndim != 3 or mask.dtype != np.bool_:
        found.append(problem("mask", f"{mask.shape} {mask.dtype}", "3-D bool", "Threshold it."))
    if affine.shape != (4, 4) or not np.isfinite(affine).all():
        found.append(problem("affine", affine.shape, "finite 4 x 4", "Give the image's."))
    check_all(found, BundleError, "mask")
    shape = np.asarray(mask.shape, dtype="<i8").tobytes()
    micrometres = np.rint(np.asarray(affine, np.float64) * 1000).astype("<i8").tobytes()
    return sha256_hex(shape + np.packbits(mask.ravel()).tobytes() + micrometres)


def _read_manifest(store: Store, root: Path) -> tuple[bytes, Manifest]:
    raw = store.read(MANIFEST) if MANIFEST in store.names else None
    if raw is None:
        raise BundleError(problem("bundle", str(root), f"a bundle with {MANIFEST}", "Fit one."))
    try:
        if len(raw) > _MAX_MANIFEST_BYTES:
            raise msgspec.DecodeError("longer than 8 MiB")
        return raw, msgspec.json.decode(raw, type=Manifest)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        at = str(root / MANIFEST)
        raise BundleError(
            problem(at, str(error), "a manifest of this format", "Fit the bundle anew.")
        ) from error


def _read_files(store: Store, manifest: Manifest) -> tuple[dict[str, bytes], list[str]]:
    """Read all listed files; report missing, changed, misnamed and additional ones."""
    payload, found = {}, []
    for name, info in manifest.files.items():
        if Path(name).name != name or (Path(name).suffix not in _SUFFIXES and name != CARD):
            found.append(problem("files", name, "plain names, .onnx or .npz", "Do not use it."))
            continue
        content = store.read(name) if name in store.names else None
        if content is None:
            found.append(problem(name, "missing", "a regular file", "Copy the bundle again."))
        elif len(content) != info.size or sha256_hex(content) != info.sha256:
            found.append(
                problem(name, "changed", f"SHA-256 {info.sha256}", "Copy the bundle again.")
            )
        else:
            payload[name] = content
    extra = sorted(store.names - {MANIFEST, *manifest.files})
    found += [problem(n, "not in the manifest", "nothing else", "Remove it.") for n in extra]
    return payload, found


def _expectation_problems(m: Manifest, expect: Expectation) -> list[str]:
    have = {
        "person": m.person,
        "modality": m.modality,
        "mask_hash": m.mask_hash,
        "target_id": m.target.id,
        "target_sha256": m.target.sha256,
        "features": m.features,
        "period_s": m.window.period_s,
    }
    found = []
    for item in fields(expect):
        want = getattr(expect, item.name)
        if want is not None and have[item.name] != want:
            cure = "Use the bundle that was fitted for this person, mask and target space."
            found.append(problem(item.name, have[item.name], repr(want), cure))
    return found


def _read_mask(
    info: MaskInfo, content: bytes
) -> tuple[npt.NDArray[np.bool_] | None, npt.NDArray[np.float64] | None, list[str]]:
    arrays, found = _read_npz(info.file, content)
    if found or not {"mask", "affine"} <= set(arrays):
        return None, None, found or [problem(info.file, sorted(arrays), "mask, affine", "Refit.")]
    mask, affine = arrays["mask"], arrays["affine"]
    try:
        name = mask_sha256(mask, affine)
    except BundleError as error:
        return None, None, [str(error)]
    if (name, mask.shape, int(mask.sum())) != (info.sha256, info.shape, info.voxels):
        found.append(problem(info.file, name, f"mask {info.sha256}", "Fit the bundle anew."))
    return mask, affine, found


def _read_npz(name: str, content: bytes) -> tuple[dict[str, npt.NDArray[Any]], list[str]]:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as packed:
            for entry in packed.infolist():
                _check_member(packed, entry)
        with np.load(io.BytesIO(content), allow_pickle=False) as archive:
            return {key: archive[key] for key in archive.files}, []
    except (ValueError, OSError, EOFError, MemoryError, RuntimeError, zipfile.BadZipFile) as error:
        return {}, [problem(name, str(error), "plain numeric arrays", "Fit the bundle anew.")]


def _check_member(packed: zipfile.ZipFile, entry: zipfile.ZipInfo) -> None:
    """Refuse an array that would be larger than its file: compressed, or told so by its header."""
    if entry.compress_type != zipfile.ZIP_STORED or entry.file_size != entry.compress_size:
        raise ValueError(f"{entry.filename} is compressed")
    with packed.open(entry) as file:
        old = npy.read_magic(file) == (1, 0)
        shape, _, dtype = (npy.read_array_header_1_0 if old else npy.read_array_header_2_0)(file)
        if math.prod(shape) * dtype.itemsize > entry.file_size - file.tell():
            raise ValueError(f"{entry.filename} tells of {shape} {dtype}, which it does not hold")


def _npz(**arrays: npt.NDArray[Any]) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **arrays)
    return buffer.getvalue()
