"""Reading one notification, beside the libraries that people use and the least that can be done.

Ours includes what the floor leaves out: the timestamp's window, duplicate keys, bounds, the tenant, typed fields.
"""

from __future__ import annotations

import gc
import json
import sys
import time
from collections.abc import Callable
from typing import Any

import cloud
from cloud import ROOT
from peers import floor
from vectors import ACCOUNT, APPID, KEY_ID, MCHID, Vectors

OURS, FLOOR = "countersign", "floor"
WHOLE = "countersign, with tenant check and typed change"
REPEATS = 75  # short turns: what disturbs one case then disturbs its neighbour too
BATCH_NS = 4_000_000
Case = Callable[[], Any]


def measure(cases: dict[str, Case]) -> dict[str, list[float]]:
    """Return each case's CPU microseconds, one figure per repeat; all take part in every repeat, the order rotated."""
    names = list(cases)
    rounds = {}
    for name in names:
        cases[name]()
        once = max(_elapsed(cases[name], 50) / 50, 1)
        rounds[name] = max(1, int(BATCH_NS / once))
    figures: dict[str, list[float]] = {name: [] for name in names}
    for repeat in range(REPEATS):
        turn = repeat % len(names)
        for name in names[turn:] + names[:turn]:
            gc.collect()
            figures[name].append(_elapsed(cases[name], rounds[name]) / rounds[name] / 1e3)
    return figures


def _elapsed(case: Case, rounds: int) -> int:
    before = time.thread_time_ns()
    for _ in range(rounds):
        case()
    return time.thread_time_ns() - before


def v3(made: Vectors) -> dict[str, Case]:
    """Verify and open a v3 notification."""
    from wechatpayv3 import WeChatPay, WeChatPayType

    from countersign.http import read_json
    from countersign.platforms.wechat import settings, signing, translate
    from countersign.platforms.wechat import v3 as ours_v3

    notice = made.notice(1)
    body, headers, now = notice.body.encode(), notice.headers, int(time.time())
    account = settings.load(made.document)
    request = _request(notice.headers, body)
    least = floor.V3(made)
    library = WeChatPay(
        wechatpay_type=WeChatPayType.MINIPROG,
        mchid=MCHID,
        private_key=made.merchant_private_pem,
        cert_serial_no="5157F09EFDC096DE15EBE81A47057A7200000001",
        apiv3_key=made.api_v3_key,
        appid=APPID,
        notify_url="https://shop.example/wechat/notify",
        public_key=made.wechat_public_pem,
        public_key_id=KEY_ID,
    )

    def opened() -> Any:
        ours_v3.verify(headers, body, account, now=now)
        envelope = read_json(body)
        return read_json(ours_v3.open_resource(envelope["resource"], account))

    cases = {
        OURS: opened,
        WHOLE: lambda: translate.to_change(signing.verify(request, account, now=now), account, ACCOUNT),
        "wechatpayv3": lambda: library.callback(headers, notice.body)["resource"],
        FLOOR: lambda: least.open(headers, body),
    }
    for name, case in cases.items():
        assert notice.order_id in str(case()), name
    return cases


def v2(made: Vectors, sign_type: str) -> dict[str, Case]:
    """Verify and read a v2 notification."""
    import xmltodict
    from wechatpy.pay import WeChatPay

    from countersign.platforms.wechat import settings, signing, translate, xml
    from countersign.platforms.wechat import v2 as ours_v2

    document = made.notice_v2(sign_type)
    account = settings.load({**made.document, "v2_sign_type": sign_type})
    request, now = _request({}, document), int(time.time())
    library = WeChatPay(APPID, made.api_v2_key, MCHID)

    def checked(fields: dict[str, str]) -> dict[str, str]:
        assert fields["sign"] == floor.sign_v2(fields, made.api_v2_key, sign_type)
        return fields

    def opened() -> Any:
        fields = xml.read(document)
        ours_v2.verify(fields, account)
        return fields

    cases: dict[str, Case] = {
        OURS: opened,
        WHOLE: lambda: translate.to_change(signing.verify(request, account, now=now), account, ACCOUNT),
        "xmltodict": lambda: checked(xmltodict.parse(document)["xml"]),
        FLOOR: lambda: checked(floor.read_xml(document)),
    }
    if sign_type == "MD5":  # it refuses HMAC-SHA256
        cases["wechatpy"] = lambda: library.parse_payment_result(document.decode())
    for name, case in cases.items():
        assert "1409811653" in str(case()), name
    return cases


def _request(headers: dict[str, str], body: bytes) -> Any:
    from countersign.http import HttpRequest

    return HttpRequest("POST", f"/wechat/{ACCOUNT}/notify", headers, body, {"account": ACCOUNT})


def main() -> dict[str, Any]:
    """Measure all."""
    cloud.pin(cloud.CODE_CPU)
    sys.path.insert(0, str(ROOT / "layers" / "common"))
    made = Vectors()
    return {
        "v3": measure(v3(made)),
        "v2, MD5": measure(v2(made, "MD5")),
        "v2, HMAC-SHA256": measure(v2(made, "HMAC-SHA256")),
    }


if __name__ == "__main__":
    print(json.dumps(main()))
