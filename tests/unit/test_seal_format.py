"""Sealed recordings: whatever is done to one is found; whatever was flushed comes back."""

from __future__ import annotations

import errno
import io
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from phosphene.errors import ConfigError, SealError
from phosphene.seal import chunks as chunks_module
from phosphene.seal.chunks import HEAD_BYTES, MOST_BYTES, head_of
from phosphene.seal.header import KEY_BYTES, WRAPPED_BYTES, Core, build, parse
from phosphene.seal.keys import StewardKey, fingerprint, load_public, public_part
from phosphene.seal.reader import SealedReader, header_of, seal_trouble
from phosphene.seal.verify import State, Verdict, verify_stream
from phosphene.seal.writer import Seal, SealedDisk

KEY, OTHER = StewardKey.new(), StewardKey.new()
MADE = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
PARTS = [bytes([65 + k]) * (40 + 7 * k) for k in range(6)]
EXAMPLES = settings(max_examples=40)


def sealed(
    parts: list[bytes] = PARTS, *, end: bool = True, run: str = "r", to: StewardKey = KEY
) -> bytes:
    """A sealed file with one chunk for each part."""
    file = io.BytesIO()
    disk = SealedDisk(file, Seal((to.public,), run, 1, MADE))
    for part in parts[:-1] if end else parts:
        disk.write(part)
        disk.flush()
    if end:
        disk.write(parts[-1])
        disk.finish()
    return file.getvalue()


WHOLE = sealed()
HEADER = header_of(io.BytesIO(WHOLE))


def pieces(raw: bytes) -> tuple[bytes, list[bytes]]:
    """Header and chunks of a file."""
    at = header_of(io.BytesIO(raw)).size
    front, found = raw[:at], []
    while at < len(raw):
        size = head_of(raw[at : at + HEAD_BYTES]).size
        found.append(raw[at : at + size])
        at += size
    return front, found


def verdict(raw: bytes, key: StewardKey | None) -> Verdict:
    return verify_stream(io.BytesIO(raw), key)


def opened(raw: bytes, key: StewardKey = KEY) -> io.BufferedReader:
    header = header_of(io.BytesIO(raw))
    return io.BufferedReader(SealedReader(io.BytesIO(raw), header, header.open(key)))


def prefix(raw: bytes) -> bytes:
    """What can be read, up to the first trouble."""
    found = bytearray()
    try:
        reader = opened(raw)
        while byte := reader.read(1):
            found += byte
    except SealError:
        pass
    return bytes(found)


@pytest.mark.parametrize("key", [None, KEY])
def test_a_whole_file_is_whole_with_the_key_and_without(key: StewardKey | None) -> None:
    found = verdict(WHOLE, key)
    assert (found.state, found.chunks, found.plain) == (State.WHOLE, 6, len(b"".join(PARTS)))
    assert found.opened == (key is not None)
    assert opened(WHOLE).read() == b"".join(PARTS)


