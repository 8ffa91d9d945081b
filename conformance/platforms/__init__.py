"""The platforms that the kit plays, by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import wechat

if TYPE_CHECKING:
    from .base import Platform

PLATFORMS: dict[str, type[Platform]] = {one.name: one for one in (wechat.WechatV3, wechat.WechatV2)}
