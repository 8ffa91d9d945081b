"""Every committed sample event of Shopify does what its index says, and is what the script writes."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import botocore.session
import pytest
import time_machine
from moto import mock_aws

from sandbox import make_events
from sandbox.certificates import Authority
from tests.platforms.shopify.world import BASE, OTHER, SHOP, Shopify, shopify

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "events" / "shopify"
INDEX: dict[str, dict[str, Any]] = json.loads((FOLDER / "index.json").read_text(encoding="utf-8"))
ORDER = "6123456789012345678"
AUTHORITY = Authority()


@pytest.fixture
def stack(clock: time_machine.Traveller, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shopify]:
    folder = ROOT / "tests/accounts/shopify"
    documents = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in folder.glob("*.json")}
    with mock_aws(), shopify(clock, {name: one | {"api_base": BASE} for name, one in documents.items()}) as made:
        _keep_trust_store(monkeypatch)
        yield made


def _keep_trust_store(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put a bundle where the payments app's door would read it."""
    for variable, value in (("BUCKET", "trust"), ("OBJECT", "shopify.pem"), ("VERSION", "")):
        monkeypatch.setenv(f"TRUST_STORE_{variable}", value)
    s3 = botocore.session.get_session().create_client("s3", region_name="us-east-1")
    s3.create_bucket(Bucket="trust")
    s3.put_object(Bucket="trust", Key="shopify.pem", Body=AUTHORITY.pem.encode())


def _send(stack: Shopify, name: str) -> Any:
    stack.cloud.clock.move_to(INDEX[name]["now"])
    event = json.loads((FOLDER / name).read_text(encoding="utf-8"))
    return stack.cloud.invoke(name.split(".")[0], event, remaining_ms=900_000)


@pytest.mark.parametrize("name", sorted(INDEX))
def test_event(name: str, stack: Shopify) -> None:
    entry = INDEX[name]
    for earlier in entry.get("after", ()):
        _send(stack, earlier)
    before = stack.rows()

    answer = _send(stack, name)

    if entry["status"] is not None:
        assert answer["statusCode"] == entry["status"], answer
        if 400 <= entry["status"] < 500:
            assert stack.rows() == before
    if "becomes" in entry:
        assert stack.order(ORDER, SHOP).status == entry["becomes"]
    assert stack.known(ORDER, OTHER) is None


def test_A17_a_replay_under_a_new_header_that_nothing_signs_changes_nothing(stack: Shopify) -> None:
    _send(stack, "shopify_webhook.paid.json")
    before = stack.rows()

    assert _send(stack, "shopify_webhook.paid-twice.json")["statusCode"] == 200
    assert stack.rows() == before


def test_every_event_file_is_in_the_index_and_every_function_has_one() -> None:
    files = {path.name for path in FOLDER.glob("*.json")} - {"index.json"}
    functions = {path.parent.name for path in (ROOT / "functions").glob("shopify_*/app.py")}

    assert files == set(INDEX)
    assert {name.split(".")[0] for name in files} == functions | {"decisions_api"}


def test_the_committed_events_are_what_the_script_writes(tmp_path: Path) -> None:
    make_events.write(tmp_path)

    for folder in ("events/shopify", "tests/accounts/shopify"):
        written = {path.name: path.read_text(encoding="utf-8") for path in (tmp_path / folder).glob("*.json")}
        committed = {path.name: path.read_text(encoding="utf-8") for path in (ROOT / folder).glob("*.json")}
        assert written == committed
