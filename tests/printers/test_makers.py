"""The two makers' clouds: calls as they are on the wire, and what each answer means."""

import base64
import hashlib
import json
import uuid
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qsl

import pytest

from countersign.errors import KeysUnavailableError, PlatformUnavailableError
from countersign.printers import feie, port, registry, yilianyun
from countersign.printers.paper import Line
from countersign.printers.port import PrinterRefusedError, Reach
from countersign.signing.credentials import Secret
from tests.platforms.wechat.support import VECTORS
from tests.printers.counter import FEIE, NOW, YILIANYUN

NAMES = [name for name in VECTORS if name.startswith(("feie-", "yilianyun-"))]
YILIANYUN_ERRORS = ("2", "8", "9", "10", "12", "13", "33", 33)


class Wire:
    """A cloud that answers as told and keeps what it was sent."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.sent: list[tuple[str, str, bytes, Mapping[str, str]]] = []

    def request(
        self, method: str, url: str, *, data: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Any:
        self.sent.append((method, url, data or b"", headers or {}))
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, tuple):
            return SimpleNamespace(status_code=answer[0], content=answer[1])
        return SimpleNamespace(status_code=200, content=json.dumps(answer, ensure_ascii=False).encode())

    def fields(self, number: int = -1) -> dict[str, str]:
        return dict(parse_qsl(self.sent[number][2].decode()))


class Tokens:
    def __init__(self) -> None:
        self.refused: list[str] = []

    def get(self, refused: str = "") -> str:
        self.refused.append(refused)
        return "new" if refused else "old"


def feie_printer(wire: Wire, **changes: Any) -> feie.Feie:
    return feie.Feie(wire, feie.load({**FEIE, **changes}))


def yilianyun_printer(wire: Wire, tokens: Tokens | None = None) -> yilianyun.Yilianyun:
    return yilianyun.Yilianyun(wire, yilianyun.load(YILIANYUN), tokens or Tokens())


def ok(data: Any) -> dict[str, Any]:
    return {"msg": "ok", "ret": 0, "data": data, "serverExecutedTime": 6}


@pytest.mark.parametrize("name", NAMES)
def test_public_vector(name: str) -> None:
    vector = VECTORS[name]
    inputs, expect = vector["inputs"], vector["expect"]
    if name == "feie-printMsg-form":
        check_print(vector)
    elif name == "yilianyun-sign":
        assert (
            yilianyun.sign(inputs["client_id"], Secret(inputs["client_secret"]), inputs["timestamp"]) == expect["sign"]
        )
    else:
        states = {"offline": port.OFFLINE, "online_ok": port.READY, "online_abnormal": port.ABNORMAL}
        answer = (200, base64.b64decode(vector["raw_response"]["body_b64"]))
        assert feie_printer(Wire(answer)).state(now=NOW) == states[expect["status"]]


def check_print(vector: dict[str, Any]) -> None:
    inputs, raw = vector["inputs"], vector["raw_request"]
    wire = Wire(ok("316500010_20160823165104_1853029628"))
    printer = feie_printer(wire, user=inputs["user"], ukey=inputs["ukey"], sn=inputs["sn"])

    taken = printer.print("job", inputs["content"], 1, now=int(inputs["stime"]))

    assert feie.sign(inputs["user"], Secret(inputs["ukey"]), inputs["stime"]) == vector["expect"]["sig"]
    assert taken == "316500010_20160823165104_1853029628"
    method, url, body, headers = wire.sent[0]
    assert (method, url) == (raw["method"], f"https://api.feieyun.cn{raw['path']}")
    assert headers["Content-Type"].startswith(raw["headers"]["Content-Type"])
    # Ours says in addition until when it is of use.
    expired = f"&expired={int(inputs['stime']) + feie.EXPIRES_SECONDS}"
    assert body.decode() == base64.b64decode(raw["body_b64"]).decode() + expired


def test_no_vector_is_left_out() -> None:
    assert len(NAMES) == 5


def test_feie_asks_what_the_pages_say() -> None:
    wire = Wire(ok("离线。"), ok({"print": 6, "waiting": 1}), ok(True), ok({"print": 8, "waiting": 0}))
    printer = feie_printer(wire, api_base="https://api.de.feieyun.com/")

    assert printer.state(now=NOW) == port.OFFLINE
    checkpoint = printer.checkpoint(now=NOW)
    assert checkpoint == {"day": "2026-11-22", "jobs": "7"}
    assert printer.is_printed("316500010_1", now=NOW) is True
    assert printer.outcome_since(checkpoint, now=NOW) == port.PRINTED

    assert {url for _, url, _, _ in wire.sent} == {"https://api.de.feieyun.com/Api/Open/"}
    asked = [{name: value for name, value in wire.fields(number).items() if name in CALL} for number in range(4)]
    assert asked == [
        {"apiname": "Open_queryPrinterStatus", "sn": "316500010"},
        {"apiname": "Open_queryOrderInfoByDate", "sn": "316500010", "date": "2026-11-22"},
        {"apiname": "Open_queryOrderState", "orderid": "316500010_1"},
        {"apiname": "Open_queryOrderInfoByDate", "sn": "316500010", "date": "2026-11-22"},
    ]


CALL = {"apiname", "sn", "date", "orderid"}


@pytest.mark.parametrize(
    ("jobs", "verdict"), [(7, port.ABSENT), (8, port.PRINTED), (9, port.UNKNOWN), (6, port.UNKNOWN), (0, port.UNKNOWN)]
)
def test_feies_counter_tells_what_became_of_a_job(jobs: int, verdict: str) -> None:
    wire = Wire(ok({"print": max(jobs - 1, 0), "waiting": min(jobs, 1)}))

    assert feie_printer(wire).outcome_since({"day": "2026-11-22", "jobs": "7"}, now=NOW) == verdict


def test_feies_day_is_beijings() -> None:
    wire = Wire(ok({"print": 0, "waiting": 0}), ok({"print": 0, "waiting": 0}))

    assert feie_printer(wire).checkpoint(now=1_795_363_199)["day"] == "2026-11-22"
    assert feie_printer(wire).checkpoint(now=1_795_363_200)["day"] == "2026-11-23"


@pytest.mark.parametrize(
    ("told", "state"),
    [
        ("离线。", port.OFFLINE),
        ("离线，工作状态正常。", port.OFFLINE),
        ("在线，工作状态正常。", port.READY),
        ("在线，工作状态不正常。", port.ABNORMAL),
        ("在线，缺纸。", port.ABNORMAL),
        ("", port.ABNORMAL),
        (None, port.ABNORMAL),
        (1, port.ABNORMAL),
    ],
)
def test_feies_sentences(told: object, state: str) -> None:
    assert feie_printer(Wire(ok(told))).state(now=NOW) == state


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        ({"msg": "参数错误 : 该帐号未注册.", "ret": -4, "data": None}, "ret -4"),
        ({"msg": "参数错误 : 签名失败.", "ret": -3, "data": None}, "look at user and ukey"),
        ({"msg": "打印机未注册 316500010", "ret": 1002}, "ret 1002"),
        ({"msg": "shop@example.com", "ret": 77777}, "no more is known"),
    ],
)
def test_feies_refusals_are_definite_and_are_not_repeated_letter_by_letter(
    answer: dict[str, Any], problem: str
) -> None:
    with pytest.raises(PrinterRefusedError, match=problem) as refusal:
        feie_printer(Wire(answer)).print("job", "x", 1, now=NOW)

    assert answer["msg"] not in str(refusal.value)


UNBELIEVABLE = [
    (500, b""),
    (502, b"<html>"),
    (302, b""),
    (200, b""),
    (200, b"<html>"),
    (200, b"[]"),
    (200, b"null"),
    (200, b'{"a":1}'),
    (200, b'{"ret":true,"error":true}'),
    (200, b'{"ret":"0","error":null}'),
    (200, b'{"ret":0,"ret":0,"error":"0","error":"0"}'),
    (200, b'{"ret":0,"error":"0","data":"1' + b" " * port.MAX_ANSWER + b'"}'),
    PlatformUnavailableError("no answer: ReadTimeout"),
]


@pytest.mark.parametrize("answer", UNBELIEVABLE, ids=lambda answer: repr(answer)[:40])
def test_an_answer_that_cannot_be_believed_leaves_the_outcome_open(answer: Any) -> None:
    with pytest.raises(PlatformUnavailableError):
        feie_printer(Wire(answer)).print("job", "x", 1, now=NOW)
    with pytest.raises(PlatformUnavailableError):
        yilianyun_printer(Wire(answer)).print("job", "x", 1, now=NOW)


@pytest.mark.parametrize("data", [None, "", 5, {"print": "1", "waiting": 1}, {"print": 1}, {"print": -1, "waiting": 0}])
def test_an_answer_without_what_was_asked_for_leaves_the_outcome_open(data: object) -> None:
    with pytest.raises(PlatformUnavailableError, match="counters"):
        feie_printer(Wire(ok(data))).checkpoint(now=NOW)
    if not isinstance(data, dict):
        with pytest.raises(PlatformUnavailableError, match="names no job"):
            feie_printer(Wire(ok(data))).print("job", "x", 1, now=NOW)
        with pytest.raises(PlatformUnavailableError, match="names no job"):
            yilianyun_printer(Wire({"error": "0", "body": {"id": data or ""}} if data != 5 else {"error": "0"})).print(
                "job", "x", 1, now=NOW
            )


def test_yilianyun_prints_as_the_pages_say() -> None:
    wire = Wire({"error": "0", "error_description": "success", "body": {"id": "77", "origin_id": "job"}})

    assert yilianyun_printer(wire).print("job", "奶茶\n", 1, now=NOW) == "77"

    method, url, _, headers = wire.sent[0]
    fields = wire.fields()
    assert (method, url) == ("POST", "https://open-api.10ss.net/print/index")
    assert headers["Content-Type"].startswith("application/x-www-form-urlencoded")
    assert uuid.UUID(fields.pop("id")).version == 4
    told = f"{YILIANYUN['client_id']}{NOW}{YILIANYUN['client_secret']}".encode()
    assert fields == {
        "client_id": YILIANYUN["client_id"],
        "access_token": "old",
        "timestamp": str(NOW),
        "sign": hashlib.md5(told, usedforsecurity=False).hexdigest(),
        "machine_code": YILIANYUN["machine_code"],
        "content": "奶茶\n",
        "origin_id": "job",
        "idempotence": "1",
    }


def test_yilianyuns_copies_have_numbers_of_their_own_within_32_characters() -> None:
    wire = Wire(*[{"error": 0, "body": {"id": number}} for number in (7, 8, 9)])

    assert yilianyun_printer(wire).print("a" * 32, "x", 3, now=NOW) == "7 8 9"

    origins = [wire.fields(number)["origin_id"] for number in range(3)]
    assert origins == ["a" * 32, "a" * 29 + "-1", "a" * 29 + "-2"]


@pytest.mark.parametrize("code", YILIANYUN_ERRORS)
def test_yilianyuns_refusals_are_definite(code: object) -> None:
    with pytest.raises(PrinterRefusedError, match=f"error {code}$"):
        yilianyun_printer(Wire({"error": code, "error_description": "打印机 4004600001 离线"})).print(
            "job", "x", 1, now=NOW
        )


@pytest.mark.parametrize(
    ("state", "expected"),
    [("0", port.OFFLINE), ("1", port.READY), (1, port.READY), ("2", port.ABNORMAL), (None, port.ABNORMAL)],
)
def test_yilianyuns_states(state: object, expected: str) -> None:
    assert yilianyun_printer(Wire({"error": "0", "body": {"state": state}})).state(now=NOW) == expected


def test_a_token_that_is_not_taken_is_replaced_once() -> None:
    tokens, void = Tokens(), {"error": "18", "error_description": "access_token"}
    wire = Wire(void, {"error": "0", "body": {"id": "1"}})

    assert yilianyun_printer(wire, tokens).print("job", "x", 1, now=NOW) == "1"
    assert [wire.fields(number)["access_token"] for number in range(2)] == ["old", "new"]

    with pytest.raises(PrinterRefusedError, match="not even a new one"):
        yilianyun_printer(Wire(void, void), tokens).print("job", "x", 1, now=NOW)
    assert tokens.refused == ["", "old", "", "old"]


def test_yilianyuns_token_is_asked_for_with_the_apps_signature() -> None:
    wire = Wire({"error": "0", "body": {"access_token": "t", "expires_in": 2592000}}, {"error": "0", "body": ""})

    assert yilianyun.fetch_token(wire, yilianyun.load(YILIANYUN), now=NOW) == ("t", 2592000)
    assert wire.sent[0][1] == "https://open-api.10ss.net/oauth/oauth"
    assert {name: wire.fields(0)[name] for name in ("grant_type", "scope")} == {
        "grant_type": "client_credentials",
        "scope": "all",
    }
    with pytest.raises(PlatformUnavailableError, match="no access token"):
        yilianyun.fetch_token(wire, yilianyun.load(YILIANYUN), now=NOW)


REACH = Reach(Wire(), lambda _platform, _app, _fetch: Tokens(), lambda: NOW)


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        ({}, "kind is not one of feie, yilianyun"),
        ({"kind": "epson"}, "kind is not one of"),
        ({**FEIE, "name": ""}, "name is missing"),
        ({**FEIE, "sn": None}, "sn is missing"),
        ({**FEIE, "sn": "31 65"}, "sn holds characters"),
        ({**FEIE, "user": 5}, "user is missing"),
        ({**FEIE, "ukey": ""}, "ukey is empty"),
        ({**FEIE, "ukey": "short"}, "ukey is shorter than 16"),
        ({**FEIE, "ukey": "<your UKEY>"}, "ukey is a placeholder"),
        ({**FEIE, "columns": 40}, "columns is not 32 or 48"),
        ({**FEIE, "columns": "32"}, "columns is not 32 or 48"),
        ({**FEIE, "api_base": 5}, "api_base is not text"),
        ({**YILIANYUN, "machine_code": ""}, "machine_code is missing"),
        ({**YILIANYUN, "client_id": ""}, "client_id is missing"),
        ({**YILIANYUN, "client_secret": None}, "client_secret is not text"),
    ],
)
def test_a_wrong_printer_is_refused_by_its_field(document: dict[str, Any], problem: str) -> None:
    with pytest.raises(KeysUnavailableError, match=problem):
        registry.connect(document, REACH)


def test_each_kind_is_found_by_its_word() -> None:
    found = [registry.connect({**document, "columns": 48}, REACH) for document in (FEIE, YILIANYUN)]

    assert [(one.name, one.number, one.columns) for one in found] == [
        ("kitchen", "feie#316500010", 48),
        ("bar", "yilianyun#4004600001", 48),
    ]


def test_secrets_do_not_show() -> None:
    shown = f"{feie.load(FEIE)} {yilianyun.load(YILIANYUN)}"

    assert FEIE["ukey"] not in shown
    assert YILIANYUN["client_secret"] not in shown


def test_each_maker_has_its_own_tags() -> None:
    lines = [Line("订单", is_title=True), Line("奶茶")]

    assert feie_printer(Wire()).content(lines) == "<CB>订单</CB><BR>奶茶<BR><CUT>"
    assert yilianyun_printer(Wire()).content(lines) == "<FS2><center>订单</center></FS2>\n奶茶\n"
