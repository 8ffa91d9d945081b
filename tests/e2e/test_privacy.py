"""H1: personal data and secrets go through every path, and none of them comes out in a log."""

import json
from pathlib import Path
from typing import Any

from sandbox.testing import ROOT
from tests.e2e.conftest import Shop, sample

OPENID = "oCANARYopenid00000000000000001"
CODE = "CANARYlogincode0000000000000001"
WORDS = ("CANARYdescription", "CANARYmetadata", "CANARYsignature", "CANARYattach", "CANARYnote", "CANARYbank")
ADDRESS = "198.51.100.77"
MAILBOX = "staff.canary@shop.example.com"  # of the account's notices


def strings(value: Any) -> list[str]:
    """Return every string in a document."""
    if isinstance(value, dict):
        return [text for member in value.values() for text in strings(member)]
    if isinstance(value, list):
        return [text for member in value for text in strings(member)]
    return [value] if isinstance(value, str) else []


def secrets() -> list[str]:
    """Return what nobody may see of the accounts' documents."""
    hidden = ("api_v3_keys", "api_v2_keys", "merchant_private_key_pem", "mini_program_secret")
    found: list[str] = []
    for path in (ROOT / "tests" / "accounts" / "wechat").glob("*.json"):
        document = json.loads(path.read_text(encoding="utf-8"))
        texts = [text for name in hidden for text in strings(document.get(name, ""))]
        found += [line for text in texts for line in text.splitlines() if len(line) > 8 and "-----" not in line]
    return found


def test_h1_no_canary_comes_out_in_a_log(shop: Shop) -> None:
    person = {"payer": {"openid": OPENID}, "description": WORDS[0], "client_ip": ADDRESS}
    for account in ("shop", "classic"):
        order_id = f"canary-{account}"
        assert shop.create(order_id, account, metadata={"name": WORDS[1]}, **person).status == 201
        assert shop.create(order_id, account, minor=1, **person).status == 409
        shop.create(f"canary-h5-{account}", account, method="h5", h5={"type": "Wap"}, **person)
        created = shop.create(f"canary-code-{account}", account, **{**person, "payer": {"login_code": CODE + account}})
        assert created.status == 201, created.body
        shop.create(f"canary-bad-{account}", account, **{**person, "payer": {"login_code": f"bad{CODE}"}})
        shop.create(f"canary-shape-{account}", account, **person, unknown={"name": WORDS[1]})
        shop.create(f"canary-none-{account}", account, **{**person, "expires_at": WORDS[1]})
        for knob in ("error500", "not_json", "truncated", "unsigned_response", "forged_response"):
            shop.sandbox.control("POST", "/faults", {"wechat": {knob: True}})
            shop.create(f"canary-{knob}-{account}"[:32], account, **person)
        fields = {"attach": WORDS[3], "openid": OPENID, "bank_type": WORDS[5]}
        told = {"account": account, "out_trade_no": order_id}
        for more in (
            {"spoil": "forge", "fields": fields},
            {"spoil": "other_merchant", "fields": fields},
            {"fields": {**fields, "trade_state": WORDS[0], "result_code": WORDS[0]}},
            {"fields": {**fields, "total_fee": WORDS[1], "amount": WORDS[1]}},
            {"spoil": "wrong_amount", "fields": fields},
            {"fields": fields, "out_trade_no": f"canary-unknown-{account}"},
            {"fields": fields},
        ):
            shop.sandbox.control("POST", "/wechat/_control/notify", {**told, **more})
        # Its notices: the buyer's message is refused with an answer that repeats the openid, and an e-mail goes out.
        shop.sandbox.control("POST", "/faults", {"wechat": {"errcode": {"code": 47003, "match": OPENID}}})
        shop.pay(f"canary-code-{account}", account, openid=OPENID)
        refund = {"account": account, "out_trade_no": f"canary-code-{account}", "amount": 1}
        shop.sandbox.control("POST", "/wechat/_control/refund", refund)
        for review in shop.order(order_id, account)["review"]:
            path = f"/orders/wechat/{account}/{order_id}/review/{review['review_id']}/resolve"
            person_token = shop.sandbox.token("refunds:approve", expires_in=10**6)
            shop.sandbox.api("POST", path, {"decision": "dismiss", "note": WORDS[4]}, token=person_token)
            shop.sandbox.api("POST", path, {"decision": WORDS[4], "note": WORDS[4]}, token=person_token)
    genuine = sample("wechat_notify.paid-v3.json")
    headers = {name: value for name, value in genuine["headers"].items() if name.startswith("wechatpay")}
    headers |= {"wechatpay-signature": WORDS[2], "user-agent": WORDS[2]}
    for body in (genuine["body"], WORDS[0], f'{{"{WORDS[0]}":', f"<xml><a>{WORDS[0]}</a><a>{WORDS[0]}</a></xml>"):
        shop.sandbox.api("POST", "/wechat/shop/notify", body.encode(), headers)
        shop.sandbox.api("POST", "/wechat/classic/notify", body.encode(), {"content-type": "text/xml"})
        shop.sandbox.api("POST", "/wechat/shop/payments", body.encode(), {}, token=shop.token)
    fault = {"kind": "timeout_before", "call": "dynamodb.TransactWriteItems", "count": 100}
    shop.sandbox.control("POST", "/faults", {"aws": [fault]})
    shop.create("canary-store-is-down", **person)
    shop.sandbox.control("DELETE", "/faults")
    shop.sandbox.clock(advance=60)
    shop.tables()
    assert any(mail["to"] == [MAILBOX] for mail in shop.sandbox.inbox("email"))

    state = ROOT / ".sandbox" / str(shop.sandbox.port)
    logs = {path: path.read_text(encoding="utf-8") for path in sorted((state / "logs").iterdir())}
    logs[Path("output")] = shop.sandbox.output.read_text(encoding="utf-8")
    for name in ("wechat_create_payment", "wechat_notify", "orders_api", "decisions_api", "publish", "notify"):
        assert f"{name}.log" in {path.name for path in logs}
    # Answers to people carry words of theirs; tokens and anything sent to WeChat are nobody's to log either.
    hidden = {
        "openid": OPENID,
        "login code": CODE,
        "address": ADDRESS,
        "mailbox": MAILBOX,
        "token": shop.token.split(".")[2],
    }
    hidden |= {word: word for word in WORDS} | {f"secret {number}": text for number, text in enumerate(secrets())}
    leaks = [
        f"{what} in {path.name}: {line[:200]}"
        for path, text in logs.items()
        for line in text.splitlines()
        for what, word in hidden.items()
        if word in line
    ]
    assert leaks == []
