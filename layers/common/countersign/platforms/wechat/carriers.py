"""WeChat's codes of carriers that shops use most, and what people call them.

The whole list is `POST /cgi-bin/express/delivery/open_msg/get_delivery_list` with a mini program's token
(developers.weixin.qq.com/miniprogram/dev/platform-capabilities/business-capabilities/order-shipping). These are from
memory, beside those that docs/shipping.md names: a code that is not among them is passed on, and WeChat judges it.
"""

from collections.abc import Mapping

# code -> what people call it, in English and in Chinese, short and long
CARRIERS: Mapping[str, tuple[str, ...]] = {
    "SF": ("SF Express", "顺丰速运", "顺丰"),
    "YTO": ("YTO Express", "圆通速递", "圆通"),
    "ZTO": ("ZTO Express", "中通快递", "中通"),
    "STO": ("STO Express", "申通快递", "申通"),
    "YD": ("Yunda Express", "韵达速递", "韵达"),
    "EMS": ("EMS", "邮政 EMS", "邮政EMS"),
    "YZPY": ("China Post", "邮政快递包裹", "邮政"),
    "JTSD": ("J&T Express", "极兔速递", "极兔"),
    "JD": ("JD Logistics", "京东物流", "京东"),
    "DBL": ("Deppon", "德邦快递", "德邦"),
}
# Only with four digits of the receiver's phone number can the parcels of these be followed, and WeChat refuses them.
WANTS_CONTACT = frozenset({"SF"})
