"""What Shopify is called, and its own problems, to a person; see `countersign.orders.sentences`."""

from collections.abc import Mapping

SENTENCES: Mapping[str, str] = {
    "shopify.name": "Shopify",
    "shopify.no_storefront_token": "the shop has no storefront_private_token: nobody can make carts there",
}
