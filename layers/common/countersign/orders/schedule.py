"""When the platform is asked about an order that waits for its payer, and how calls are repeated."""

from countersign.orders.state import Order

# Seconds after creation, while the payer is likely to be at it; then hourly until the order expires.
POLL_DELAYS = (10, 30, 120, 600, 1800)
HOURLY = 3600
AFTER_EXPIRY = 30  # the last query, close and query come when the platform's own clock has passed the expiry too
LAST_QUERY = 300  # a payer on the password screen can still pay after the close: one more query then
DAILY = 86400
# Seconds after each call whose outcome is unknown; the number stays the same, so repeating it refunds once.
RETRY_DELAYS = (60, 120, 300, 1800, 7200, 6 * HOURLY)


def next_poll(order: Order, now: int) -> int | None:
    """Return when to ask the platform next (epoch seconds), or None where nothing is open."""
    if order.payment is not None:
        return None
    if order.closed_at is not None:
        look = order.closed_at + LAST_QUERY
        return look if look > now else None
    created, end = order.terms.created_at, order.terms.expires_at + AFTER_EXPIRY
    if order.close_asked_at is not None and order.terms.closable:
        end = min(end, max(order.close_asked_at, created + order.terms.closable_after))
    later = created + HOURLY * ((max(now - created, 0)) // HOURLY + 1)
    rung = next((created + seconds for seconds in POLL_DELAYS if created + seconds > now), later)
    if order.terms.external:  # what nobody here may close is asked about until the platform says what became of it
        return rung
    return max(now + 1, end) if end <= rung else rung


def must_close(order: Order, now: int) -> bool:
    """Tell whether the order is to be closed at the platform now."""
    if order.payment is not None or order.closed_at is not None or order.terms.external:
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
