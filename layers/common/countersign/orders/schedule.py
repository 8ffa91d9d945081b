"""When the platform is asked about an order that waits for its payer, or about a refund that is on its way."""

from countersign.orders.state import Order, Refund, Shipment

# Seconds after creation, while the payer is likely to be at it; then hourly until the order expires.
POLL_DELAYS = (10, 30, 120, 600, 1800)  # a platform may repeat its callbacks for half an hour only
HOURLY = 3600
AFTER_EXPIRY = 30  # the last query, close and query come when the platform's own clock has passed the expiry too
LAST_QUERY = 300  # a payer on the password screen can still pay after the close: one more query then
# Seconds since the platform took a refund; then daily, as a bank may take days.
REFUND_QUERY_DELAYS = (60, 300, 1800, 7200)
DAILY = 86400
LAST_REFUND_QUERY = 30 * DAILY
# Seconds after each call whose outcome is unknown; the number stays the same, so repeating it refunds once.
RETRY_DELAYS = (60, 120, 300, 1800, 7200, 6 * HOURLY)
# Seconds after each call about a shipment that was not taken: a payment may be unknown there for up to a minute.
SHIPMENT_RETRY_DELAYS = (15, 30, 60, 300, 1800, 7200, 6 * HOURLY)
SHIPMENT_PATIENCE = DAILY  # then a refusal that might have passed is a person's
LAST_SHIPMENT_QUERY = 30 * DAILY


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
    terms = order.terms
    asked = terms.closable and order.close_asked_at is not None and now >= terms.created_at + terms.closable_after
    return expired or asked


def next_refund_step(refund: Refund, since: int, now: int) -> int | None:
    """Return when to do something about a refund that has its status since `since`, or None where nothing is open.

    An approved one is to be made now. One that the platform could not pay out is asked about daily, for staff may have
    helped it in the platform's console; a failed one until a query has confirmed it.
    """
    unconfirmed = refund.status == "failed" and not refund.released
    if refund.status == "approved" or (unconfirmed and since >= now):
        return now
    if not (unconfirmed or refund.status == "processing" or (refund.status == "needs_action" and not refund.refused)):
        return None
    daily = since + DAILY * (max(now - since, 0) // DAILY + 1)
    look = next((since + seconds for seconds in REFUND_QUERY_DELAYS if since + seconds > now), daily)
    return look if look <= since + LAST_REFUND_QUERY else None


def next_audit(refund: Refund, now: int) -> int:
    """Return when to look at a refund about which the platform waits for us.

    A decision is told now; without one the platform decides at its deadline, and then it is asked what it made of it.
    """
    return max(refund.audit_by + 60, now) if refund.status == "requested" else now


def retry_refund_at(looks: int, now: int) -> int:
    """Return when to call again after `looks` calls of unknown outcome."""
    return now + RETRY_DELAYS[min(looks, len(RETRY_DELAYS) - 1)]


def next_shipment_step(shipment: Shipment, now: int) -> int | None:
    """Return when to do something about a shipment, or None where nothing is open.

    About one that waits for a person the platform is asked daily: staff may have shipped in the platform's console.
    """
    if shipment.status == "needs_action" and now + DAILY <= shipment.requested_at + LAST_SHIPMENT_QUERY:
        return now + DAILY
    return now if shipment.status == "recorded" else None


def retry_shipment_at(looks: int, now: int) -> int:
    """Return when to tell the platform again of a shipment, after `looks` looks in failed_calls."""
    return now + SHIPMENT_RETRY_DELAYS[min(looks, len(SHIPMENT_RETRY_DELAYS) - 1)]
