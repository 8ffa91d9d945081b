"""Who must act on an order: the one work list that each order is on."""

from countersign.orders.state import Order

WAITING = "waiting"  # for its payer
DECIDE = "decide"  # a person must answer a question first
TO_SHIP = "to_ship"  # paid, and not all of it is on its way
DONE = "done"
WORK_LISTS = (WAITING, DECIDE, TO_SHIP, DONE)


def work_list(order: Order) -> str:
    """Return the work list that an order is on.

    A question comes before the shipment: what may have to be paid back is not to be sent. An order that was made in the
    platform's own shop is shipped there.
    """
    if order.review_items:
        return DECIDE
    if order.payment is None:
        return DONE if order.closed_at is not None or order.failed else WAITING
    if order.status == "refunded" or order.terms.external or order.shipped == "sent":
        return DONE
    return TO_SHIP
