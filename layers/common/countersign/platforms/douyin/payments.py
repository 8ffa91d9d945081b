"""A payment to be created: its terms, what Douyin would refuse about them, and what the front end gets."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from countersign.errors import UnprocessableError
from countersign.money import Money
from countersign.platforms.douyin import ecpay
from countersign.platforms.douyin.settings import Settings

MIN_LIFETIME, MAX_LIFETIME = 300, 172_800  # ecpay's valid_time; the trade system has the same upper end
MAX_AMOUNT = 10_000_000_000
_SUBJECT_CHARACTERS, _SUBJECT_BYTES, _TITLE_BYTES, _IMAGE_BYTES, _PATH_CHARACTERS = 42, 128, 256, 512, 512


@dataclass(frozen=True, slots=True)
class Item:
    """The one line that an order of the trade system has."""

    sku_id: str
    title: str
    price: int
    quantity: int
    image_url: str


@dataclass(frozen=True, slots=True)
class PaymentRequest:
    """What a payer shall pay for."""

    order_id: str
    amount: Money
    description: str
    notify_url: str
    expires_at: int
    item: Item | None = None
    entry_path: str = ""
    entry_params: str = ""


@dataclass(frozen=True, slots=True)
class Prepared:
    """Exactly what the front end passes on, and Douyin's own number of the order where it has one already."""

    client: Mapping[str, Any]
    order_id: str = ""
    handle: str = ""  # it is asked by the merchant's number


def shown(text: str, *, characters: int = _SUBJECT_CHARACTERS, size: int = _SUBJECT_BYTES) -> str:
    """Return a text as far as Douyin takes it; its limits count characters and bytes, and its signers fear emoji."""
    plain = "".join(char for char in text if ord(char) <= 0xFFFF).strip().strip('"').strip()
    cut = plain[:characters].encode("utf-8", "ignore")[:size].decode("utf-8", "ignore").strip()
    if not cut or cut == "null":
        raise UnprocessableError("description has no character that Douyin can sign")
    return cut


def check(payment: PaymentRequest, settings: Settings, *, system: str, now: int) -> None:
    """Refuse what Douyin would refuse, by the name of the field in our own API."""
    shown(payment.description)
    if system == "trade":
        order_data(payment, settings, now)
    else:
        ecpay.canonical({"out_order_no": payment.order_id, "notify_url": payment.notify_url})


def lifetime(payment: PaymentRequest, now: int) -> int:
    """Return for how many seconds the order can be paid from now."""
    return min(max(payment.expires_at - now, MIN_LIFETIME), MAX_LIFETIME)


def order_data(payment: PaymentRequest, settings: Settings, now: int) -> str:
    """Return `data` of `tt.requestOrder`; the front end must pass on this very text."""
    # https://developer.open-douyin.com/docs/resource/zh-CN/mini-app/develop/api/industry/general_trade/create_order/requestOrder
    goods, item = settings.goods, payment.item
    if goods.type is None:
        raise UnprocessableError("goods.type is missing in the account: the trade system needs it")
    required = {"goods.tag_group_id": goods.tag_group_id, "entry.path": payment.entry_path}
    required["items[0].image_url"] = item.image_url if item else ""
    for name, value in required.items():
        if not value:
            raise UnprocessableError(f"{name} is missing: the trade system needs it, here or in the account's goods")
    if item is None or payment.entry_path.startswith("/") or "?" in payment.entry_path:
        raise UnprocessableError("entry.path has a leading slash or a query: the trade system takes neither")
    if len(item.image_url.encode()) > _IMAGE_BYTES or len(payment.entry_path) > _PATH_CHARACTERS:
        raise UnprocessableError("items[0].image_url or entry.path is too long")
    content: dict[str, Any] = {
        "skuList": [
            {
                "skuId": item.sku_id,
                "price": item.price,
                "quantity": item.quantity,
                "title": shown(item.title, characters=_TITLE_BYTES, size=_TITLE_BYTES),
                "imageList": [item.image_url],
                "type": goods.type,
                "tagGroupId": goods.tag_group_id,
            }
        ],
        "outOrderNo": payment.order_id,
        "totalAmount": payment.amount.minor,
        "payExpireSeconds": lifetime(payment, now),
        "payNotifyUrl": payment.notify_url,
        "orderEntrySchema": {
            "path": payment.entry_path,
            "params": payment.entry_params or json.dumps({"order_id": payment.order_id}, separators=(",", ":")),
        },
    }
    if settings.merchant_uid:
        content["merchantUid"] = settings.merchant_uid
    return json.dumps(content, ensure_ascii=False, separators=(",", ":"))
