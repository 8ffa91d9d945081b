"""The cases that every platform has, in terms of what a platform can say."""

from __future__ import annotations

import json
import threading
import time
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from .engine import TRACES, Case, Failed, NotJudged, Play, said
from .platforms.base import FORGED, REPLAY

if TYPE_CHECKING:
    from .merchant import State
    from .platforms.base import Forgery, Platform
    from .wire import Message

LOST = "money that was paid is lost: the platform gives up, the order stays unpaid"
SHUT = "a platform that is answered with errors switches the address off, or blocks the whole domain"
TWICE = "goods go out twice for one payment"
PATIENCE = 90  # seconds in which a target that was killed has to be back
LESS = "goods for a hundredth of their price"


def cases_of(platform: Platform) -> list[Case]:
    """Return every case of a platform, level by level; what is judged by all answers comes last of its level."""
    return [
        *_answers(platform),
        *_garbage(platform),
        *_state(platform),
        *platform.others(),
        *_closing(platform),
        *(_fire() if platform.judges_state else []),
        *_whole(platform),
    ]


def _answers(platform: Platform) -> list[Case]:
    found = [
        Case(
            "genuine.accepted", "a genuine payment is acknowledged in the platform's own words", 1, 10, LOST, _accepted
        ),
        Case("genuine.again", "the same message again is acknowledged", 1, 8, SHUT, _again),
        Case("genuine.envelope", "the same payment as another message is acknowledged", 1, 5, SHUT, _another),
        Case(
            "genuine.spelling",
            "a genuine message in another spelling of JSON or XML is acknowledged",
            1,
            5,
            "the signature is over the bytes: whoever checks what it parsed and wrote again loses payments some day",
            _spelling,
        ),
    ]
    for forgery in platform.forgeries():
        found.append(
            Case(
                f"forged.{forgery.id}",
                ("pays nothing: " if forgery.may_be_taken else "refused: ") + forgery.title,
                1,
                forgery.weight,
                forgery.gain,
                partial(_forged, forgery),
                forgery.critical,
            )
        )
    if platform.window is not None:
        late = platform.window * 2
        found += [
            Case("fresh.old", f"refused: signed {_span(late)} ago", 1, 5, REPLAY, partial(_stale, -late)),
            Case("fresh.ahead", f"refused: signed {_span(late)} ahead", 1, 5, REPLAY, partial(_stale, late)),
        ]
    return found


def _believes_old(play: Play) -> bool:
    """Say whether signatures are checked, and their moments are not."""
    if any(one.outcome == "fail" and one.case.id.startswith("forged.") for one in play.run.results):
        return False
    old = play.platform.payment(play, play.order(), at=-(play.platform.window or 0) * 2)
    return play.platform.acknowledged(play.send_patiently(old))


def _span(seconds: int) -> str:
    return f"{seconds // 60} minutes" if seconds < 7200 else f"{seconds // 3600} hours"


def _accepted(play: Play) -> None:
    order = play.order()
    reply = play.accepts(play.platform.payment(play, order))
    if not play.platform.exact(reply):
        raise Failed(f"acknowledged, but not in the platform's words: {said(reply)} with {len(reply.body)} bytes")


def _again(play: Play) -> None:
    order = play.order()
    message = play.platform.payment(play, order)
    play.accepts(message)
    play.accepts(play.platform.repeat(play, message), "the same message, the second time,")


def _another(play: Play) -> None:
    order = play.order()
    play.accepts(play.platform.payment(play, order))
    play.accepts(play.platform.payment(play, order), "the same payment as another message")


def _spelling(play: Play) -> None:
    play.accepts(play.platform.payment(play, play.order(), spelling=True), "another spelling of a genuine message")


def _forged(forgery: Forgery, play: Play) -> None:
    order = play.victim()
    if not forgery.may_be_taken:
        try:
            play.refuses(forgery.make(play, order), forgery.title, order)
        except Failed:
            if forgery.of_old and _believes_old(play):
                raise NotJudged("old messages are believed as they are: fresh.old is about that") from None
            raise
        return
    reply = play.send_patiently(forgery.make(play, order))
    if play.stateful:
        try:
            play.stays_unpaid(order, f"{forgery.title} came, and")
        except Failed:
            play.run.victim = None
            raise
    elif play.platform.acknowledged(reply):
        raise NotJudged("it may be acknowledged: only the order shows whether it was believed")


