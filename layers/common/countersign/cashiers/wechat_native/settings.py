"""The fields of a `wechat_native` account document: which WeChat account takes the money, and the shop's name."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from countersign.documents import as_text
from countersign.errors import KeysUnavailableError

_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{0,47}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Settings:
    """One page over one WeChat account: `shop_name` stands above the amount."""

    wechat: str
    shop_name: str = ""
    is_test: bool = False  # WeChat knows no test mode


def load(document: Mapping[str, object]) -> Settings:
    """Type an account document; KeysUnavailableError names the field and the reason."""
    wechat, shop_name = as_text(document, "wechat", required=True), as_text(document, "shop_name")
    if not _NAME.fullmatch(wechat):
        raise KeysUnavailableError("wechat is not the name of a WeChat account")
    if len(shop_name) > 64 or not shop_name.isprintable():
        raise KeysUnavailableError("shop_name is longer than 64 characters, or holds some that cannot be shown")
    return Settings(wechat, shop_name)
