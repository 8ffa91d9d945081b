"""Who must act on an order: the one work list that each order is on."""

from countersign.orders.state import Order

DECIDE = "decide"  # a person must answer a question first
WAITING = "waiting"  # for its payer
TO_SHIP = "to_ship"  # paid, and not all of it is on its way
DONE = "done"
ASIDE = "aside"  # a test, or money that another order's totals count: in no count and no sum
WORK_LISTS = (DECIDE, WAITING, TO_SHIP, DONE)
ALL_LISTS = (*WORK_LISTS, ASIDE)

_OF_STATUS = {
    **dict.fromkeys(("created", "pending", "authorized", "partially_paid"), WAITING),
    **dict.fromkeys(("paid", "partially_refunded"), TO_SHIP),
}


def work_list(order: Order, status: str, *, in_review: bool) -> str:
    """Return the work list that an order is on, by its status and whether it has open questions.

    Both are derived each time that they are asked for: who writes an order has them at hand. A question comes before
    the shipment: what may have to be paid back is not to be sent. An order that was made in the platform's own shop is
    shipped there, unless the shop is told of shipments from here: then it says how far it is sent.
    """
    if order.test or order.money_of is not None:
        return ASIDE
    if in_review:
        return DECIDE
    found = _OF_STATUS.get(status, DONE)
    # Where one payment pays the whole, what is made at the platform is shipped there; and nobody here ships what could
    # be told to nobody.
    elsewhere = "ship" in order.terms.not_offered or (order.terms.external and order.terms.pays == "whole")
    shipped_elsewhere = elsewhere or order.sent == "sent"
    return DONE if found == TO_SHIP and shipped_elsewhere else found
