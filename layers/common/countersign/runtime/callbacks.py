"""What every callback does once its message is known to be genuine."""

from collections.abc import Callable

from countersign.errors import MalformedError, RateLimitedError
from countersign.orders.changes import Change, Hint
from countersign.runtime.telemetry import count, logger
from countersign.store import OrderStore, Outcome
from countersign.store.quarantine import quarantine
from countersign.store.throttle import count_hint


def record(
    store: OrderStore,
    translate: Callable[[], Change],
    *,
    platform: str,
    account: str,
    key_id: str,
    raw: bytes,
    now: int,
    source: str = "notify",
    unsigned: bool = False,
    kept: bool = True,
) -> Outcome | None:
    """Translate and record genuine news; what cannot be read is kept in quarantine, and None is returned.

    For that, `source` names the door and `unsigned` what can only be a hint; it is not `kept`, but refused, where
    anybody could fill the quarantine.

    Either way something durable was written when this returns, so that the platform may be told that all is well.
    """
    try:
        change = translate()
    except MalformedError as error:
        if not kept:
            raise
        quarantine(
            store.client,
            store.table,
            platform=platform,
            account=account,
            key_id=key_id,
            reason=str(error),
            raw=raw,
            now=now,
            source=source,
            hint=unsigned,
        )
        count("Quarantined")
        logger.error("genuine news cannot be read", extra={"reason": str(error)})
        return None
    hint = isinstance(change.trust, Hint)
    if hint and not count_hint(store.client, store.table, platform=platform, account=account, now=now):
        count("HintLimited")
        raise RateLimitedError("too many unsigned hints for this account")
    outcome = store.record(change, now=now, raw=raw)
    report(outcome)
    return outcome


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
