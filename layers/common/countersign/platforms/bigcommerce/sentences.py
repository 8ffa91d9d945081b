"""What BigCommerce is called, and its own problems, to a person; see `countersign.orders.sentences`."""

from collections.abc import Mapping

SENTENCES: Mapping[str, str] = {
    "bigcommerce.name": "BigCommerce",
    "bigcommerce.refund_in_the_control_panel": "a refund was recorded in the store's control panel: no money moved by "
    "that. Refund the payment at the cashier, or say that it was refunded elsewhere",
}
