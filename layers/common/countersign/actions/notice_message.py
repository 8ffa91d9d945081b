"""Send a notice as a WeChat subscription message, to staff or to the buyer."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from countersign.actions.notices import Job
from countersign.actions.wechat_ask import Reach
from countersign.errors import PlatformUnavailableError
from countersign.notices import content
from countersign.notices.outcome import Outcome
from countersign.notices.settings import Message
from countersign.orders.state import Order
from countersign.platforms.wechat.miniprogram import (
    DAILY_LIMIT,
    MiniProgram,
    MiniProgramBusyError,
    MiniProgramRefusedError,
)
from countersign.signing import digests

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
class MessageReach:
    """An account's WeChat Pay, which knows the buyer, and its mini program, which sends."""

    pay: Reach
    program: MiniProgram


def send(message: Message, job: Job, reach_for: Callable[[str], MessageReach]) -> Outcome:
    """Send to each person; who got it already, or cannot be reached at all, is not tried again.

    Raises PlatformUnavailableError where nothing could be tried.
    """
    if job.facts.key.platform != "wechat":
        return Outcome("failed", "subscription messages exist on WeChat only")
    reach = reach_for(job.facts.key.account)
    people = message.to
    if not people:
        buyer = _buyer(job.facts.order, reach.pay)
        if not buyer:
            return Outcome("failed", "WeChat names no payer of the order whom this mini program could write to")
        people = (buyer,)
    reach.program.ready()  # so that nothing but the message itself is in doubt afterwards
    memo, results = dict(job.memo), []
    for person in people:
        # An openid is personal: what is remembered is a digest that belongs to this event alone.
        mark = digests.sha256(f"{job.event} {person}".encode())[:16]
        results.append(_send_one(message, job, reach.program, person, memo, mark))
    return _together(results)


def _send_one(
    message: Message, job: Job, program: MiniProgram, person: str, memo: dict[str, str], mark: str
) -> tuple[str, str]:
    """Send to one person; return the state and why."""
    before = memo.get(mark, "")
    if before and before != "asked":
        state, _, code = before.partition(" ")
        return state, REFUSALS.get(int(code or 0), f"WeChat refused: errcode {code}") if code else ""
    memo[mark] = "asked"
    job.remember(memo)
    state, code, reason = "sent", 0, ""
    try:
        program.call(PATH, _body(message, job, person))
    except MiniProgramRefusedError as error:
        code = error.code
        # After an attempt without an answer: the consent is gone because that message used it.
        state = "sent" if code == NO_CONSENT and before else "failed"
    except MiniProgramBusyError as error:
        state, code, reason = ("failed", error.code, "") if error.code == DAILY_LIMIT else ("again", 0, str(error))
    except PlatformUnavailableError as error:
        state, reason = "again", str(error)
    if state == "failed":
        reason = REFUSALS.get(code, f"WeChat refused: errcode {code}")
    if state != "again":
        memo[mark] = f"failed {code}" if state == "failed" else state
        if len(message.to) > 1:
            job.remember(memo)
    return state, reason


def _body(message: Message, job: Job, person: str) -> dict[str, Any]:
    values = content.values(job.facts)
    body: dict[str, Any] = {
        "touser": person,
        "template_id": message.template_id,
        "data": {
            key: {"value": content.template_value(key, content.fill(text, values), at=job.facts.at)}
            for key, text in message.data
        },
        "miniprogram_state": message.state,
        "lang": "zh_CN",
    }
    if message.page:
        body["page"] = content.fill(message.page, values)
    return body


def _buyer(order: Order | None, pay: Reach) -> str:
    """Return who paid, as WeChat says it now: openids are not kept here."""
    if order is None or order.terms.appid not in ("", pay.settings.appid):
        return ""
    if order.terms.payer:
        return order.terms.payer
    answer = pay.client.query(order.key.order_id, system=order.terms.system)
    return answer.message.openid if answer else ""


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
