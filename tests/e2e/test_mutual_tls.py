"""The door of a payments app: both of Shopify's certificates are let in, nobody else, and there is no other door."""

from __future__ import annotations

import http.client
import json
import ssl
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from sandbox.testing import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from sandbox.testing import Sandbox

Json = dict[str, Any]
VECTORS = json.loads((ROOT / "tests/vectors/shopify_public.json").read_text(encoding="utf-8"))["vectors"]
SESSIONS = [one for one in VECTORS if one["category"].startswith("payments_app_")]
ROUTES = [f"/shopify/payments/{about}-session" for about in ("payment", "refund", "capture", "void", "confirm")]


class Door:
    """Calls from outside, with the certificates that the sandbox made for it."""

    def __init__(self, sandbox: Sandbox, folder: Path) -> None:
        self.sandbox, self.folder = sandbox, folder
        self.made: Json = sandbox.control("GET", "/mtls")

    def send(self, who: Json | None, path: str, headers: dict[str, str], body: bytes) -> tuple[int, bytes]:
        """Send one request; raises OSError where the handshake fails."""
        context = ssl.create_default_context(cadata=self.made["ca"])
        if who is not None:
            file = self.folder / "client.pem"
            file.write_text(who["certificate"] + who["key"], encoding="utf-8")
            context.load_cert_chain(file)
        parts = urlsplit(self.sandbox.base_url)
        connection = http.client.HTTPSConnection(
            str(parts.hostname), (parts.port or 0) + 3, timeout=60, context=context
        )
        try:
            connection.request("POST", path, body, headers)
            reply = connection.getresponse()
            return reply.status, reply.read()
        finally:
            connection.close()

    def ask(self, who: str, vector: Json) -> tuple[int, Json]:
        """Send a vector's session with certificate a or b, again while it is not answered, as Shopify does."""
        raw, about = vector["raw_request"], vector["category"].removeprefix("payments_app_").removesuffix("_session")
        path = f"/shopify/payments/{about}-session"
        for _ in range(5):
            status, body = self.send(self.made["clients"][who], path, raw["headers"], raw["body"].encode())
            if status != 503:  # a function's first start may be longer than the gateway waits
                break
        return status, json.loads(body)


@pytest.fixture
def door(sandbox: Sandbox, tmp_path: Path) -> Door:
    return Door(sandbox, tmp_path)


def test_G7_each_session_of_the_vectors_is_answered_to_one_certificate_and_the_same_again_to_the_other(
    door: Door,
) -> None:
    assert len(SESSIONS) == 15
    first = {one["name"]: door.ask("a", one) for one in SESSIONS}
    assert {name: status for name, (status, _) in first.items()} == {
        one["name"]: one["expect"]["http_status"] for one in SESSIONS
    }

    assert {one["name"]: door.ask("b", one) for one in SESSIONS} == first
    pages = {name: body["redirect_url"] for name, (_, body) in first.items() if "redirect_url" in body}
    assert pages["pay-pub-01-sale"] == pages["pay-pub-04-duplicate-of-01"]
    assert len(set(pages.values())) == len(pages) - 1 == 4
    assert all(body == {} for name, (_, body) in first.items() if name not in pages)


def test_G7_another_authoritys_certificate_of_the_same_name_and_none_at_all_are_refused_before_anything_is_read(
    door: Door,
) -> None:
    sale = SESSIONS[0]["raw_request"]
    for who in (door.made["stranger"], None):
        with pytest.raises(OSError, match=r"(?i)alert|reset|eof|broken|closed|unknown|required"):
            door.send(who, ROUTES[0], sale["headers"], sale["body"].encode())


@pytest.mark.parametrize("path", ROUTES)
def test_G7_where_no_certificate_is_asked_for_nothing_of_it_answers(sandbox: Sandbox, path: str) -> None:
    sale = SESSIONS[0]["raw_request"]

    assert sandbox.api("POST", path, sale["body"].encode(), sale["headers"]).status == 404