def _stale(at: int, play: Play) -> None:
    order = play.victim()
    message, what = play.platform.payment(play, order, at=at), "a signature of another time"
    if play.platform.old_is_refused:
        play.refuses(message, what, order)
        return
    if not play.stateful:
        raise NotJudged("an old message may be acknowledged here: only the order shows whether it was believed")
    play.send_patiently(message)
    play.stays_unpaid(order, f"{what} came, and")


def _garbage(platform: Platform) -> list[Case]:
    shapes = {
        "large": ("300 kB of nothing", b"A" * 300_000),
        "bytes": ("bytes that are not UTF-8", b"\xff\xfe{\x80\x00}"),
        "deep": ("20,000 nested brackets", b"[" * 20_000 + b"]" * 20_000),
        "empty": ("an empty body", b""),
        "list": ("JSON that is a list", b'[1,2,{"id":null}]'),
    }
    found = [
        Case(
            f"garbage.{name}",
            f"no server error: {title}",
            1,
            3,
            SHUT,
            partial(_survives, title, make),
        )
        for name, (title, make) in shapes.items()
    ]
    found.append(
        Case("garbage.signed", "no server error: signed, but of a shape that nobody expects", 1, 3, SHUT, _odd)
    )
    found.append(Case("garbage.headers", "no server error: headers full of odd characters", 1, 3, SHUT, _headers))
    return found


def _survives(title: str, body: bytes, play: Play) -> None:
    message = play.platform.garbage(play, body)
    reply = play.send_patiently(message)
    _no_server_error(reply.status, title)


def _no_server_error(status: int, title: str) -> None:
    if status == 0 or status >= 500:
        raise Failed(f"{title}: " + (f"answered {status}" if status else "no answer came"))


def _odd(play: Play) -> None:
    order = play.victim()
    for content in ({"id": 1, "data": [], "resource": {"ciphertext": 5}}, {"amount": {"total": "much"}}, {}):
        reply = play.send_patiently(play.platform.payment(play, order, content=content))
        _no_server_error(reply.status, f"a signed {json.dumps(content)}")


def _headers(play: Play) -> None:
    message = play.platform.payment(play, play.victim())
    for value in ("\u00e9\u00ff", "t=,v1=,", "9" * 400, "=" * 8):
        kept = {*PLAIN, *message.secret}
        headers = tuple((name, old if name.lower() in kept else value) for name, old in message.headers)
        odd = replace(message, headers=headers)
        _no_server_error(play.send_patiently(odd).status, f"headers of {value[:8]!r}")


PLAIN = {"content-type", "user-agent", "accept", "host", "content-length", "pragma"}


def _state(platform: Platform) -> list[Case]:
    if not platform.judges_state:
        return []
    needs = ("create", "state")
    found = [
        Case("state.paid", "a genuine payment makes the order paid", 2, 10, LOST, _paid, True, needs),
        Case("state.concurrent", "20 copies at once: paid once", 2, 10, TWICE, _concurrent, True, needs),
        Case("state.envelope", "the same payment as another message: paid once", 2, 8, TWICE, _envelope, True, needs),
        Case("state.less", 'one minor unit for the order is not "paid"', 2, 10, LESS, partial(_amount, 1), True, needs),
        Case(
            "state.more",
            'more than the order asks for is not simply "paid"',
            2,
            5,
            "a payment of another order, or of another price, settles this one",
            partial(_amount, None),
            False,
            needs,
        ),
        Case(
            "state.currency",
            'the amount in another currency is not "paid"',
            2,
            8,
            "88.00 of the cheapest currency there is pays 88.00 of the dearest",
            _currency,
            True,
            needs,
        ),
        Case("state.late", "bad news that comes late does not undo a payment", 2, 5, LOST, _late, False, needs),
    ]
    amounts = {"state.less", "state.more", "state.currency"} if not platform.merchant_creates else set()
    unsaid = amounts | ({"state.currency"} if not platform.names_currency else set())
    found = [case for case in found if case.id not in unsaid]
    for word, meaning in platform.words():
        found.append(
            Case(
                f"state.word.{word.lower()}",
                f"{meaning} ({word}) does not pay the order",
                2,
                8,
                "goods for a payment that never came",
                partial(_word, word),
                True,
                needs,
            )
        )
    found.append(
        Case(
            "state.unknown",
            "a word that nobody knows changes nothing",
            2,
            5,
            "the next version of the platform's API pays orders by accident",
            partial(_word, "CONFORMANCE_ODD"),
            False,
            needs,
        )
    )
    return found


