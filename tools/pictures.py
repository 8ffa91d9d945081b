"""The README's pictures, taken of the running product: `make pictures`.

A sandbox is run and clicked through in Chromium. A screenshot has few colours that an eye tells apart, so each is
written again with a palette, at a fifth of its size: every clone carries them.
"""

from __future__ import annotations

import os
import struct
import sys
import zlib
from collections import Counter
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

FOLDER = ROOT / "docs" / "pictures"
MOST_BYTES = 400_000  # of all of them together
ORDER = {"account": "wechat/shop", "id": "DESK-0002"}  # what was bought second at the desk
CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
PATIENCE, TRIES = 120_000, 6  # milliseconds; a first call starts a function
_HEAD = b"\x89PNG\r\n\x1a\n"


def small(png: bytes) -> bytes:
    """Write a picture of 8 bits and three or four channels again, with at most 256 colours and no transparency."""
    width, height, channels, rows = _rows(png)
    shades = [
        bytes(value & 0xF8 | value >> 5 if index % channels < 3 else 0 for index, value in enumerate(row))
        for row in rows
    ]
    pixels = [[row[place : place + 3] for place in range(0, width * channels, channels)] for row in shades]
    palette = [colour for colour, _ in Counter(pixel for row in pixels for pixel in row).most_common(256)]
    places = {colour: index for index, colour in enumerate(palette)}

    def place(colour: bytes) -> int:
        if colour not in places:  # a rare one: the nearest that is there
            places[colour] = min(range(len(palette)), key=lambda one: _distance(palette[one], colour))
        return places[colour]

    body = b"".join(b"\0" + bytes(map(place, row)) for row in pixels)
    header = struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"PLTE", b"".join(palette)), (b"IDAT", zlib.compress(body, 9)), (b"IEND", b""))
    return _HEAD + b"".join(_chunk(kind, content) for kind, content in chunks)


def _distance(one: bytes, other: bytes) -> int:
    return sum((a - b) ** 2 for a, b in zip(one, other, strict=True))


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def _rows(png: bytes) -> tuple[int, int, int, list[bytes]]:
    """Read a PNG's rows of bytes."""
    place, packed, width, height, channels = len(_HEAD), b"", 0, 0, 0
    while place < len(png):
        size, kind = struct.unpack(">I4s", png[place : place + 8])
        content = png[place + 8 : place + 8 + size]
        if kind == b"IHDR":
            width, height, depth, colour, _, _, interlaced = struct.unpack(">IIBBBBB", content)
            if (depth, interlaced) != (8, 0) or colour not in (2, 6):
                raise ValueError("a picture of 8 bits in RGB or RGBA is wanted, not interlaced")
            channels = 3 if colour == 2 else 4
        elif kind == b"IDAT":
            packed += content
        place += 12 + size
    raw, stride, rows = zlib.decompress(packed), width * channels, []
    before = bytes(stride)
    for start in range(0, height * (stride + 1), stride + 1):
        before = _unfiltered(raw[start], bytearray(raw[start + 1 : start + 1 + stride]), before, channels)
        rows.append(before)
    return width, height, channels, rows


def _unfiltered(kind: int, row: bytearray, above: bytes, channels: int) -> bytes:
    """Undo a row's filter: https://www.w3.org/TR/png-3/#9Filter-types."""
    for index in range(len(row)):
        left = row[index - channels] if index >= channels else 0
        corner = above[index - channels] if index >= channels else 0
        match kind:
            case 1:
                row[index] = row[index] + left & 255
            case 2:
                row[index] = row[index] + above[index] & 255
            case 3:
                row[index] = row[index] + (left + above[index]) // 2 & 255
            case 4:
                row[index] = row[index] + _paeth(left, above[index], corner) & 255
    return bytes(row)


def _paeth(left: int, above: int, corner: int) -> int:
    guess = left + above - corner
    return min((left, above, corner), key=lambda one: abs(guess - one))


def _take(page: Any, name: str) -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    content = small(page.screenshot())
    (FOLDER / f"{name}.png").write_bytes(content)
    print(f"{name}.png  {len(content) // 1024} KB", flush=True)


def _press(page: Any, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()
    page.wait_for_function("() => document.querySelector('main:not([aria-busy])')")


def _desk(browser: Any, url: str) -> None:
    """Take the desk after a payment, and after one of another amount on a phone."""
    page = browser.new_page(viewport={"width": 1100, "height": 720}, locale="en-US")
    page.set_default_timeout(PATIENCE)
    page.goto(url)
    _press(page, "Buy Cup 茶杯 ¥30.00")
    _press(page, "Pay as the payer")  # functions that are only starting may answer late: that is no picture
    _press(page, "Buy Oolong 乌龙茶 ¥88.00")
    _press(page, "Five notices")
    page.locator("#status[data-status=paid]").wait_for()
    page.locator(".receipt pre").wait_for()
    page.evaluate("scrollTo(0, 0)")
    _take(page, "desk")
    page = browser.new_page(viewport={"width": 390, "height": 780}, locale="zh-CN")
    page.set_default_timeout(PATIENCE)
    page.goto(url)
    _press(page, "金额不符")
    page.locator("#status[data-status=review]").wait_for()
    page.locator("#knows").scroll_into_view_if_needed()
    page.evaluate("document.getElementById('knows').scrollIntoView()")
    _take(page, "desk-phone-zh")


def _console(browser: Any, sandbox: Any) -> None:
    """Take the console's pages, where this sandbox serves it, as who signs in at the sandbox's own page."""
    from sandbox.desk.desk import listens

    address = f"http://127.0.0.1:{sandbox.port + 2}/"
    if not listens(address):
        print("this sandbox serves no console: its pictures stay as they are")
        return
    page = browser.new_page(viewport={"width": 1100, "height": 720}, locale="en-US")
    page.set_default_timeout(PATIENCE)
    for path, name in (("orders", "console-orders"), (f"order?{urlencode(ORDER)}", "console-order")):
        for _ in range(TRIES):  # a function that is only starting may be late for its gateway
            sandbox.control("POST", "/issuer/next", {"person": "bob"})
            page.goto(f"{address}{path}")
            if page.get_by_text(ORDER["id"]).count():
                break
        else:
            raise RuntimeError(f"{page.url} shows no order: {page.inner_text('body')[:300]}")
        _take(page, name)


def main() -> int:
    """Run a sandbox and take every picture."""
    from playwright.sync_api import sync_playwright

    from sandbox.testing import running_sandbox

    with running_sandbox() as sandbox, sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        _desk(browser, f"{sandbox.control_url}/")
        _console(browser, sandbox)
        browser.close()
    together = sum(path.stat().st_size for path in FOLDER.glob("*.png"))
    print(f"together {together // 1024} KB")
    return int(together > MOST_BYTES)


if __name__ == "__main__":
    sys.exit(main())
