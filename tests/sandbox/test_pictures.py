"""The README's pictures: small enough to be carried by every clone, and all there."""

import importlib.util
import re
import struct
import zlib
from itertools import pairwise
from types import ModuleType

import pytest

from sandbox.testing import ROOT


@pytest.fixture(scope="module")
def pictures() -> ModuleType:
    spec = importlib.util.spec_from_file_location("pictures", ROOT / "tools" / "pictures.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png(rows: list[tuple[int, bytes]], width: int, colour: int = 2) -> bytes:
    """Write a picture whose rows were filtered already."""
    header = struct.pack(">IIBBBBB", width, len(rows), 8, colour, 0, 0, 0)
    body = zlib.compress(b"".join(bytes([kind]) + row for kind, row in rows))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def read(content: bytes) -> list[list[tuple[int, ...]]]:
    """Read what `small` writes: a palette, and rows without filters."""
    parts = {content[at + 4 : at + 8]: at for at in chunks(content)}
    width, height = struct.unpack(">II", content[parts[b"IHDR"] + 8 : parts[b"IHDR"] + 16])
    size = struct.unpack(">I", content[parts[b"PLTE"] : parts[b"PLTE"] + 4])[0]
    palette = content[parts[b"PLTE"] + 8 : parts[b"PLTE"] + 8 + size]
    packed = struct.unpack(">I", content[parts[b"IDAT"] : parts[b"IDAT"] + 4])[0]
    raw = zlib.decompress(content[parts[b"IDAT"] + 8 : parts[b"IDAT"] + 8 + packed])
    rows = [raw[start + 1 : start + 1 + width] for start in range(0, height * (width + 1), width + 1)]
    return [[tuple(palette[3 * index : 3 * index + 3]) for index in row] for row in rows]


def chunks(content: bytes) -> list[int]:
    at, found = 8, []
    while at < len(content):
        found.append(at)
        at += 12 + struct.unpack(">I", content[at : at + 4])[0]
    return found


def test_every_filter_of_png_is_undone(pictures: ModuleType) -> None:
    plain = bytes([0, 0, 0, 255, 255, 255])
    filtered = [
        (0, plain),
        (1, bytes([0, 0, 0, 255, 255, 255])),
        (2, bytes(6)),
        (3, bytes([0, 0, 0, 128, 128, 128])),
        (4, bytes(6)),
    ]

    rows = read(pictures.small(png(filtered, 2)))

    assert all(one == other for one, other in pairwise(rows))
    assert rows[0] == [(0, 0, 0), (255, 255, 255)]


def test_colours_that_an_eye_takes_for_one_are_one_and_transparency_goes(pictures: ModuleType) -> None:
    row = bytes([17, 34, 51, 255, 18, 35, 52, 10])

    assert read(pictures.small(png([(0, row)], 2, colour=6))) == [[(16, 33, 49), (16, 33, 49)]]


def test_more_colours_than_a_palette_has_become_the_nearest(pictures: ModuleType) -> None:
    row = bytes(
        value
        for red in range(8)
        for green in range(8)
        for blue in range(8)
        for value in (red * 32, green * 32, blue * 32)
    )

    (found,) = read(pictures.small(png([(0, row)], 512)))

    assert len(set(found)) == 256
    near = {one: min(set(found), key=lambda other: pictures._distance(one, other)) for one in found}
    assert all(one == near[one] for one in found)
    assert found[-1] == max(set(found))  # white becomes the lightest that there is


def test_the_readme_shows_pictures_that_are_there_and_together_small(pictures: ModuleType) -> None:
    named = set(re.findall(r"docs/pictures/([\w-]+\.png)", (ROOT / "README.md").read_text(encoding="utf-8")))
    there = {path.name: path.stat().st_size for path in pictures.FOLDER.glob("*.png")}

    assert named
    assert named == set(there)
    assert sum(there.values()) <= pictures.MOST_BYTES
