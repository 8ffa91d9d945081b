"""When the platform is asked about an order that waits for its payer."""

from countersign.orders.state import Order

# Seconds after creation, while the payer is likely to be at it; then hourly until the order expires.
RUNGS = (10, 30, 120, 600, 1800)  # Douyin's trade system repeats its callbacks for 29 minutes only
HOURLY = 3600
AFTER_EXPIRY = 30  # the last query, close and query come when the platform's own clock has passed the expiry too
LAST_LOOK = 300  # a payer on the password screen can still pay after the close: one more query then
EARLIEST_CLOSE = 300  # WeChat refuses to close a younger order, and its paid news may still travel


def next_look(order: Order, now: int) -> int | None:
    """Return when to ask the platform next (epoch seconds), or None where nothing is open."""
    if order.payment is not None:
        return None
    if order.closed_at is not None:
        look = order.closed_at + LAST_LOOK
        return look if look > now else None
    created, end = order.terms.created_at, order.terms.expires_at + AFTER_EXPIRY
    if order.close_asked_at is not None:
        end = min(end, max(order.close_asked_at, created + EARLIEST_CLOSE))
    later = created + HOURLY * ((max(now - created, 0)) // HOURLY + 1)
    rung = next((created + seconds for seconds in RUNGS if created + seconds > now), later)
    return max(now + 1, end) if end <= rung else rung


def must_close(order: Order, now: int) -> bool:
    """Tell whether the order is to be closed at the platform now."""
    if order.payment is not None or order.closed_at is not None:
        return False
    expired = now >= order.terms.expires_at + AFTER_EXPIRY
    asked = order.close_asked_at is not None and now >= order.terms.created_at + EARLIEST_CLOSE
    return expired or asked
