"""What Douyin's own problems say to a person in Chinese."""

from collections.abc import Mapping

SENTENCES: Mapping[str, str] = {
    "douyin.name": "抖音",
    "douyin.no_order_sync": "担保支付只能通过订单同步得知发货，而这个订单没有同步：创建时缺少 payer.openid，或账户没有 app_secret，"
    "或 order_sync 为 false。请由小程序自己的后台告知抖音",
    "douyin.refund_failed": "抖音退款失败，多半是可提现余额不足：再次尝试是一笔新的退款",
    "douyin.refund_refused": "抖音拒绝了退款（代码 {code}）：请在抖音后台查看订单，按提示修正后重试；再次尝试会使用新的退款号",
    "douyin.shipment_refused": "抖音拒绝了发货信息（代码 {code}）：请在抖音后台查看订单；如果代码与状态有关，则账户文档中的 fulfil 填错了",
}
