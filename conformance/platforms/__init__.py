"""The platforms that the kit plays, by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import bigcommerce, cashiers, douyin, shops, wechat

if TYPE_CHECKING:
    from .base import Platform

_ALL: tuple[type[Platform], ...] = (
    wechat.WechatV3,
    wechat.WechatV2,
    douyin.Trade,
    douyin.Ecpay,
    shops.Shopify,
    shops.Recharge,
    bigcommerce.Webhooks,
    bigcommerce.App,
    cashiers.Hc1,
    cashiers.Stripe,
)
PLATFORMS: dict[str, type[Platform]] = {one.name: one for one in _ALL}
