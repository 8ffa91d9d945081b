"""What Shopify is called, and its own problems, to a person; see `countersign.orders.sentences`."""

from collections.abc import Mapping

SENTENCES: Mapping[str, str] = {
    "shopify.name": "Shopify",
    "shopify.data_request": "a customer wants to know what is kept of {orders} orders: answer within {days} days",
    "shopify.no_storefront_token": "the shop has no storefront_private_token: nobody can make carts there",
}
