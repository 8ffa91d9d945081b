"""The committed sample events: complete, reproducible, and what their index says of them."""

from __future__ import annotations

import base64
import json
import time
from pathlib import Path
from typing import Any

import pytest
from wechatpayv3 import WeChatPay, WeChatPayType  # type: ignore[import-untyped]
from wechatpayv3.utils import load_certificate  # type: ignore[import-untyped]

from sandbox import make_events

ROOT = Path(__file__).parent.parent.parent
FOLDER = ROOT / "events" / "wechat"
INDEX: dict[str, dict[str, Any]] = json.loads((FOLDER / "index.json").read_text(encoding="utf-8"))
GENUINE = [
    "paid-v3",
    "paid-v3-base64",
    "paid-v3-certificate",
    "refund-v3",
    "other-merchant",
    "wrong-amount",
    "wrong-currency",
    "unknown-status",
    "stale",
]


def read(name: str) -> dict[str, Any]:
    event: dict[str, Any] = json.loads((FOLDER / name).read_text(encoding="utf-8"))
    return event


def test_the_committed_events_are_what_the_script_writes(tmp_path: Path) -> None:
    make_events.write(tmp_path)

    for folder in ("events/wechat", "tests/accounts/wechat"):
        made = {path.name: path.read_text(encoding="utf-8") for path in (tmp_path / folder).iterdir()}
        kept = {path.name: path.read_text(encoding="utf-8") for path in (ROOT / folder).iterdir()}
        assert made == kept


def test_every_function_has_events_and_every_event_is_in_the_index() -> None:
    functions = {path.name for path in (ROOT / "functions").iterdir() if path.name.startswith("wechat_")}
    functions |= {"notify", "orders_api", "decisions_api", "accounts_api", "publish", "sweep"}

    assert functions <= {name.split(".")[0] for name in INDEX}
    assert set(INDEX) == {path.name for path in FOLDER.iterdir()} - {"index.json"}


@pytest.mark.parametrize("case", GENUINE)
def test_wechatpayv3_takes_the_genuine_notices(case: str) -> None:
    shop = json.loads((ROOT / "tests/accounts/wechat/shop.json").read_text(encoding="utf-8"))
    key = shop["wechatpay_public_keys"][0]
    reader = WeChatPay(
        wechatpay_type=WeChatPayType.JSAPI, mchid=shop["mchid"], private_key=shop["merchant_private_key_pem"],
        cert_serial_no=shop["merchant_serial"], apiv3_key=shop["api_v3_keys"][0], appid=shop["appid"],
        public_key=key["pem"], public_key_id=key["id"],
    )  # fmt: skip
    if case == "paid-v3-certificate":
        reader._core._certificates = [load_certificate(pem) for pem in shop["platform_certificates"]]
    event = read(f"wechat_notify.{case}.json")
    body = event["body"].encode()
    body = base64.b64decode(body) if event["isBase64Encoded"] else body

    told = reader.callback(event["headers"], body)

    assert told["resource"]["transaction_id"].startswith("4200")


def test_a_fresh_event_is_signed_for_this_moment(capsys: pytest.CaptureFixture[str]) -> None:
    status = make_events.main(["wechat_notify", "paid-v3"])
    event = json.loads(capsys.readouterr().out)

    assert status == 0
    assert abs(int(event["headers"]["wechatpay-timestamp"]) - time.time()) < 60


def test_an_unknown_event_is_named_with_those_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    assert make_events.main(["wechat_notify", "nonsense"]) == 1
    assert "wechat_notify.paid-v3" in capsys.readouterr().err
