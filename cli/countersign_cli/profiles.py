"""Which deployments there are: `~/.config/countersign/config.toml`. It holds addresses and names, never a secret."""

from __future__ import annotations

import json
import os
import tomllib
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from countersign_cli.exits import NOT_SIGNED_IN, USAGE, StopError

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class Profile:
    """One deployment. Unless it says `production = false`, its money is taken for real."""

    name: str
    api_url: str = ""
    authorize_url: str = ""
    token_url: str = ""
    client_id: str = ""
    stack: str = ""
    region: str = ""
    aws_profile: str = ""
    scope_prefix: str = "countersign/"
    production: bool = True


def folder(environ: Mapping[str, str], home: Path | None) -> Path:
    """Return where profiles and sign-ins are kept."""
    if home is not None:
        return home
    base = environ.get("XDG_CONFIG_HOME") or str(Path.home() / ".config")
    return Path(base) / "countersign"


def read(where: Path) -> tuple[dict[str, Profile], str]:
    """Return the profiles and the name of the one that is used unless another is named."""
    path = where / "config.toml"
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}, ""
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise StopError(USAGE, "bad_profiles", path=path, why=str(error)) from None
    known = {one.name for one in fields(Profile)} - {"name"}
    found = {}
    for name, given in content.get("profiles", {}).items():
        if unknown := given.keys() - known:
            raise StopError(USAGE, "bad_profiles", path=path, why=f"{name}: {', '.join(sorted(unknown))}?")
        found[name] = Profile(name, **given)
    return found, str(content.get("default") or (next(iter(found)) if len(found) == 1 else ""))


def chosen(where: Path, name: str | None) -> Profile:
    """Return the profile that is asked for, or the default; StopError where there is none."""
    found, default = read(where)
    wanted = name or default
    if wanted in found:
        return found[wanted]
    if wanted:
        raise StopError(USAGE, "no_such_profile", name=wanted, known=", ".join(sorted(found)) or "-")
    raise StopError(NOT_SIGNED_IN, "no_profile")


def write(where: Path, profile: Profile) -> None:
    """Add or replace a profile; others stay as they are."""
    found, default = read(where)
    found[profile.name] = profile
    lines = [f"default = {json.dumps(default or profile.name)}"]
    for one in found.values():
        lines += ["", f"[profiles.{json.dumps(one.name)}]"]
        lines += [
            f"{name} = {json.dumps(value)}" for name, value in asdict(one).items() if name != "name" and value != ""
        ]
    keep(where / "config.toml", "\n".join(lines) + "\n")


def keep(path: Path, text: str) -> None:
    """Write a file that nobody else may read, in one step."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    temporary = path.with_name(f".{path.name}.new")
    temporary.unlink(missing_ok=True)
    with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:  # noqa: PTH123 - the mode
        file.write(text)
    temporary.replace(path)


def kept(path: Path) -> dict[str, Any]:
    """Return what a file of ours holds; nothing where it is not there or cannot be read."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
