"""Who paid, and in which app: a service provider's payer may be in either of two."""

from typing import Any

import pytest

from countersign.platforms.wechat import payments
from countersign.platforms.wechat.messages import Transaction
from tests.platforms.wechat.support import settings

SP, SUB = "wxa1b2c3d4e5f60777", "wxb1b2c3d4e5f60999"
PROVIDER = settings(appid=SP, mchid="1900099010", sub_mchid="1900099011", sub_appid=SUB)


@pytest.mark.parametrize(
    ("told", "payer"),
    [
        ({"appid": SP, "openid": "oSp", "sub_appid": SUB, "sub_openid": "oSub"}, (SUB, "oSub")),
        ({"appid": SP, "sub_openid": "oSub"}, (SUB, "oSub")),
        ({"appid": SP, "openid": "oSp"}, (SP, "oSp")),
        ({"appid": SP, "sub_appid": SUB}, (SP, "")),
    ],
)
def test_the_sub_merchants_own_app_comes_first_where_the_account_has_one(told: dict[str, Any], payer: object) -> None:
    transaction = Transaction("ORDER-0001", "SUCCESS")._replace(**told)

    assert payments.payer_of(transaction, PROVIDER) == payer


def test_without_one_the_payer_is_the_providers() -> None:
    told = Transaction("ORDER-0001", "SUCCESS")._replace(appid=SP, openid="oSp", sub_appid=SUB, sub_openid="oSub")

    assert payments.payer_of(told, PROVIDER._replace(sub_appid="")) == (SP, "oSp")
