"""The e-mail to a shopper whose order waits for its payment: what the account document says of it, and its words.

Nobody is written to unless the merchant switched it on.
"""

from collections.abc import Mapping
from typing import NamedTuple

from countersign.documents import as_choice
from countersign.notices import dunning_mail

FIELD = "payment_link_mail"
EVENT = "payment_link.due"
_WORDS = {
    "en": (
        "Your order {order_id} at {shop} waits for its payment",
        "Hello,\n\nyour order {order_id} at {shop} over {amount} has not been paid yet.\nYou can pay it here: {link}\n"
        "\nIf you have paid it by now, or do not want it any more, please ignore this e-mail.\n",
    ),
    "zh": (
        "您在 {shop} 的订单 {order_id} 等待付款",
        "您好：\n\n您在 {shop} 的订单 {order_id}（{amount}）尚未付款。\n请在此付款：{link}\n"
        "\n如您已付款或不再需要此订单，请忽略此邮件。\n",
    ),
}


class PaymentLinkMail(NamedTuple):
    """Who sends it, and in which language."""

    sender: str
    language: str


def load(document: Mapping[str, object]) -> PaymentLinkMail | None:
    """Type `payment_link_mail` of an account document; None where the merchant has not switched it on.

    `{"enabled": true, "after": 1800, "from": …, "language": "en" | "zh"}`; the platform's own settings read `after`.
    """
    entry = dunning_mail.switched_on(document, FIELD)
    if entry is None:
        return None
    return PaymentLinkMail(dunning_mail.sender_of(entry), as_choice(entry, "language", dunning_mail.LANGUAGES))


def words(mail: PaymentLinkMail, *, order_id: str, shop: str, amount: str, link: str) -> tuple[str, str]:
    """Return subject and text."""
    values = {"order_id": order_id, "shop": shop, "amount": amount, "link": link}
    subject, text = _WORDS[mail.language]
    return dunning_mail.filled(subject, values), dunning_mail.filled(text, values)
