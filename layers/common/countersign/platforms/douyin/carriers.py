"""Douyin's codes of carriers that shops use most, and what people call them.

The codes are from memory: one that is not among them is passed on, and Douyin judges it.
"""

from collections.abc import Mapping

# code -> what people call it, in English and in Chinese, short and long
CARRIERS: Mapping[str, tuple[str, ...]] = {
    "shunfeng": ("SF Express", "顺丰速运", "顺丰"),
    "yuantong": ("YTO Express", "圆通速递", "圆通"),
    "zhongtong": ("ZTO Express", "中通快递", "中通"),
    "shentong": ("STO Express", "申通快递", "申通"),
    "yunda": ("Yunda Express", "韵达速递", "韵达"),
    "ems": ("EMS", "邮政 EMS", "邮政EMS"),
    "youzhengguonei": ("China Post", "邮政快递包裹", "邮政"),
    "jtexpress": ("J&T Express", "极兔速递", "极兔"),
    "jd": ("JD Logistics", "京东物流", "京东"),
    "debangkuaidi": ("Deppon", "德邦快递", "德邦"),
}
