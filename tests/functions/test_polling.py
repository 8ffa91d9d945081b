"""What open consoles read: each table read of a question is counted, and `console.js` says how often one is asked."""

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl, quote

import pytest
from botocore.client import BaseClient

from bench import console as bench
from countersign.store import pulse
from countersign_console.outside import Reply
from tests.console.conftest import API, World
from tests.functions.conftest import Cloud, http_event
from tests.functions.test_lists import Shop

OPEN = 8
READS = ("GetItem", "Query", "BatchGetItem", "Scan", "TransactGetItems")


class Office(World):
    """A console whose questions about what changed the merchant API itself answers, from the same account's table."""

    def __init__(self, cloud: Cloud) -> None:
        super().__init__(cloud.dynamodb)
        self.cloud = cloud

    def _send(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> Reply:
        path, _, query = url.removeprefix(API).partition("?")
        if path not in ("/changes", "/counts"):
            return super()._send(method, url, headers, body)
        asked = dict(parse_qsl(query))
        answer = self.cloud.invoke("merchant_api", http_event("GET", path, {}, queryStringParameters=asked))
        found = {name.lower(): str(value) for name, value in answer["headers"].items()}
        return Reply(answer["statusCode"], found, (answer.get("body") or "").encode())


@pytest.fixture
def office(cloud: Cloud) -> Office:
    cloud.dynamodb.create_table(
        TableName="Sessions",
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
    )
    return Office(cloud)


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[str]]:
    """Return what says which tables were read since it was asked last."""
    told: list[str] = []
    made = BaseClient._make_api_call

    def counted(self: Any, operation: str, arguments: Any) -> Any:
        if operation in READS:
            told.append(arguments.get("TableName") or "several")
        return made(self, operation, arguments)

    monkeypatch.setattr(BaseClient, "_make_api_call", counted)

    def since() -> list[str]:
        found = list(told)
        told.clear()
        return found

    return since


def test_C7_eight_open_consoles_read_less_than_once_a_second_each(
    office: Office, reads: Callable[[], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pulse, "_last", {})
    shop = Shop(office.cloud)
    shop.pay("O-1")
    browsers = [office.browser() for _ in range(OPEN)]
    cursors = []
    for number, browser in enumerate(browsers):
        browser.signs_in(f"person{number}")
        cursors.append(browser.get("/news").headers["x-next-cursor"])
    reads()

    asked = [browser.get(f"/news?after={quote(cursor)}") for browser, cursor in zip(browsers, cursors, strict=True)]
    quiet = reads()
    assert [answer.status for answer in asked] == [204] * OPEN
    # One's own session, whether one signed out everywhere since, and when accounts moved last.
    assert quiet == ["Sessions", "Sessions", "Orders"] * OPEN

    shop.pay("O-2")
    pulse.beat(office.cloud.dynamodb, "Orders", "wechat", "shop", now=shop.now)
    reads()
    browser, answer = browsers[0], asked[0]
    told = browser.get(f"/news?after={quote(answer.headers['x-next-cursor'])}")
    assert told.status == 200
    assert 'data-changed="wechat/shop/O-2"' in told.text
    busiest = len(reads())

    usual, waiting = bench.pauses()
    each = len(quiet) / OPEN
    asked_a_second = (1 - bench.WAITING) / usual + bench.WAITING / waiting
    expected = asked_a_second * ((1 - bench.NEWS) * each + bench.NEWS * busiest)
    print(
        f"a question reads {each:.0f} times, with news {busiest} times; a second and console: {each / usual:.2f} while "
        f"nothing moves, {each / waiting:.2f} while something waits, {expected:.2f} with news as the bench has it"
    )
    assert each / waiting < 1
    assert expected < 1
