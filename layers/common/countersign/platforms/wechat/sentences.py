"""What WeChat's own problems say to a person."""

from collections.abc import Mapping

SENTENCES: Mapping[str, str] = {
    "wechat.all_sent_already": "WeChat has everything of this order as sent: record a complete shipment to correct "
    "that, once",
    "wechat.another_payer": "The payment is not this payer's: compare appid and mchid of the account document with "
    "the order (errcode {code})",
    "wechat.app_credentials": "WeChat does not take the app's credentials: correct appid and secret in the account "
    "document, then record the shipment anew (errcode {code})",
    "wechat.balance_too_low": "The merchant account's balance is too low: top it up, then retry ({code})",
    "wechat.calls_from_listed_addresses": "WeChat takes calls for this app from listed addresses only: take the list "
    "away, then record the shipment anew (errcode {code})",
    "wechat.carrier_not_taken": "WeChat does not take the carrier's code, the tracking number or the contact: correct"
    " it, then record the shipment anew (errcode {code})",
    "wechat.certificate_not_taken": "WeChat does not take the merchant's certificate: renew merchant_cert_pem, then "
    "retry ({code})",
    "wechat.complete_only": "Only express can be sent in parts: record the shipment as complete once everything is "
    "handed over",
    "wechat.contact_needed": "{carrier} needs four digits of the receiver's phone number: give it as contact "
    "(189****1234), then record the shipment anew",
    "wechat.forbidden_by_a_rule": "A rule of WeChat forbids it: the merchant console says which; then retry or "
    "resolve ({code})",
    "wechat.goods_described_too_long": "The description of the goods is too long for WeChat: shorten it, then record "
    "the shipment anew (errcode {code})",
    "wechat.goods_not_described": "WeChat wants a description of the goods: give one, then record the shipment anew "
    "(errcode {code})",
    "wechat.managed_by_others": "Another platform manages this app and may not report shipments: allow it there, or "
    "ship in its console (errcode {code})",
    "wechat.name": "WeChat",
    "wechat.no_carrier": "The carrier is missing: add WeChat's code of it, then record the shipment anew (errcode "
    "{code})",
    "wechat.no_correction_left": "The one chance to correct this order's shipment is used up: what WeChat shows can "
    "no longer be changed (errcode {code})",
    "wechat.no_mini_program_secret": "The account has no mini_program_secret: enter it, then record the shipment anew",
    "wechat.no_mini_store": "The account names no mini store: enter it as store, then record the shipment anew",
    "wechat.no_payer_named": "WeChat names no payer for this payment: ship in the mini program's console",
    "wechat.no_shipping_management": "The app may not report shipments: join the shipping management in its console, "
    "then record the shipment anew (errcode {code})",
    "wechat.no_such_paid_order": "WeChat knows no such paid order: compare with the merchant console, then retry or "
    "resolve ({code})",
    "wechat.no_tracking_number": "The tracking number is missing: add it, then record the shipment anew (errcode "
    "{code})",
    "wechat.not_shown_as_paid": "WeChat does not show this order as paid: look in the merchant console before "
    "anything is sent",
    "wechat.not_to_be_shipped": "WeChat does not let this order be shipped, as one that was refunded: look in the "
    "mini program's console (errcode {code})",
    "wechat.only_express_in_parts": "Only express can be sent in parts: record one complete shipment, then record the"
    " shipment anew (errcode {code})",
    "wechat.other_way_of_sending": "WeChat knows another way of sending for this order: change it in the mini "
    "program's console",
    "wechat.paid_in_another_app": "The payment was made in another app than the account's mini program: ship in that "
    "app's console",
    "wechat.payer_account_gone": "The payer's account is gone: refund another way, then resolve ({code})",
    "wechat.payment_not_found": "WeChat's shipping management does not find the payment: one of another app, a test "
    "payment, or made before the mini program joined; look in the mini program's console and ship there (errcode "
    "{code})",
    "wechat.payment_too_old": "The payment is too old for a refund by WeChat: refund another way, then resolve "
    "({code})",
    "wechat.refund_abnormal": "The payer's account cannot take the money back: send it to another account in the "
    "merchant console, under abnormal refunds; WeChat is asked about it daily",
    "wechat.refund_amount_differs": "WeChat has another amount under this number: look in the merchant console, then "
    "resolve ({code})",
    "wechat.refund_closed": "WeChat closed the refund and the money stays with the merchant: a new attempt is a new "
    "refund",
    "wechat.refund_refused": "Look the reason up in the merchant console, then retry or resolve ({code})",
    "wechat.refunds_not_allowed": "The merchant number may not refund by API: allow it in the merchant console, then "
    "retry ({code})",
    "wechat.sent_with_other_parcels": "WeChat has this order as sent with other parcels: compare in the mini "
    "program's console",
    "wechat.settings_do_not_fit": "The account's settings do not fit: correct them, then retry ({code})",
    "wechat.shipment_fields": "WeChat does not take what is said about the shipment: correct it, then record the "
    "shipment anew (errcode {code})",
    "wechat.shipment_refused": "Look the reason up in the mini program's console, then record the shipment anew "
    "(errcode {code})",
    "wechat.store_has_it_unpaid": "The store has this order as unpaid or cancelled: look in the store's console",
    "wechat.store_wants_goods_of_parcels": "The store wants to know which goods lie in which parcel: send this order "
    "in the store's console, or in one parcel",
}
