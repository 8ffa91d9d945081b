"""What every callback does once its message is known to be genuine."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol

from countersign.errors import MalformedError, RateLimitedError, TemporaryError
from countersign.orders.changes import AccountNews, Change, OrderKey
from countersign.orders.reasons import Reason
from countersign.runtime.entrypoint import mark_accounts
from countersign.runtime.telemetry import count, logger
from countersign.store import OrderStore, Outcome, account_names


class Message(Protocol):
    """What is used of a platform's message, once it is known to be genuine."""

    @property
    def key_id(self) -> str:
        """Return the name of the key that verified it."""

    @property
    def content(self) -> bytes:
        """Return what was signed, in one form: the same for two messages that say the same."""


def record(
    store: OrderStore,
    translate: Callable[[], Change | Sequence[Change] | AccountNews],
    message: Message,
    *,
    platform: str,
    account: str,
    raw: bytes,
    now: int,
    order_id: Callable[[], str],
    source: str = "notify",
    unsigned: bool = False,
    kept: bool = True,
    said: Iterable[str] = (),
) -> Outcome | None:
    """Translate and record a genuine message; None is returned where it is about no order or cannot be read.

    `source` names the door and `unsigned` what can only be a hint. What cannot be read is kept in quarantine, and the
    platform is asked at once about the order that it names (`order_id`); it is not `kept`, but refused, where anybody
    could fill the quarantine. What is about no order is kept as evidence, if it is signed. By what is `said` in it of
    the customer people find the order.

    When this returns the platform may be told that all is well: something durable was written, or everything that the
    message could have us write was there before. Raises RateLimitedError for too many hints, TemporaryError where the
    day has had its unreadable messages: the platform sends this one again.
    """
    names: dict[str, Any] = {"platform": platform, "account": account}
    change: Change | Sequence[Change] | AccountNews | MalformedError
    try:
        change = translate()
    except MalformedError as error:
        if not kept:
            raise
        change = error
    if isinstance(change, AccountNews) and unsigned:
        count("NewsIgnored")
        return None
    if unsigned:
        _limit_hints(store, platform, account, now)
    if not isinstance(change, AccountNews | MalformedError):
        return _recorded(store, (change,) if isinstance(change, Change) else change, raw, said, now)
    evidence = {"key_id": message.key_id, "content": message.content, "raw": raw, "now": now, **names}
    # Rare paths, here and below: their imports are not for every callback's start.
    if isinstance(change, AccountNews):
        from countersign.store.news import keep_news

        count("AccountNews")
        became = keep_news(store.client, store.table, change, **evidence)
    else:
        from countersign.store.quarantine import quarantine

        named, reason = order_id(), str(change)
        became = quarantine(
            store.client, store.table, **evidence, reason=reason, source=source, hint=unsigned, order_id=named
        )
        _report_unreadable(change, became, hint=unsigned)
        if became in ("kept", "last"):
            _ask_soon(store, OrderKey(platform, account, named), now)
    if became in ("last", "full"):
        count("EvidenceLimited")
    return None


def _recorded(store: OrderStore, changes: Sequence[Change], raw: bytes, said: Iterable[str], now: int) -> Outcome:
    outcome = store.record_message(changes, now=now, raw=raw)
    if account_names.unmarked:
        mark_accounts(store.client, store.table)
    report(outcome)
    if said and outcome.order is not None:
        from countersign.runtime import delivered_lookups

        delivered_lookups.keep(store, outcome.order, said)
    return outcome


def erase_later(
    store: OrderStore,
    message: Message,
    word: str,
    orders: Sequence[str],
    *,
    platform: str,
    account: str,
    now: int,
    if_gone: bool = False,
) -> None:
    """Note what a platform wants erased of an account's customers, for a worker; nothing where the word is empty.

    What counts `if_gone` only may be late, or repeated by anybody: nothing is erased of an account that lets us in.
    """
    if not word:
        count("ErasureIgnored")
        return
    from countersign.signing import digests
    from countersign.store.erasures import ErasureStore

    erasures = ErasureStore(store.client, store.table, platform)
    digest = digests.sha256(message.content)
    erasures.ask(account, word, orders, digest=digest, key_id=message.key_id, now=now, if_gone=if_gone)
    count("ErasureAsked")


def ask_a_person(
    store: OrderStore,
    message: Message,
    reason: Reason,
    orders: Sequence[str],
    *,
    platform: str,
    account: str,
    due_by: int,
    raw: bytes,
    now: int,
) -> None:
    """Put what a platform wants somebody to do on the list of exceptions, with its date; once for the same content.

    `raw` is the message as it came, kept with the entry until somebody saw to it.
    """
    from countersign.signing import digests
    from countersign.store import findings

    count("PersonAsked")
    subject = digests.sha256(message.content)
    row: dict[str, Any] = {"raw": raw, "key_id": message.key_id, "orders": orders, "due_by": due_by}
    findings.add(store.client, store.table, platform, account, reason, subject=subject, now=now, **row)


def _limit_hints(store: OrderStore, platform: str, account: str, now: int) -> None:
    """Raise RateLimitedError where the account has had its unsigned hints."""
    from countersign.store.throttle import count_hint

    if not count_hint(store.client, store.table, platform=platform, account=account, now=now):
        count("HintLimited")
        raise RateLimitedError("too many unsigned hints for this account")


def _report_unreadable(error: MalformedError, became: str, *, hint: bool) -> None:
    """Tell of a message that cannot be read, once; raise what has the platform send it again where it was not kept."""
    if became in ("kept", "last"):
        count("Quarantined")
        logger.error("genuine news cannot be read", extra={"reason": str(error)})
    if became == "full":
        count("EvidenceLimited")
        if hint:
            raise RateLimitedError("too many unreadable hints for this account today")
        raise TemporaryError("the account has had its unreadable messages of today")


def _ask_soon(store: OrderStore, key: OrderKey, now: int) -> None:
    """Have the platform asked about an order, if it is one of ours."""
    if not key.order_id:
        return
    from countersign.store.due import DueList

    DueList(store.client, store.table, f"{key.platform}_poll").make_due(key, now=now)


def report(outcome: Outcome) -> None:
    """Count what became of a change; what it said and why it was decided so stands in the event's row."""
    count(f"Order{outcome.outcome.capitalize()}")
    if "order.review" in outcome.emits:
        count("ReviewOpened")
    if "order.paid_late" in outcome.emits:
        count("PaidLate")
    if "settlement.failed" in outcome.emits:
        count("SettlementFailed")
    if "refund.needs_action" in outcome.emits:
        count("RefundNeedsAction")
    if "shipment.needs_action" in outcome.emits:
        count("ShipmentNeedsAction")
    if "charge.failed" in outcome.emits:
        count("ChargeFailed")
    if "charge.recovered" in outcome.emits:
        count("ChargeRecovered")
