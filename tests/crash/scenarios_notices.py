"""Notices of each channel, killed at each of their calls: everybody hears once, and no receipt is printed twice."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.crash.scenarios import LEASE_SECONDS, Scenario
from tests.crash.world_notices import notice_world

if TYPE_CHECKING:
    from sandbox.testing import Run
    from tests.crash.world_notices import NoticeWorld

STAFF, TEMPLATE = "oCrashStaff0000000000000001", "CrashTemplate"
BUYER = "oCrashPayer0000000000000001"
MESSAGE = {
    "channel": "message",
    "on": ["order.paid"],
    "to": "buyer",
    "template_id": TEMPLATE,
    "data": {"thing1": "{description}", "character_string2": "{order_id}"},
}
FEIE = {"kind": "feie", "name": "counter", "sn": "960000001", "user": "shop", "ukey": "a-key-of-the-crash-tests"}
YILIANYUN = {
    "kind": "yilianyun",
    "name": "kitchen",
    "machine_code": "4004000001",
    "client_id": "1000000001",
    "client_secret": "a-secret-of-the-crash-tests",
}
PRINT = {"channel": "print", "on": ["order.paid"]}


def _message(stage: NoticeWorld) -> None:
    stage.paid()
    stage.has_notices({"buyer": MESSAGE})
    # One consent: a message that is sent again is refused, and must not be mistaken for one that never arrived.
    wanted = {"account": "shop", "openid": BUYER, "template_id": TEMPLATE, "count": 1}
    assert stage.wechat.control("/consents", wanted)[0] == 200


def _email(stage: NoticeWorld) -> None:
    stage.paid()
    mail = {"channel": "email", "on": ["order.paid"], "to": [stage.mailbox], "from": "shop@notices.example.com"}
    stage.has_notices({"mail": {**mail, "subject": "{event} {order_id}", "text": "{paid}"}})


def _webhook(stage: NoticeWorld) -> None:
    stage.paid()
    stage.has_notices({"erp": {"channel": "webhook", "on": ["order.paid"]}})


def _feie(stage: NoticeWorld) -> None:
    stage.paid()
    stage.has_notices({"receipt": PRINT}, [FEIE, YILIANYUN])


def _yilianyun(stage: NoticeWorld) -> None:
    stage.paid()
    stage.has_notices({"receipt": PRINT}, [YILIANYUN, FEIE])


def _again(stage: NoticeWorld, _: Any) -> list[Run]:
    """Let the schedule come, and then the bus again, as it does for a run that died."""
    stage.advance(LEASE_SECONDS)
    reminded = stage.remind()
    stage.advance(LEASE_SECONDS)
    return [reminded, stage.tell()]


def _tell(stage: NoticeWorld, _: None, crash: dict[str, Any] | None) -> Run:
    return stage.tell(crash)


def _told(prepare: Any, *calls: str) -> Scenario:
    before = (
        "secretsmanager.GetSecretValue",
        "dynamodb.PutItem",  # the notice is owed
        "dynamodb.Query",  # what is due of the order
        "dynamodb.UpdateItem",  # taken
        "dynamodb.Query",  # the order with its children
    )
    done = "dynamodb.UpdateItem"
    return Scenario((*before, *calls, done), prepare, _tell, _again, notice_world)


TAKE, KEEP, REMEMBER = ("dynamodb.UpdateItem",) * 3
FEIE_API, YILIANYUN_API = "http.POST /printers/feie/Api/Open/", "http.POST /printers/yilianyun"

SCENARIOS = {
    "notice by message": _told(
        _message,
        "secretsmanager.GetSecretValue",  # the account as WeChat's client reads it
        "http.GET /wechat/v3/pay/transactions/out-trade-no/crash-0001",  # who paid
        "dynamodb.BatchGetItem",  # the app's token ...
        TAKE,
        "http.POST /wechat/cgi-bin/stable_token",
        "dynamodb.PutItem",
        REMEMBER,
        "dynamodb.BatchGetItem",  # ... which is there now
        "http.POST /wechat/cgi-bin/message/subscribe/send",
    ),
    "notice by e-mail": _told(_email, "sesv2.SendEmail"),
    "notice by webhook": _told(_webhook, "http.POST /merchant/hook"),
    "notice by Feie": _told(
        _feie,
        TAKE,  # the printer's turn
        FEIE_API,  # its state
        FEIE_API,  # its counters
        REMEMBER,
        KEEP,  # what it would be compared with
        FEIE_API,  # the receipt
        REMEMBER,
        KEEP,
    ),
    "notice by Yilianyun": _told(
        _yilianyun,
        TAKE,
        "dynamodb.BatchGetItem",  # the app's token
        TAKE,
        f"{YILIANYUN_API}/oauth/oauth",
        "dynamodb.PutItem",
        f"{YILIANYUN_API}/printer/getprintstatus",
        REMEMBER,
        KEEP,
        "dynamodb.BatchGetItem",
        f"{YILIANYUN_API}/print/index",
        REMEMBER,
        KEEP,
    ),
}
