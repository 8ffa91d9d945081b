"""What a shop's order says of its customer, by which people may find the order, where the account wants that.

Deliveries of Shopify and Recharge name customers alike; BigCommerce's name nothing but the order.
"""

from collections.abc import Mapping
from typing import Any

from countersign.documents import as_list
from countersign.errors import KeysUnavailableError

SAID = ("email", "phone")
_PLACES = ("customer", "billing_address", "shipping_address")


def lookup_from(document: Mapping[str, object]) -> frozenset[str]:
    """Return what an account's orders are found by: nothing, unless its document has it in `lookup_from`."""
    wanted = as_list(document, "lookup_from")
    if not all(one in SAID for one in wanted):
        raise KeysUnavailableError(f"lookup_from holds something else than {', '.join(SAID)}")
    return frozenset(map(str, wanted))


def said_of(fields: Mapping[str, Any], wanted: frozenset[str]) -> set[str]:
    """Return each text that an order has of what is wanted, whoever of the customer's it belongs to."""
    if not wanted:
        return set()
    places = [fields, *(place for name in _PLACES if isinstance(place := fields.get(name), dict))]
    found = (place.get(name) for place in places for name in wanted)
    return {text for text in found if isinstance(text, str) and text}
