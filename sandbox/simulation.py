"""Finds the platform simulators and gives each its accounts."""

from __future__ import annotations

import importlib
import json
import pkgutil
import secrets
import sys
from typing import TYPE_CHECKING, Any

from sandbox import simulators

if TYPE_CHECKING:
    from pathlib import Path

    from sandbox.clock import ClockReader
    from sandbox.dataplane import DataPlane
    from sandbox.inbox import Inbox
    from sandbox.simulating.simulator import Simulator

Documents = dict[str, dict[str, Any]]
CONSOLE_SECRET = "sandbox-console-secret"  # noqa: S105 - of this machine's own sign-in page alone


def platforms() -> list[str]:
    """List the platforms that have a simulator."""
    return sorted(module.name for module in pkgutil.iter_modules(simulators.__path__))


def accounts(folder: Path | None, control_url: str) -> dict[str, Documents]:
    """Collect account documents per platform, completed: those of a folder, else the simulators' throwaway ones."""
    found: dict[str, Documents] = {}
    if folder is not None:
        if not folder.is_dir():
            sys.exit(f"there is no account folder {folder}")
        for path in sorted(folder.glob("*/**/*.json")):
            platform, *name = path.relative_to(folder).with_suffix("").parts
            try:
                found.setdefault(platform, {})["/".join(name)] = json.loads(path.read_text(encoding="utf-8"))
            except ValueError as error:
                sys.exit(f"{path} is not JSON: {error}")
    for platform in platforms():
        kind = importlib.import_module(f"sandbox.simulators.{platform}").Simulator
        documents = found.setdefault(platform, {}) if folder else kind.throwaway_accounts()
        api_base = f"{control_url}/{platform}"
        found[platform] = {name: kind.prepare_account(document, api_base) for name, document in documents.items()}
    for platform in filter(_sees_all_accounts, platforms()):
        kind = importlib.import_module(f"sandbox.simulators.{platform}").Simulator
        for by_name in found.values():
            for account, document in by_name.items():
                by_name[account] = kind.prepare_account(document, f"{control_url}/{platform}")
    return found


def _sees_all_accounts(name: str) -> bool:
    """Tell whether a simulator is no platform, but something that accounts of any platform use."""
    return getattr(importlib.import_module(f"sandbox.simulators.{name}").Simulator, "sees_all_accounts", False)


def store(plane: DataPlane, stage: str, documents: dict[str, Documents]) -> None:
    """Put every document where functions look for it, and let SES send from the domains that its notices name.

    Orders can be found by what customers say, too: under a key of this sandbox alone.
    """
    plane.call(
        "secretsmanager",
        "CreateSecret",
        Name=f"countersign/{stage}/console",
        SecretString=json.dumps({"client_secret": CONSOLE_SECRET}),
        ClientRequestToken="console".ljust(32, "-"),
    )
    documents = {"lookup": {"keys": {"keys": [secrets.token_hex(32)]}}, **documents}
    for platform, by_name in documents.items():
        for name, document in by_name.items():
            for domain in _mail_domains(document):
                plane.verify_sender(domain)
            text = json.dumps(document, ensure_ascii=False)
            plane.call(
                "secretsmanager",
                "CreateSecret",
                Name=f"countersign/{stage}/{platform}/{name}",
                SecretString=text,
                ClientRequestToken=f"{platform}-{name}".ljust(32, "-")[:64],
            )


def _mail_domains(document: dict[str, Any]) -> set[str]:
    notices = document.get("notices")
    entries = notices.values() if isinstance(notices, dict) else ()
    senders = [str(entry["from"]) for entry in entries if isinstance(entry, dict) and entry.get("from")]
    return {sender.rpartition("@")[2] for sender in senders}


def make(
    documents: dict[str, Documents], clock: ClockReader, inbox: Inbox, public_base_url: str, state: Path
) -> dict[str, Simulator]:
    """Make the simulators."""
    made: dict[str, Simulator] = {}
    for platform in platforms():
        kind = importlib.import_module(f"sandbox.simulators.{platform}").Simulator
        folder = state / platform
        folder.mkdir(exist_ok=True)
        seen = documents if _sees_all_accounts(platform) else documents[platform]
        made[platform] = kind(clock, seen, inbox, public_base_url, folder)
    return made