def _closing(platform: Platform) -> list[Case]:
    if not platform.judges_state or not platform.merchant_creates:
        return []
    return [
        Case(
            "state.closed",
            "money that comes after the order was closed is not forgotten",
            2,
            5,
            "the payer's money is gone, or the goods went to somebody else",
            _closed,
            False,
            ("create", "state", "close"),
        )
    ]


def _paid(play: Play) -> None:
    order = play.order()
    play.accepts(play.platform.payment(play, order))
    play.becomes_paid(order)


def _concurrent(play: Play) -> None:
    order = play.order()
    message = play.platform.payment(play, order)
    copies = [message] + [play.platform.repeat(play, message) for _ in range(19)]
    replies = play.send_together(copies)
    refused = [reply for reply in replies if not play.platform.acknowledged(reply)]
    # A conflict may be answered with an error, as the platform sends it again; then it is sent again.
    for _ in refused:
        play.send(play.platform.repeat(play, message))
    play.becomes_paid(order)
    before = play.run.merchant.state(order)
    play.send_patiently(play.platform.repeat(play, message))
    play.unchanged(order, before, "a copy")


def _envelope(play: Play) -> None:
    order = play.order()
    play.accepts(play.platform.payment(play, order))
    play.becomes_paid(order)
    before = play.run.merchant.state(order)
    for _ in range(2):
        play.send_patiently(play.platform.payment(play, order))
    play.unchanged(order, before, "the same payment as another message")


def _amount(minor: int | None, play: Play) -> None:
    order = play.order()
    message = play.platform.payment(play, order, minor=minor or order.minor + 100)
    play.send_patiently(message)
    play.stays_unpaid(order, f"told of {'one minor unit' if minor else 'more than it asks for'},")


def _currency(play: Play) -> None:
    order = play.order()
    play.send_patiently(play.platform.payment(play, order, currency="JPY" if order.currency != "JPY" else "VND"))
    play.stays_unpaid(order, "told of another currency,")


def _word(word: str, play: Play) -> None:
    order = play.order()
    play.send_patiently(play.platform.payment(play, order, word=word))
    play.stays_unpaid(order, f"told {word},")


def _late(play: Play) -> None:
    words = play.platform.words()
    if not words:
        raise NotJudged("the platform has no such news")
    order = play.order()
    play.accepts(play.platform.payment(play, order))
    play.becomes_paid(order)
    play.send_patiently(play.platform.payment(play, order, word=play.random.choice(words)[0], earlier=True))
    time.sleep(min(play.run.lag * 1.5, 2.0))
    now: State = play.run.merchant.state(order)
    if not play.is_paid(now.word):
        raise Failed(f"the paid order became {now.word!r}")


def _closed(play: Play) -> None:
    order = play.order()
    play.run.merchant.close(order)
    before = play.run.merchant.state(order).word
    _until_accepted(play, play.platform.payment(play, order))
    end = time.monotonic() + play.run.settle
    while play.run.merchant.state(order).word == before:
        if time.monotonic() > end:
            raise Failed(f"{order.label} was paid after it was closed, and is {before!r} as if nothing had been paid")
        time.sleep(0.1)


