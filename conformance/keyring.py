"""Throwaway keys of the kit: made once, kept in a file that only its owner reads."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

from .platforms import PLATFORMS

if TYPE_CHECKING:
    from pathlib import Path

    from .platforms.base import Platform

Json = dict[str, Any]


def make(folder: Path, names: list[str]) -> dict[str, Path]:
    """Make the keys of platforms that have none yet; return the file of each that says what to configure."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    found = {}
    for name in names:
        path = folder / f"{name}.keys.json"
        if not path.exists():
            _write(path, PLATFORMS[name].new_keys())
        values = folder / f"{name}.configure.json"
        _write(values, read(folder, name).values())
        found[name] = values
    return found


def read(folder: Path, name: str, overrides: Json | None = None) -> Platform:
    """Return a platform with its keys; the target's own values may stand in for some of them."""
    keys = json.loads((folder / f"{name}.keys.json").read_text(encoding="utf-8"))
    return PLATFORMS[name](keys | (overrides or {}))


def _write(path: Path, content: Json) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(json.dumps(content, ensure_ascii=False, indent=2) + "\n")
