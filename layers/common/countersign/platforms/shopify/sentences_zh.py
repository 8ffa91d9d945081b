"""What Shopify is called, and its own problems, to a person in Chinese."""

from collections.abc import Mapping

SENTENCES: Mapping[str, str] = {
    "shopify.name": "Shopify",
    "shopify.data_request": "有客户要求告知 {orders} 个订单中保存的信息：须在 {days} 天内答复",
    "shopify.no_storefront_token": "该店铺没有 storefront_private_token：无法在那里建立购物车",
}
