"""The ways into a shop's checkout that need no token: cart permalinks."""

from collections.abc import Mapping, Sequence
from urllib.parse import quote

from countersign.errors import MalformedError
from countersign.platforms.shopify.settings import is_shop

MOST_ITEMS = 250
REFERENCE = "reference"  # the attribute of a cart, and of its order, that holds the merchant's own number


def permalink(shop: str, items: Sequence[tuple[int, int]], parameters: Mapping[str, str]) -> str:
    """Return the address that opens a checkout with these (variant, quantity); MalformedError says what is wrong.

    Variants are numbers of variants, not of products; selling plans cannot be in it. Parameters are Shopify's own, such
    as `discount`, `note`, `checkout[email]` or `attributes[reference]`.
    """
    # https://help.shopify.com/en/manual/products/details/checkout-link
    if not is_shop(shop):
        raise MalformedError("shop is not a name of a shop")
    if not 1 <= len(items) <= MOST_ITEMS:
        raise MalformedError("a cart has 1 to 250 lines")
    if any(variant < 1 or quantity < 1 for variant, quantity in items):
        raise MalformedError("variants and quantities are positive")
    lines = ",".join(f"{variant}:{quantity}" for variant, quantity in items)
    query = "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in parameters.items())
    return f"https://{shop}/cart/{lines}" + (f"?{query}" if query else "")
