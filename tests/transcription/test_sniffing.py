"""What the first bytes and the boxes of a file say."""

import struct

import pytest

from transcription.sniffing import is_elsewhere, is_locked, is_sound_container


def box(kind, content=b"", *, is_large=False):
    if is_large:
        return struct.pack(">I4sQ", 1, kind, 16 + len(content)) + content
    return struct.pack(">I4s", 8 + len(content), kind) + content


def track(kind):
    return box(b"stsd", struct.pack(">III", 0, 1, 36) + kind + bytes(28))


START = box(b"ftyp", b"M4A ")


@pytest.fixture
def put(tmp_path):
    def write(content):
        path = tmp_path / "file"
        path.write_bytes(content)
        return path

    return write


@pytest.mark.parametrize(
    "head",
    [b"RIFF\0\0\0\0WAVE", b"ID3\x04", b"OggS", b"fLaC", START, b"FORM\0\0\0\0AIFC", b"#!AMR\n"],
)
def test_starts_like_sound(put, head):
    assert is_sound_container(put(head + bytes(100)))


@pytest.mark.parametrize("head", [b"", b"RIFF\0\0\0\0AVI ", b"#EXTM3U", b"%PDF-1.7", b"\x89PNG"])
def test_does_not_start_like_sound(put, head):
    assert not is_sound_container(put(head))


@pytest.mark.parametrize("kind", [b"enca", b"drms"])
@pytest.mark.parametrize("is_large", [False, True])
def test_locked_track_after_the_sound(put, kind, is_large):
    sound = box(b"mdat", bytes(1000), is_large=is_large)
    assert is_locked(put(START + sound + box(b"moov", track(kind))))


@pytest.mark.parametrize(
    "content",
    [
        START + box(b"moov", track(b"mp4a")),
        START + box(b"moov", track(b"mp4a") + box(b"udta", b"a song named drms")),
        START + box(b"mdat", track(b"drms")),
        START + struct.pack(">I4s", 3, b"mdat") + bytes(100),
        START + b"\0\0",
        b"OggS" + track(b"drms"),
        b"",
    ],
    ids=["plain", "title", "no index", "impossible box", "cut", "not an mp4", "empty"],
)
def test_not_locked(put, content):
    assert not is_locked(put(content))


def test_endless_chain_of_boxes_ends(put):
    assert not is_locked(put(START + box(b"free") * 20_000 + box(b"moov", track(b"drms"))))


def sound_track(*, kind=b"soun", flags=0, reference=b"url ", pad=b""):
    handler = box(b"hdlr", bytes(8) + kind + bytes(12))
    table = box(b"dref", struct.pack(">II", 0, 1) + box(reference, struct.pack(">I", flags)))
    media = handler + pad + box(b"minf", box(b"hdlr", bytes(8) + b"alis") + box(b"dinf", table))
    return box(b"trak", box(b"tkhd", bytes(84)) + box(b"mdia", media))


@pytest.mark.parametrize("reference", [b"url ", b"urn ", b"alis", b"rsrc", b"cios"])
def test_sound_in_another_file(put, reference):
    index = box(b"moov", sound_track(kind=b"vide", flags=1) + sound_track(reference=reference))
    assert is_elsewhere(put(START + index))
    assert is_elsewhere(put(index + box(b"mdat", bytes(100))))
    assert is_elsewhere(put(START + box(b"moov", sound_track(pad=box(b"free", bytes(5000))))))


@pytest.mark.parametrize(
    "index",
    [
        sound_track(flags=1),
        sound_track(kind=b"vide"),
        sound_track(reference=b"none"),
        sound_track(kind=b"vide") + sound_track(flags=1),
        box(b"udta", sound_track()),
        sound_track()[:-4],
        struct.pack(">I4s", 5, b"trak"),
    ],
    ids=["here", "picture", "unknown", "picture elsewhere", "title", "cut", "impossible"],
)
def test_sound_in_this_file(put, index):
    assert not is_elsewhere(put(START + box(b"moov", index)))


def test_boxes_that_hold_each_other(put):
    index = sound_track()
    for _ in range(2000):
        index = box(b"moov", index)
    assert not is_elsewhere(put(START + index))
