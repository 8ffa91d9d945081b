"""When the bus tells something, and every minute: send the notices that accounts want."""

import time
from functools import cache, partial
from typing import Any

from countersign import aws
from countersign.accounts import Accounts
from countersign.actions import notice_email, notice_message, notice_print, notice_webhook, wechat_apps
from countersign.actions.notice_message import MessageReach
from countersign.actions.notice_print import PrinterReach
from countersign.actions.notices import Job, NoticeWork, envelope
from countersign.actions.wechat_ask import Reach
from countersign.notices import settings
from countersign.notices.outcome import Outcome
from countersign.notices.receipt import PrintSettings
from countersign.notices.settings import Email, Message, Notices
from countersign.notices.webhook import WebhookSettings
from countersign.orders.changes import OrderKey
from countersign.platforms.wechat import settings as wechat_settings
from countersign.platforms.wechat.client import Client
from countersign.runtime import egress, outbound, worker
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


def _work(vain: dict[tuple[str, str], int], now: int) -> NoticeWork:
    return NoticeWork(notices, lists, _notices_of, _send, vain, now)


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
    vain: dict[tuple[str, str], int] = {}
    if event["source"] == "countersign" and not _work(vain, now).owe(event["detail-type"], event["detail"]):
        return

    states: set[str] = set()

    def look(item: Item, now: int) -> bool:
        outcome = _work(vain, now).look(item)
        if outcome is not None:
            states.add(outcome.state)
            _report(item, outcome)
        return outcome is not None

    def work(now: int) -> int:
        items = worker.waiting(event, due, now, kind=keys.NOTICE)
        return worker.work(
            items, context, look, enough_ms=ENOUGH_TIME_MS, worked="NoticeTried", failed="NoticeNotSettled"
        )

    seconds("NoticeOverdueSeconds", work(now))
    if "replaced" in states:  # what takes over need not wait for the next minute
        work(int(time.time()))
