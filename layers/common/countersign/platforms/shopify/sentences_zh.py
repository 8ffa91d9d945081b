"""What Shopify is called, and its own problems, to a person in Chinese."""

from collections.abc import Mapping

SENTENCES: Mapping[str, str] = {
    "shopify.name": "Shopify",
    "shopify.data_request": "有客户要求告知 {orders} 个订单中保存的信息：须在 {days} 天内答复",
    "shopify.declined": "被拒绝：{word}",
    "shopify.not_markable": "店铺不允许将该订单标记为已付款，或其付款方式不是手动付款",
    "shopify.several_authorizations": "有多笔预授权（{numbers}）：请用 transaction_id 指明其一",
    "shopify.too_many_transactions": "该订单的资金流水太多，无法一次读完：请在店铺处理",
    "shopify.held": "订单在店铺中被搁置（{words}）：请在店铺中解除",
    "shopify.nothing_to_send": "店铺表示该订单无需发货",
    "shopify.part_without_goods": "部分发货未注明哪些商品：将随最后一次发货一并告知店铺",
    "shopify.sent_there": "店铺已自行完成发货，未使用这次发货",
    "shopify.goods_sent_there": "店铺已自行发出这些商品，未使用这次发货",
    "shopify.no_such_goods": "该订单没有需要发货的商品行 {line_id}",
    "shopify.more_to_send": "这次发货称已发出全部商品，但店铺仍有待发商品：请再登记一次其余商品的发货",
    "shopify.nothing_to_refund": "店铺里没有可退 {amount} 的付款：最多可退 {left}",
    "shopify.refund_unclear": "Shopify 曾用这笔退款的幂等键收到过另一个请求，却没有对应的退款：请在店铺查看该订单，然后重试或了结",
    "shopify.refunded_in_part": "{total} 中已退回 {amount}，其余被拒绝：请在店铺退还其余部分，然后了结这一笔",
    "shopify.no_storefront_token": "该店铺没有 storefront_private_token：无法在那里建立购物车",
}