@EXAMPLES
@given(st.integers(0, len(WHOLE) * 8 - 1))
def test_any_flipped_bit_is_found_without_a_key_and_reading_gives_a_prefix(bit: int) -> None:
    raw = bytearray(WHOLE)
    raw[bit // 8] ^= 1 << bit % 8
    changed = bytes(raw)
    assert verdict(changed, None).state is not State.WHOLE
    if bit // 8 >= HEADER.size:
        assert verdict(changed, KEY).state is not State.WHOLE
        assert b"".join(PARTS).startswith(prefix(changed))
    else:
        with pytest.raises(SealError):
            opened(changed)


@EXAMPLES
@given(st.integers(0, len(WHOLE) - 1))
def test_any_cut_is_found_and_what_stands_before_it_comes_back(length: int) -> None:
    changed = WHOLE[:length]
    found = verdict(changed, None)
    if length < HEADER.size:
        assert found.state is State.DAMAGED
        return
    assert found.state is State.CUT
    whole_chunks = [c for c in range(7) if HEADER.size + sum(map(len, CHUNKS[:c])) <= length]
    assert found.chunks == whole_chunks[-1]
    assert opened(changed).read() == b"".join(PARTS[: found.chunks])
    assert seal_trouble(opened(changed)) == (False, "")


FRONT, CHUNKS = pieces(WHOLE)
_, FOREIGN = pieces(sealed())


@EXAMPLES
@given(st.lists(st.integers(0, 5), max_size=8).filter(lambda order: order != list(range(6))))
def test_chunks_moved_doubled_or_left_out_are_found(order: list[int]) -> None:
    changed = FRONT + b"".join(CHUNKS[k] for k in order)
    for key in (None, KEY):
        found = verdict(changed, key)
        whole_until = next((i for i, k in enumerate(order) if i != k), len(order))
        merely_cut = order == list(range(len(order)))
        assert found.state is (State.CUT if merely_cut else State.DAMAGED)
        assert found.chunks == min(whole_until, 6)
    assert prefix(changed) == b"".join(PARTS[: min(whole_until, 6)])


@pytest.mark.parametrize("position", range(6))
def test_a_chunk_of_another_recording_is_found_and_named(position: int) -> None:
    changed = [*CHUNKS]
    changed[position] = FOREIGN[position]
    found = verdict(FRONT + b"".join(changed), None)
    assert found.state is State.DAMAGED
    assert found.troubles == [
        f"byte {HEADER.size + sum(map(len, CHUNKS[:position]))}, chunk {position}: "
        "belongs to another recording"
    ]
    assert prefix(FRONT + b"".join(changed)) == b"".join(PARTS[:position])


def test_a_moved_chunk_is_named() -> None:
    found = verdict(FRONT + b"".join(CHUNKS[k] for k in (0, 2, 1, 3, 4, 5)), None)
    assert [t.split(": ")[1] for t in found.troubles] == [
        "is chunk 2, moved here", "is chunk 1, moved here",
    ]  # fmt: skip
    found = verdict(WHOLE + b"x", None)
    assert found.troubles == ["1 bytes follow the end marker"]


def test_the_header_of_another_recording_does_not_fit() -> None:
    front, _ = pieces(sealed())
    assert verdict(front + b"".join(CHUNKS), None).state is State.DAMAGED


def test_another_key_opens_nothing_and_any_of_several_stewards_does() -> None:
    with pytest.raises(SealError, match=fingerprint(OTHER.public)):
        HEADER.open(OTHER)
    file = io.BytesIO()
    disk = SealedDisk(file, Seal((KEY.public, OTHER.public, KEY.public), "r", 1, MADE))
    disk.write(b"both")
    disk.finish()
    assert opened(file.getvalue(), KEY).read() == opened(file.getvalue(), OTHER).read() == b"both"


def test_with_the_keys_erased_nobody_opens_it_and_it_is_still_told_from_damage() -> None:
    at, size = HEADER.wrapped_at, WRAPPED_BYTES
    changed = WHOLE[:at] + bytes(size) + WHOLE[at + size :]
    assert verdict(changed, None).state is State.ERASED
    with pytest.raises(SealError, match="erased"):
        header_of(io.BytesIO(changed)).open(KEY)
    assert verdict(changed[:-1], None).state is State.CUT
    half = WHOLE[:at] + bytes(size // 2) + WHOLE[at + size // 2 :]
    assert verdict(half, None).state is State.DAMAGED


def test_what_the_header_says_to_everybody_names_nobody() -> None:
    assert HEADER.core.run == "r"
    assert set(HEADER.core.__struct_fields__) == {
        "id", "run", "part", "made", "keep_until", "stewards", "signer", "prefix", "keys_sha256",
    }  # fmt: skip


@EXAMPLES
@given(st.lists(st.integers(0, 200), min_size=1, max_size=12), st.data())
def test_any_place_can_be_read_however_the_bytes_came(
    sizes: list[int], data: st.DataObject
) -> None:
    text = bytes(range(256)) * 10
    parts = [text[sum(sizes[:k]) : sum(sizes[: k + 1])] for k in range(len(sizes))]
    whole = b"".join(parts)
    reader = opened(sealed(parts))
    assert reader.seek(0, io.SEEK_END) == len(whole)
    for _ in range(5):
        begin = data.draw(st.integers(0, len(whole)))
        length = data.draw(st.integers(0, 300))
        reader.seek(begin)
        assert reader.read(length) == whole[begin : begin + length]
    assert seal_trouble(reader) == (True, "")


def test_large_writes_become_chunks_of_bounded_size_at_once() -> None:
    file = io.BytesIO()
    disk = SealedDisk(file, Seal((KEY.public,), "r", 1, MADE))
    text = bytes(range(250)) * (MOST_BYTES // 100)
    disk.write(text)
    _, found = pieces(file.getvalue())
    assert len(found) == len(text) // MOST_BYTES
    assert disk.tell() == len(text)
    disk.finish()
    assert opened(file.getvalue()).read() == text


class FullDisk(io.BytesIO):
    """Takes so many bytes in all, then a part of one write, then none."""

    room = 10**9

    def write(self, data: object, /) -> int:
        view = memoryview(data)  # type: ignore[arg-type]
        if self.room <= 0:
            raise OSError(errno.ENOSPC, "no space left")
        taken = super().write(view[: self.room])
        self.room -= taken
        return taken


@EXAMPLES
@given(st.lists(st.sampled_from(["write", "flush", "mark"]), max_size=20), st.integers(0, 4000))
def test_no_nonce_is_used_twice_and_a_full_disk_leaves_what_was_marked(
    steps: list[str], room: int
) -> None:
    used: list[bytes] = []

    class Spy:
        def __init__(self, key: bytes) -> None:
            self._aead = AESGCM(key)

        def encrypt(self, nonce: bytes, plain: bytes, bound: bytes) -> bytes:
            used.append(nonce)
            return self._aead.encrypt(nonce, plain, bound)

        def decrypt(self, nonce: bytes, sealed_part: bytes, bound: bytes) -> bytes:
            return self._aead.decrypt(nonce, sealed_part, bound)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(chunks_module, "AESGCM", Spy)
        file = FullDisk()
        disk = SealedDisk(file, Seal((KEY.public,), "r", 1, MADE))
        file.room = room
        marked = b""
        taken = bytearray()
        try:
            for k, step in enumerate(steps):
                if step == "write":
                    taken += bytes([k]) * 300
                    disk.write(bytes([k]) * 300)
                elif step == "flush":
                    disk.flush()
                else:
                    disk.flush()
                    disk.mark()
                    marked = bytes(taken)
            disk.finish()
            expected = bytes(taken)
        except OSError:
            file.room = 10**9
            try:
                disk.cut_back(b"END")
                expected = marked + b"END"
            except OSError:
                expected = marked
        assert len(used) == len(set(used))
        assert all(len(nonce) == 12 for nonce in used)
        assert opened(file.getvalue()).read() == expected


def test_keys_lie_encrypted_under_a_passphrase(tmp_path: Path) -> None:
    private, public = tmp_path / "s.key", tmp_path / "s.pub"
    KEY.save(private, public, "correct horse battery", cost=2**4)
    assert private.stat().st_mode & 0o077 == 0
    assert KEY.secret not in private.read_bytes()
    assert KEY.secret.hex() not in private.read_text()
    assert KEY.secret.hex() not in repr(KEY)
    assert StewardKey.load(private, "correct horse battery") == KEY
    assert load_public(public) == public_part(private) == public_part(public) == KEY.public
    with pytest.raises(SealError, match="passphrase is wrong"):
        StewardKey.load(private, "correct horse batteries")
    with pytest.raises(SealError, match="passphrase is wrong"):
        altered = private.read_text().replace(KEY.public.hex(), OTHER.public.hex())
        (tmp_path / "altered.key").write_text(altered)
        StewardKey.load(tmp_path / "altered.key", "correct horse battery")
    with pytest.raises(ConfigError, match="never overwritten"):
        OTHER.save(private, tmp_path / "t.pub", "correct horse battery", cost=2**4)
    with pytest.raises(ConfigError, match="at least 10 characters"):
        OTHER.save(tmp_path / "t.key", tmp_path / "t.pub", "short", cost=2**4)


@pytest.mark.parametrize("content", [b"", b"{}", b'{"kind": 1}', b"-----BEGIN", b"\xff\xfe"])
def test_what_is_no_key_is_refused_in_words(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x"
    path.write_bytes(content)
    with pytest.raises(SealError, match=r"key .*x"):
        public_part(path)
    with pytest.raises(SealError, match=r"key .*x"):
        StewardKey.load(path, "correct horse battery")


@pytest.mark.parametrize(
    "facts",
    [
        {"id": "zz" * 16},
        {"prefix": "zz" * 7},
        {"run": "\x1b[2Jr"},
        {"keep_until": "2026-05-01T12:00:00"},
        {"made": "yesterday"},
    ],
)
def test_a_forged_header_with_a_good_signature_cannot_do_harm(facts: dict[str, str]) -> None:
    core = msgspec.structs.replace(HEADER.core, **facts)
    raw = build(core, bytes(KEY_BYTES), Ed25519PrivateKey.generate())[1]
    with pytest.raises(SealError, match="its header was altered"):
        parse(raw)


def test_a_header_that_nobody_could_read_is_not_written() -> None:
    core: Core = HEADER.core
    for facts in ({"stewards": ()}, {"stewards": core.stewards * 65}, {"run": "r" * 70_000}):
        with pytest.raises(SealError, match="a recording has"):
            build(msgspec.structs.replace(core, **facts), bytes(32), Ed25519PrivateKey.generate())


def test_a_public_key_that_seals_nothing_is_refused(tmp_path: Path) -> None:
    zero = X25519PublicKey.from_public_bytes(bytes(32))
    path = tmp_path / "zero.pub"
    path.write_bytes(zero.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    with pytest.raises(SealError, match="low order"):
        load_public(path)
