"""When the platform is asked about an order that waits for its payer, and how calls are repeated."""

from countersign.orders.state import Order

# Seconds after creation, while the payer is likely to be at it; then hourly until the order expires.
POLL_DELAYS = (10, 30, 120, 600, 1800)  # a platform may repeat its callbacks for half an hour only
HOURLY = 3600
AFTER_EXPIRY = 30  # the last query, close and query come when the platform's own clock has passed the expiry too
LAST_QUERY = 300  # a payer on the password screen can still pay after the close: one more query then
DAILY = 86400
LAST_CLAIM_QUERY = 30 * DAILY  # after the expiry of an order whose money does not fit
LAST_EXTERNAL_QUERY = 90 * DAILY  # after the expiry of an order that only the platform can end
# Seconds after each call whose outcome is unknown; the number stays the same, so repeating it refunds once.
RETRY_DELAYS = (60, 120, 300, 1800, 7200, 6 * HOURLY)


def next_poll(order: Order, now: int) -> int | None:
    """Return when to ask the platform next (epoch seconds), or None where nothing is open.

    Nothing is asked about for ever: where the platform should have ended an order and says nothing of the kind, it is
    asked daily, for a month.
    """
    if order.terms.pays == "parts":
        return _next_poll_in_parts(order, now)
    if order.payment is not None or order.refunded_in_review:
        return None
    if order.closed_at is not None:
        look = order.closed_at + LAST_QUERY
        return look if look > now else None
    created, end = order.terms.created_at, order.terms.expires_at + AFTER_EXPIRY
    if order.close_asked_at is not None and order.terms.closable:
        end = min(end, max(order.close_asked_at, created + order.terms.closable_after))
    rung = _next_rung(created, now)
    if order.terms.external:  # what nobody here may close is asked about until the platform says what became of it
        return rung if now < end + LAST_EXTERNAL_QUERY else None
    if order.claims and now >= end:  # money came that does not fit: people decide, and the platform takes no more
        return _next_day(end, now) if now < end + LAST_CLAIM_QUERY else None
    return max(now + 1, end) if end <= rung else rung


def _next_poll_in_parts(order: Order, now: int) -> int | None:
    if "query" in order.terms.not_offered:
        return None
    expected_at = order.newest.expected_at if order.newest is not None else None
    if order.newest is not None and expected_at is not None:
        if now < expected_at:
            return expected_at
        # What was pushed with something missing is read at once; what was read is read again a day later.
        again = _next_day(expected_at, now) if order.newest.read_at else now
        return again if now < expected_at + LAST_EXTERNAL_QUERY else None
    if order.status not in ("pending", "authorized", "partially_paid", "review"):
        return None
    end = order.terms.expires_at + AFTER_EXPIRY
    if now < end:
        return _next_rung(order.terms.created_at, now)
    return _next_day(end, now) if now < end + LAST_EXTERNAL_QUERY else None


def _next_rung(created: int, now: int) -> int:
    later = created + HOURLY * (max(now - created, 0) // HOURLY + 1)
    return next((created + seconds for seconds in POLL_DELAYS if created + seconds > now), later)


def _next_day(since: int, now: int) -> int:
    return since + DAILY * (max(now - since, 0) // DAILY + 1)


def must_close(order: Order, now: int) -> bool:
    """Tell whether the order is to be closed at the platform now."""
    if order.payment is not None or order.ended_at is not None or order.terms.external:
        return False
    expired = now >= order.terms.expires_at + AFTER_EXPIRY
    asked = (
        order.terms.closable
        and order.close_asked_at is not None
        and now >= order.terms.created_at + order.terms.closable_after
    )
    return expired or asked


def retry_refund_at(looks: int, now: int) -> int:
    """Return when to call again after `looks` calls of unknown outcome."""
    return now + RETRY_DELAYS[min(looks, len(RETRY_DELAYS) - 1)]
