"""The script of the confirmation page as bytes: its size, what it may not hold, how it is cached, and its tag."""

import base64
import gzip
import html
import json
import re

from countersign.platforms.bigcommerce import script
from countersign.signing import digests
from tests.platforms.bigcommerce.app.world import AppWorld


def test_it_is_small() -> None:
    assert len(gzip.compress(script.SOURCE.encode(), 9)) <= 6 * 1024


def test_it_runs_under_a_policy_that_allows_a_nonce_alone() -> None:
    for forbidden in ("eval(", "new Function", "innerHTML", "outerHTML", "insertAdjacentHTML", "document.write"):
        assert forbidden not in script.SOURCE
    assert 'createElement("script")' not in script.SOURCE
    assert not re.search(r"\bwindow\.\w+\s*=[^=]|globalThis", script.SOURCE)  # no globals
    assert not re.search(r"\.on\w+\s*=", script.SOURCE)  # no inline handlers


def test_everybody_gets_the_same_bytes_and_who_has_them_gets_none(world: AppWorld) -> None:
    first = world.call("script.js")

    assert first["statusCode"] == 200 and first["body"] == script.SOURCE
    assert first["headers"]["content-type"] == "text/javascript; charset=utf-8"
    assert first["headers"]["access-control-allow-origin"] == "*"
    for known in (script.ETAG, f"W/{script.ETAG}", f'"other", {script.ETAG}'):
        again = world.call("script.js", **{"if-none-match": known})
        assert (again["statusCode"], again["body"]) == (304, "")
    assert world.call("script.js", **{"if-none-match": '"other"'})["statusCode"] == 200


def test_the_checksum_is_of_what_is_served() -> None:
    digest = bytes.fromhex(digests.sha256(script.SOURCE.encode()))

    assert script.INTEGRITY.removeprefix("sha256-") == base64.b64encode(digest).decode()


def test_a_tag_holds_the_stores_own_words_and_what_bigcommerce_fills_in() -> None:
    names = ["OKCloud Pay", 'Pay "now" <b>', "云付", "{{settings.secret}}"]
    tag = script.tag("https://pay.example.com/s.js", store_hash="g5cd38wq1", client_id="abc", methods=names)

    assert tag.count("<script") == 1 and tag.endswith("></script>")
    assert re.findall(r"\{\{([^}]*)\}\}", tag) == ["checkout.order.id", "customer.id"]
    said = re.search(r'data-methods="([^"]*)"', tag)
    assert said and json.loads(html.unescape(said[1])) == names
    assert len(tag.encode()) <= script.MOST_BYTES
