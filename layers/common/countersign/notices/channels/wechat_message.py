"""Send a notice as a WeChat subscription message, to staff or to the buyer."""

import time
from dataclasses import dataclass
from functools import partial
from typing import Any

from countersign.accounts import Accounts
from countersign.errors import PlatformUnavailableError
from countersign.notices import content
from countersign.notices.channels.port import Delivery
from countersign.notices.outcome import Outcome
from countersign.notices.wechat_message import Message, template_value
from countersign.orders.state import Order
from countersign.platforms.port import Connectors
from countersign.platforms.wechat import apps, connector, payments
from countersign.platforms.wechat import settings as wechat_settings
from countersign.platforms.wechat.connector import Connector
from countersign.platforms.wechat.miniprogram import (
    DAILY_LIMIT,
    MiniProgram,
    MiniProgramBusyError,
    MiniProgramRefusedError,
)
from countersign.platforms.wechat.settings import Settings
from countersign.signing import digests
from countersign.store import OrderStore

PATH = "/cgi-bin/message/subscribe/send"
NO_CONSENT = 43101
# https://developers.weixin.qq.com/miniprogram/dev/OpenApiDoc/mp-message-management/subscribe-message/sendMessage.html
REFUSALS = {
    NO_CONSENT: "no consent is left: each allows one message, and people give them in the mini program",
    40003: "the openid is not one of this mini program's",
    40037: "the template is not one of this mini program's",
    41030: "the page is not one of this mini program's",
    47003: "the template does not take these values",
    DAILY_LIMIT: "WeChat's daily limit of messages is used up",
}


@dataclass(frozen=True, slots=True)
class Messenger:
    """An account's WeChat Pay, which knows the buyer, and its mini program, which sends."""

    pay: Connector
    program: MiniProgram


def connect(name: str, settings: Settings, *, store: OrderStore) -> Messenger:
    """Return the messenger of an account; `store` holds the token that all processes share."""
    program = apps.mini_program(settings, store, now=lambda: int(time.time()))
    return Messenger(connector.connect(name, settings, store=store), program)


def connectors(store: OrderStore) -> Connectors[Messenger]:
    """Return the messengers of all accounts that can have one: those of WeChat."""
    return Connectors(Accounts("wechat", wechat_settings.load), partial(connect, store=store))


def send(message: Message, job: Delivery, messengers: Connectors[Messenger]) -> Outcome:
    """Send to each person; who got it already, or cannot be reached at all, is not tried again.

    Raises PlatformUnavailableError where nothing could be tried.
    """
    if job.facts.key.platform != messengers.accounts.platform:
        return Outcome("failed", "the platform of this account has no such messages")
    messenger = messengers(job.facts.key.account)
    people = message.to
    if not people:
        buyer = _buyer(job.facts.order, messenger.pay)
        if not buyer:
            return Outcome("failed", "WeChat names no payer of the order whom this mini program could write to")
        people = (buyer,)
    messenger.program.ready()  # so that nothing but the message itself is in doubt afterwards
    memo, results = dict(job.memo), []
    for person in people:
        # An openid is personal: what is remembered is a digest that belongs to this event alone.
        mark = digests.sha256(f"{job.event.id} {person}".encode())[:16]
        results.append(_send_one(message, job, messenger.program, person, memo, mark))
    if "again" in dict(results):
        job.remember(memo)  # who got it gets it no second time
    return _together(results)


def _send_one(
    message: Message, job: Delivery, program: MiniProgram, person: str, memo: dict[str, str], mark: str
) -> tuple[str, str]:
    """Send to one person; return the state and why."""
    before, _, code = memo.get(mark, "").partition(" ")
    if before in ("sent", "failed"):
        return before, _sentence(int(code)) if code else ""
    memo[mark] = "asked"
    job.remember(memo)
    try:
        program.call(PATH, _body(message, job, person))
    except (MiniProgramRefusedError, MiniProgramBusyError) as error:
        if isinstance(error, MiniProgramBusyError) and error.code != DAILY_LIMIT:
            return "again", str(error)
        # No consent after an attempt without an answer: that message has used it.
        if error.code != NO_CONSENT or not before:
            memo[mark] = f"failed {error.code}"
            return "failed", _sentence(error.code)
    except PlatformUnavailableError as error:
        return "again", str(error)
    memo[mark] = "sent"
    return "sent", ""


def _sentence(code: int) -> str:
    return REFUSALS.get(code, f"WeChat refused: errcode {code}")


def _body(message: Message, job: Delivery, person: str) -> dict[str, Any]:
    values = content.values(job.facts)
    body: dict[str, Any] = {
        "touser": person,
        "template_id": message.template_id,
        "data": {
            key: {"value": template_value(key, content.fill(text, values), at=values["at"])}
            for key, text in message.data
        },
        "miniprogram_state": message.state,
        "lang": "zh_CN",
    }
    if message.page:
        body["page"] = content.fill(message.page, values)
    return body


def _buyer(order: Order | None, pay: Connector) -> str:
    """Return who paid, as WeChat says it now: openids are not kept here."""
    own = pay.settings.payer_appid
    if order is None or order.terms.appid not in ("", own):
        return ""
    answer = pay.client.query(order.key.order_id, system=order.terms.system)
    appid, openid = payments.payer_of(answer.message, pay.settings) if answer else ("", "")
    return openid if appid in ("", own) else ""


def _together(results: list[tuple[str, str]]) -> Outcome:
    """Return what became of all messages of a notice: somebody knows as soon as one has arrived."""
    states = [state for state, _ in results]
    reasons = "; ".join(dict.fromkeys(reason for _, reason in results if reason))
    if "again" in states:
        return Outcome("again", reasons)
    if "sent" not in states:
        return Outcome("failed", reasons)
    missed = len(states) - states.count("sent")
    return Outcome("sent", f"{missed} of {len(states)} did not get it: {reasons}" if missed else "")
