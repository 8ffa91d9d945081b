"""Scripts and styles: named by what they hold, so that a browser keeps them for good, and compressed once."""

import gzip
from functools import cache
from pathlib import Path

from countersign.signing import digests
from countersign_console.answer import Answer

FOLDER = Path(__file__).parent / "static"
KINDS = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".webmanifest": "application/manifest+json",
}
FOR_GOOD = "public, max-age=31536000, immutable"


@cache
def _content(name: str) -> bytes:
    return (FOLDER / name).read_bytes()


@cache
def address(name: str) -> str:
    """Return the path that a file of `static/` is served at."""
    stem, _, kind = name.rpartition(".")
    return f"/static/{stem}.{digests.sha256(_content(name))[:16]}.{kind}"


@cache
def _known() -> dict[str, str]:
    return {address(path.name): path.name for path in FOLDER.iterdir() if path.suffix in KINDS}


@cache
def _compressed(name: str) -> bytes:
    return gzip.compress(_content(name), 9, mtime=0)


def serve(path: str, accepts: str) -> Answer:
    """Answer a request for a file; an address of another version is not there."""
    name = _known().get(path)
    if name is None:
        return Answer(404, "Not Found", "text/plain; charset=utf-8")
    kind, headers = KINDS[Path(name).suffix], {"cache-control": FOR_GOOD, "vary": "accept-encoding"}
    if "gzip" in accepts:
        return Answer(200, _compressed(name), kind, {**headers, "content-encoding": "gzip"})
    return Answer(200, _content(name), kind, headers)
