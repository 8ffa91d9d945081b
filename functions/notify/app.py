"""When the bus tells something, and every minute: send the notices that accounts want."""

import time
from functools import cache, partial
from typing import Any

from countersign import aws
from countersign.accounts import Accounts
from countersign.notices import settings
from countersign.notices.channels import email, printer, webhook, wechat_message
from countersign.notices.channels.port import Delivery, envelope
from countersign.notices.channels.printer import PrinterReach
from countersign.notices.channels.wechat_message import MessageReach
from countersign.notices.outcome import Outcome
from countersign.notices.receipt import PrintSettings
from countersign.notices.settings import Email, Message, Notices
from countersign.notices.webhook import WebhookSettings
from countersign.orders.changes import OrderKey
from countersign.platforms.wechat import apps, connector
from countersign.platforms.wechat import settings as wechat_settings
from countersign.runtime import platform_http, webhook_http
from countersign.runtime.telemetry import count, invocation, logger, seconds
from countersign.store import OrderStore, codec, keys
from countersign.store.codec import Item
from countersign.store.due import DueList
from countersign.store.lists import OrderLists
from countersign.store.notices import OWNER, NoticeStore
from countersign.workers import loop
from countersign.workers.notify import NoticeWork

ENOUGH_TIME_MS = 30_000  # one notice at its longest: a message to five people who all make us wait

orders = OrderStore.from_environment()
lists = OrderLists.from_environment()
notices = NoticeStore.from_environment()
due = DueList.from_environment(OWNER)
wechat = Accounts("wechat", wechat_settings.load)


@cache
def _accounts(platform: str) -> Accounts:
    return Accounts(platform, partial(settings.load, trusted=webhook_http.trusted_origins()))


def _notices_of(key: OrderKey) -> Notices:
    found: Notices = _accounts(key.platform).load(key.account)
    return found


def _wechat(name: str) -> MessageReach:
    account = wechat.load(name)
    program = apps.mini_program(account, orders, now=lambda: int(time.time()))
    return MessageReach(connector.connect(name, account, store=orders), program)


MESSENGERS = {"wechat": _wechat}


def _printers(job: Delivery) -> PrinterReach:
    number = printer.job_of(f"{job.told.event}#{job.notice.name}")
    printers = _notices_of(job.told.key).printers
    return PrinterReach(orders, platform_http.session(), printers, number, lambda: int(time.time()))


def _send(job: Delivery) -> Outcome:
    match job.notice.content:
        case Message() as message:
            return wechat_message.send(message, job, MESSENGERS.get(job.told.key.platform))
        case Email() as mail:
            return email.send(mail, job, aws.client("sesv2"))
        case PrintSettings() as paper:
            reach = _printers(job)
            return printer.send(paper, job.facts, job.memo, job.remember, reach=reach, now=job.now)
        case WebhookSettings() as target:
            return webhook.send(target, envelope(job), session=webhook_http.session(), now=job.now)
    return Outcome("failed", f"the account document: {job.notice.problem}")


def _work(failed_calls: dict[tuple[str, str], int], now: int) -> NoticeWork:
    return NoticeWork(notices, lists, _notices_of, _send, failed_calls, now)


def _report(item: Item, outcome: Outcome) -> None:
    if outcome.state not in ("failed", "unknown"):
        count(f"Notice{outcome.state.capitalize()}")
        return
    count("NoticeFailed")
    logger.error("notice not sent", extra={"notice": codec.as_text(item, "name"), "reason": outcome.reason})


@invocation
def lambda_handler(event: dict[str, Any], context: Any) -> None:
    """Owe what the bus asks for, then send what is due until little time is left; the due list owns the rest."""
    now = int(time.time())
    failed_calls: dict[tuple[str, str], int] = {}
    if event["source"] == "countersign" and not _work(failed_calls, now).enqueue(event["detail-type"], event["detail"]):
        return

    states: set[str] = set()

    def look(item: Item, now: int) -> bool:
        outcome = _work(failed_calls, now).look(item)
        if outcome is not None:
            states.add(outcome.state)
            _report(item, outcome)
        return outcome is not None

    def work(now: int) -> int:
        items = loop.waiting(event, due, now, kind=keys.NOTICE)
        return loop.work(
            items, context, look, enough_ms=ENOUGH_TIME_MS, worked="NoticeTried", failed="NoticeNotSettled"
        )

    seconds("NoticeOverdueSeconds", work(now))
    if "replaced" in states:  # what takes over need not wait for the next minute
        work(int(time.time()))
