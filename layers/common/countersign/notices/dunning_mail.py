"""The e-mail to a customer whose charge failed: what the account document says of it, and its words.

Nobody is written to unless the merchant switched it on, and only where the customer can do something about it.
"""

import re
from collections.abc import Mapping
from typing import NamedTuple

from countersign.documents import as_choice, as_mapping, as_text
from countersign.errors import KeysUnavailableError

FIELD = "dunning_mail"
LANGUAGES = ("en", "zh")
_ADDRESS = re.compile(r"[^\s@<>,;:\"()\[\]\\]+@[^\s@<>,;:\"()\[\]\\]+\.[^\s@<>,;:\"()\[\]\\]+")
_WORDS = {
    "en": (
        "Your payment for {items} did not go through",
        "Hello,\n\nwe could not take the payment of {amount} for {items}.\n",
        "Please check your card or choose another one: {portal}\n",
        "Please check your card, or reply to this e-mail.\n",
        "We will try again on {next_retry}.\n",
        "We will not try again by ourselves.\n",
    ),
    "zh": (
        "{items} 的扣款没有成功",
        "您好：\n\n{items} 的 {amount} 没有扣款成功。\n",
        "请检查您的银行卡，或更换支付方式：{portal}\n",
        "请检查您的银行卡，或回复此邮件。\n",
        "我们将于 {next_retry} 再次扣款。\n",
        "我们不会再自动扣款。\n",
    ),
}


class DunningMail(NamedTuple):
    """Who sends it, in which language, and where a card is renewed.

    `portal` is the address of the customer's page, in which `{hash}` stands for the customer's own part; where it is
    empty the mail asks for a reply.
    """

    sender: str
    language: str
    portal: str = ""


def switched_on(document: Mapping[str, object], name: str) -> Mapping[str, object] | None:
    """Return a part of an account document that is off unless it says `"enabled": true`; None where it is off."""
    if document.get(name) is None:
        return None
    entry = as_mapping(document[name], name)
    enabled = entry.get("enabled", False)
    if type(enabled) is not bool:
        raise KeysUnavailableError("enabled is not true or false")
    return entry if enabled else None


def sender_of(entry: Mapping[str, object]) -> str:
    """Return the address that an e-mail to customers comes from."""
    sender = as_text(entry, "from", required=True)
    if not _ADDRESS.fullmatch(sender):
        raise KeysUnavailableError("from is no e-mail address")
    return sender


def load(document: Mapping[str, object]) -> DunningMail | None:
    """Type `dunning_mail` of an account document; None where the merchant has not switched it on.

    `{"enabled": true, "from": …, "language": "en" | "zh", "portal": "https://…/{hash}"}`
    """
    entry = switched_on(document, FIELD)
    if entry is None:
        return None
    sender, portal = sender_of(entry), as_text(entry, "portal")
    if portal and (not portal.startswith("https://") or "{" in portal.replace("{hash}", "")):
        raise KeysUnavailableError("portal is no https address, or has another placeholder than {hash}")
    return DunningMail(sender, as_choice(entry, "language", LANGUAGES), portal)


def words(mail: DunningMail, values: Mapping[str, str], portal_hash: str) -> tuple[str, str]:
    """Return subject and text; `values` are those of a notice's placeholders."""
    subject, opening, renew, reply, again, over = _WORDS[mail.language]
    portal = mail.portal.replace("{hash}", portal_hash) if portal_hash or "{hash}" not in mail.portal else ""
    text = opening + (renew if portal else reply) + (again if values.get("next_retry") else over)
    known = {"items": "", "amount": "", "next_retry": "", **values, "portal": portal}
    return filled(subject, known), filled(text, known)


def filled(text: str, values: Mapping[str, str]) -> str:
    """Return a text with its placeholders filled, each on one line."""
    return re.sub(r"\{([a-z_]+)\}", lambda match: " ".join(values.get(match[1], "").split()), text)
