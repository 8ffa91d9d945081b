"""The printers' clouds check what they are sent, by other code than ours, and misbehave as told."""

import hashlib
import json
import uuid
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlencode

import pytest

from sandbox.simulators.printers import Simulator
from sandbox.simulators.printers.shop import on_paper

NOW = 1_795_330_860
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
FEIE = {"kind": "feie", "name": "kitchen", "sn": "316500010", "user": "shop@example.com", "ukey": "NEKuBO5vqHub3umy"}
YILIANYUN = {
    "kind": "yilianyun",
    "name": "bar",
    "machine_code": "4004600001",
    "client_id": "10",
    "client_secret": "s" * 32,
}


class Shop:
    def __init__(self) -> None:
        self.clock = SimpleNamespace(at=NOW)
        self.inbox: list[tuple[str, dict[str, Any]]] = []
        documents = {"wechat": {"a": {"printers": [FEIE]}}, "douyin": {"b": {"printers": [YILIANYUN]}}}
        inbox = SimpleNamespace(add=lambda kind, entry: self.inbox.append((kind, entry)))
        ticking = SimpleNamespace(now=lambda: self.clock.at)
        self.simulator = Simulator(ticking, documents, inbox, "", Path())

    def feie(self, name: str, **fields: str) -> dict[str, Any]:
        stime = str(NOW)
        signed = hashlib.sha1(f"{FEIE['user']}{FEIE['ukey']}{stime}".encode(), usedforsecurity=False).hexdigest()
        common = {"user": FEIE["user"], "stime": stime, "sig": signed, "apiname": name, "sn": FEIE["sn"]}
        return self.call("/feie/Api/Open/", {**common, **fields})

    def yilianyun(self, path: str, **fields: str) -> dict[str, Any]:
        signed = hashlib.md5(f"10{NOW}{'s' * 32}".encode(), usedforsecurity=False).hexdigest()
        common = {"client_id": "10", "timestamp": str(NOW), "sign": signed, "id": str(uuid.uuid4())}
        return self.call(f"/yilianyun{path}", {**common, "machine_code": YILIANYUN["machine_code"], **fields})

    def call(self, path: str, fields: dict[str, str]) -> dict[str, Any]:
        status, _, body = self.simulator.handle("POST", path, "", FORM, urlencode(fields).encode())
        assert status == 200, body
        answer: dict[str, Any] = json.loads(body)
        return answer

    def token(self) -> str:
        told: str = self.yilianyun("/oauth/oauth", grant_type="client_credentials", scope="all")["body"]["access_token"]
        return told

    def receipts(self) -> list[str]:
        return [entry["text"] for kind, entry in self.inbox if kind == "receipt"]


@pytest.fixture
def shop() -> Shop:
    return Shop()


def test_a_receipt_is_shown_as_on_paper(shop: Shop) -> None:
    taken = shop.feie(
        "Open_printMsg", content="<CB>奶茶店</CB><BR>奶茶 x1<BR><BOLD>合计</BOLD> 8.00<BR><CUT>", times="1"
    )

    assert taken["ret"] == 0
    assert shop.receipts() == [" " * 10 + "奶茶店\n奶茶 x1\n合计 8.00"]
    assert shop.feie("Open_queryOrderState", orderid=taken["data"])["data"] is True


def test_paper_has_an_end_at_the_right() -> None:
    assert on_paper("一二三四五六七八九十一二三四五六七<BR>a", 32) == "一二三四五六七八九十一二三四五六\n七\na"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"sig": "0" * 40}, -3),
        ({"stime": str(NOW * 1000)}, -3),
        ({"user": "nobody"}, -4),
        ({"sn": "1"}, 1002),
        ({"apiname": "Open_unknown"}, -2),
        ({"content": "长" * 1667}, 1007),
        ({"expired": str(NOW - 1)}, -2),
        ({"expired": str(NOW + 86401)}, -2),
    ],
)
def test_feie_refuses_what_is_wrong(shop: Shop, changes: dict[str, str], code: int) -> None:
    assert shop.feie("Open_printMsg", **{"content": "x", **changes})["ret"] == code
    assert shop.receipts() == []


def test_a_printer_that_is_off_keeps_receipts_until_they_expire(shop: Shop) -> None:
    shop.simulator.control("printer", {"name": "kitchen", "state": "offline"})
    assert shop.feie("Open_queryPrinterStatus")["data"] == "离线。"
    shop.feie("Open_printMsg", content="late<BR>", expired=str(NOW + 60))
    shop.feie("Open_printMsg", content="in time<BR>", expired=str(NOW + 3600))
    assert shop.feie("Open_queryOrderInfoByDate", date="2026-11-22")["data"] == {"print": 0, "waiting": 2}

    shop.clock.at += 61
    shop.simulator.control("printer", {"name": "kitchen", "state": "ok"})

    assert shop.receipts() == ["in time"]
    assert shop.feie("Open_queryOrderInfoByDate", date="2026-11-22")["data"] == {"print": 1, "waiting": 1}


def test_yilianyun_prints_a_number_once(shop: Shop) -> None:
    token = shop.token()
    wanted = {"access_token": token, "content": "奶茶\n", "origin_id": "o1", "idempotence": "1"}

    first, second = shop.yilianyun("/print/index", **wanted), shop.yilianyun("/print/index", **wanted)

    assert first == second
    assert (first["error"], shop.receipts()) == ("0", ["奶茶"])
    shop.yilianyun("/print/index", **{**wanted, "idempotence": "0"})
    assert len(shop.receipts()) == 2


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"sign": "0" * 32}, "8"),
        ({"client_id": "11"}, "1"),
        ({"access_token": "other"}, "18"),
        ({"machine_code": "1"}, "9"),
        ({"origin_id": "a" * 33}, "2"),
        ({"id": str(uuid.uuid1())}, "2"),
    ],
)
def test_yilianyun_refuses_what_is_wrong(shop: Shop, changes: dict[str, str], code: str) -> None:
    wanted = {"access_token": shop.token(), "content": "x", "origin_id": "o", "idempotence": "1", **changes}

    assert shop.yilianyun("/print/index", **wanted)["error"] == code
    assert shop.receipts() == []


def test_yilianyun_gives_twenty_tokens_a_day(shop: Shop) -> None:
    for _ in range(20):
        shop.token()

    assert shop.yilianyun("/oauth/oauth", grant_type="client_credentials", scope="all")["error"] == "20"


def test_nothing_secret_is_in_the_inbox(shop: Shop) -> None:
    shop.feie("Open_printMsg", content="张三<BR>")
    shop.token()

    calls = json.dumps([entry for kind, entry in shop.inbox if kind == "printers"], ensure_ascii=False)

    assert "Open_printMsg" in calls
    assert not any(word in calls for word in ("NEKuBO", "sig", "张三", "token"))


def test_documents_of_every_platform_are_pointed_here() -> None:
    document = {"mchid": "1", "printers": [FEIE, {**YILIANYUN, "api_base": "https://own.example.com"}]}

    prepared = Simulator.prepare_account(document, "http://127.0.0.1:1/printers")

    assert [printer["api_base"] for printer in prepared["printers"]] == [
        "http://127.0.0.1:1/printers/feie",
        "https://own.example.com",
    ]
    assert Simulator.prepare_account({"mchid": "1"}, "x") == {"mchid": "1"}


def test_knobs_that_do_not_exist_are_a_mistake(shop: Shop) -> None:
    with pytest.raises(ValueError, match="unknown faults"):
        shop.simulator.faults({"paper_jam": 1})