def _fire() -> list[Case]:
    needs = ("create", "state")
    return [
        Case(
            "fire.store",
            "store down: nothing acknowledged, and right afterwards",
            3,
            10,
            LOST,
            _store,
            True,
            (*needs, "store"),
        ),
        Case(
            "fire.kill",
            "killed at any moment: what was acknowledged is there afterwards",
            3,
            10,
            LOST,
            _kill,
            True,
            (*needs, "kill"),
        ),
    ]


def _store(play: Play) -> None:
    order = play.order()
    message = play.platform.payment(play, order)
    play.run.merchant.store(up=False)
    try:
        reply = play.send(message)
        if play.platform.acknowledged(reply):
            time.sleep(0.4)  # whoever means to write it later has nothing to write it to
    finally:
        play.run.merchant.store(up=True)
    if play.platform.acknowledged(reply):
        # It may have been written elsewhere first: then it is in the order soon.
        try:
            play.becomes_paid(order)
        except Failed as failed:
            raise Failed(f"acknowledged while the store was down, and lost: {failed}") from failed
        return
    if 400 <= reply.status < 500 and reply.status not in (408, 425, 429):
        raise Failed(f"the store's fault was said to be the platform's: {said(reply)}")
    _until_accepted(play, message)
    play.becomes_paid(order)


def _until_accepted(play: Play, message: Message) -> None:
    """Send it again as the platform would, until it is taken; a target that was killed needs its time."""
    end = time.monotonic() + PATIENCE
    while True:
        reply = play.send(play.platform.repeat(play, message))
        if play.platform.acknowledged(reply):
            return
        if time.monotonic() > end:
            raise Failed(f"sent again for {PATIENCE} seconds, and never acknowledged: {said(reply)}")
        time.sleep(0.3)


def _kill(play: Play) -> None:
    """Kill while a payment is on its way and right after its answer; what was acknowledged may not be lost."""
    for wait in (None, 0.0, 0.02):
        order = play.order()
        message = play.platform.payment(play, order)
        if wait is None:
            reply = play.send(message)
            play.run.merchant.kill()
        else:
            killer = threading.Timer(wait, play.run.merchant.kill)
            killer.start()
            reply = play.send(message)
            killer.join()
        if not play.platform.acknowledged(reply):
            _until_accepted(play, message)
        try:
            play.becomes_paid(order)
        except Failed as failed:
            raise Failed(f"acknowledged, then killed, and lost: {failed}") from failed


def _whole(platform: Platform) -> list[Case]:
    return [
        Case(
            "answers.errors",
            "no forgery made it a server error",
            1,
            3,
            SHUT,
            _no_errors,
        ),
        Case(
            "answers.leak",
            "no answer holds a secret or tells of the program's inside",
            1,
            5,
            "a stranger learns the keys, or what to try next",
            _leak,
        ),
        Case(
            "answers.time",
            f"95 % of answers within the platform's patience ({platform.patience:g} s)",
            1,
            5,
            "what is answered too late is sent again, and then given up",
            _time,
        ),
    ]


def _no_errors(play: Play) -> None:
    for result in play.run.results:
        if result.case.id.startswith(("forged.", "fresh.")):
            last = result.exchanges[-1:]  # what was answered "later" was sent again
            play.exchanges += [one for one in last if one.reply.status >= 500 or one.reply.status == 0]
    if play.exchanges:
        raise Failed(f"{len(play.exchanges)} forgeries {said(play.exchanges[0].reply)}")


def _leak(play: Play) -> None:
    secrets = [one.encode() for one in play.platform.secrets() if len(one) >= 8]
    for exchange in play.run.every_exchange():
        text = exchange.reply.body + b"\n" + "\n".join(value for _, value in exchange.reply.headers).encode()
        if any(secret in text for secret in secrets):
            play.exchanges.append(exchange)
            raise Failed("an answer holds a secret that both sides share")
        if TRACES.search(text):
            play.exchanges.append(exchange)
            raise Failed("an answer holds a stack trace")


def _time(play: Play) -> None:
    times = sorted(
        one.reply.seconds for result in play.run.results if result.case.level < 3 for one in result.exchanges
    )
    if times and times[int(len(times) * 0.95)] > play.platform.patience:
        raise Failed("slower than that")


__all__ = ["FORGED", "cases_of"]
