"""What Shopify is called, and its own problems, to a person; see `countersign.orders.sentences`."""

from collections.abc import Mapping

SENTENCES: Mapping[str, str] = {
    "shopify.name": "Shopify",
    "shopify.data_request": "a customer wants to know what is kept of {orders} orders: answer within {days} days",
    "shopify.declined": "it was declined: {word}",
    "shopify.not_markable": "the shop does not let the order be marked as paid, or its payment is at no manual gateway",
    "shopify.several_authorizations": "several authorizations are held ({numbers}): say which by transaction_id",
    "shopify.too_many_transactions": "the order has too many movements of money to read them all: do it in the shop",
    "shopify.held": "the order is held there ({words}): release it in the shop",
    "shopify.nothing_to_send": "the shop says that nothing of this order is to be sent",
    "shopify.part_without_goods": "a shipment of a part does not say of which goods: the shop is told of its parcels "
    "with the last one",
    "shopify.sent_there": "everything was fulfilled in the shop, without this shipment",
    "shopify.goods_sent_there": "these goods were fulfilled in the shop, without this shipment",
    "shopify.no_such_goods": "the order has no goods of the line {line_id} that are to be sent",
    "shopify.more_to_send": "it is said to be all of the order, and the shop has more to send: record a "
    "shipment of the rest",
    "shopify.nothing_to_refund": "the shop has no payment of which {amount} could go back: at most {left}",
    "shopify.refund_unclear": "Shopify got another call under this refund's key, and has no refund of it: look at the "
    "order there, then retry or resolve",
    "shopify.refunded_in_part": "{amount} of {total} went back, the rest was refused: refund the rest in the shop, "
    "then resolve this one",
    "shopify.no_storefront_token": "the shop has no storefront_private_token: nobody can make carts there",
}
