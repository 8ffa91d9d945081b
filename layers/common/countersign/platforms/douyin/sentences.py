"""What Douyin's own problems say to a person."""

from collections.abc import Mapping

SENTENCES: Mapping[str, str] = {
    "douyin.name": "Douyin",
    "douyin.no_order_sync": "guaranteed payment hears of goods only by order sync, and this order has none: "
    "payer.openid was missing when it was created, or the account has no app_secret or order_sync is false. Tell "
    "Douyin by the app's own back end",
    "douyin.refund_failed": "Douyin failed the refund, mostly because the balance that can be withdrawn does not "
    "cover it: a new attempt is a new refund",
    "douyin.refund_refused": "Douyin refused the refund (code {code}): look at the order in Douyin's console, mend "
    "what it names there and try again; a new attempt gets a new number",
    "douyin.shipment_refused": "Douyin refused to hear of the shipment (code {code}): look at the order in Douyin's "
    "console; if the code is about the state, fulfil in the account document holds the wrong word",
}
