"""What BigCommerce is called, and its own problems, to a person; see `countersign.orders.sentences`."""

from collections.abc import Mapping

SENTENCES: Mapping[str, str] = {
    "bigcommerce.name": "BigCommerce",
    "bigcommerce.script_never_ran": "this order waits for its payment, and no page asked for one: the script is not "
    "in the store's confirmation page, or does not run there. Send the shopper a payment link",
    "bigcommerce.reopened": "the store closed the order in the very moment in which it was marked as paid, and the "
    "mark came later: look at the order in the control panel",
    "bigcommerce.refund_in_the_control_panel": "a refund was recorded in the store's control panel: no money moved by "
    "that. Refund the payment at the cashier, or say that it was refunded elsewhere",
    "bigcommerce.manual_review": "the order was paid while the store had it under manual verification or in dispute: "
    "its status was left as it is",
}
