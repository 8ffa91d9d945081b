"""What Shopify is called, and its own problems, to a person in Chinese."""

from collections.abc import Mapping

SENTENCES: Mapping[str, str] = {
    "shopify.name": "Shopify",
    "shopify.no_storefront_token": "该店铺没有 storefront_private_token：无法在那里建立购物车",
}
