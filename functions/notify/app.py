"""When the bus tells something, and every minute: send the notices that accounts want."""

import time
from collections.abc import Iterable
from functools import cache, partial
from typing import Any

from countersign import aws
from countersign.accounts import Accounts
from countersign.actions import notice_email, notice_message, notice_print, notice_webhook, wechat_apps
from countersign.actions.notice_message import MessageReach
from countersign.actions.notice_print import PrinterReach
from countersign.actions.notices import Job, NoticeWork, envelope
from countersign.actions.wechat_ask import Reach
from countersign.errors import CountersignError
from countersign.notices import settings
from countersign.notices.outcome import Outcome
from countersign.notices.receipt import PrintSettings
from countersign.notices.settings import Email, Message, Notices
from countersign.notices.webhook import WebhookSettings
from countersign.orders.changes import OrderKey
from countersign.platforms.wechat import settings as wechat_settings
from countersign.platforms.wechat.client import Client
from countersign.runtime import egress, outbound
from countersign.runtime.telemetry import count, invocation, logger, seconds
from countersign.signing import nonces
from countersign.store import OrderStore, codec, keys
from countersign.store.codec import Item
from countersign.store.due import DueList
from countersign.store.lists import OrderLists
from countersign.store.notices import OWNER, NoticeStore

ENOUGH_TIME_MS = 30_000  # one notice at its longest: a message to five people who all make us wait

orders = OrderStore.from_environment()
lists = OrderLists.from_environment()
notices = NoticeStore.from_environment()
due = DueList.from_environment(OWNER)
wechat = Accounts("wechat", wechat_settings.load)


@cache
def _accounts(platform: str) -> Accounts:
    return Accounts(platform, partial(settings.load, trusted=egress.trusted_origins()))


def _notices_of(key: OrderKey) -> Notices:
    found: Notices = _accounts(key.platform).load(key.account)
    return found


def _wechat(name: str) -> MessageReach:
    account = wechat.load(name)
    client = Client(outbound.session(), account, now=lambda: int(time.time()), nonce=nonces.nonce)
    program = wechat_apps.mini_program(account, orders, now=lambda: int(time.time()))
    return MessageReach(Reach(account, client), program)


MESSENGERS = {"wechat": _wechat}


def _printers(job: Job) -> PrinterReach:
    number = notice_print.job_of(f"{job.told.event}#{job.notice.name}")
    printers = _notices_of(job.told.key).printers
    return PrinterReach(orders, outbound.session(), printers, number, lambda: int(time.time()))


def _send(job: Job) -> Outcome:
    match job.notice.content:
        case Message() as message:
            return notice_message.send(message, job, MESSENGERS.get(job.told.key.platform))
        case Email() as email:
            return notice_email.send(email, job, aws.client("sesv2"))
        case PrintSettings() as paper:
            reach = _printers(job)
            return notice_print.send(paper, job.facts, job.memo, job.remember, reach=reach, now=job.now)
        case WebhookSettings() as webhook:
            return notice_webhook.send(webhook, envelope(job), session=egress.session(), now=job.now)
    return Outcome("failed", f"the account document: {job.notice.problem}")


def _work(vain: dict[tuple[str, str], int]) -> NoticeWork:
    return NoticeWork(notices, lists, _notices_of, _send, vain, int(time.time()))


def _waiting(event: dict[str, Any], now: int) -> Iterable[Item]:
    """Return what is due: of the order that the bus tells of, or of all orders."""
    if event["source"] == "countersign":
        key = _work({}).owe(event["detail-type"], event["detail"])
        return due.due_of(key, keys.NOTICE, now) if key else ()
    return due.due(now)


@invocation
def lambda_handler(event: dict[str, Any], context: Any) -> None:
    """Owe what the bus asks for, then send what is due until little time is left; the due list owns the rest."""
    started = int(time.time())
    overdue = 0
    vain: dict[tuple[str, str], int] = {}
    for item in _waiting(event, started):
        if context.get_remaining_time_in_millis() < ENOUGH_TIME_MS:
            break
        overdue = max(overdue, int(time.time()) - (codec.as_number(item, "due_at") or started))
        try:
            outcome = _work(vain).look(item)
        except CountersignError as error:
            count(type(error).__name__)
            logger.error("notice not settled", extra={"error": type(error).__name__, "reason": str(error)})
            continue
        if outcome is None:
            continue
        if outcome.state not in ("failed", "unknown"):
            count(f"Notice{outcome.state.capitalize()}")
        else:
            count("NoticeFailed")
            name = codec.as_text(item, "name")
            logger.error("notice not sent", extra={"notice": name, "reason": outcome.reason})
    seconds("NoticeOverdueSeconds", overdue)
