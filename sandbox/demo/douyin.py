"""Douyin's part of the story: both systems, what gets lost on the way, refunds, settlements, and an app that moves."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from clients.python.countersign_client import DouyinPaymentBody
    from sandbox.demo_runtime import Stage

PRICE = {"minor": 8800, "currency": "CNY"}
MINUTE, DAY = 60, 86_400
OLD, NEW = "guaranteed", "trade"
PEOPLE = ("payments:write", "orders:read", "refunds:request", "refunds:approve")
Json = dict[str, Any]


def status(stage: Stage, order_id: str, account: str) -> Any:
    """Return an order's status."""
    return stage.order("douyin", account, order_id).get("status")


def create(stage: Stage, order_id: str, account: str, minor: int = 8800) -> Json:
    """Create a payment that must succeed; returns what the front end passes on."""
    wanted: DouyinPaymentBody = {
        "order_id": order_id,
        "amount": {"minor": minor, "currency": "CNY"},
        "description": "奶茶 Milk tea",
    }
    answer = stage.answer(lambda api: api.create_douyin_payment(account, wanted))
    stage.tell("merchant", f"creates {order_id} over {minor / 100:.2f} CNY ({account})")
    stage.expect("created", answer.status, 201)
    return dict(answer.body.get("client", {})) if isinstance(answer.body, dict) else {}


def pay(stage: Stage, order_id: str, account: str, client: Json, **how: Any) -> list[Any]:
    """Let the payer order on the phone, where the system wants that, and pay; return the product's answers."""
    phone: Json = {name: client[name] for name in ("data", "byteAuthorization") if name in client}
    trade = stage.happen("douyin", "pay", {"account": account, "out_order_no": order_id, **phone, **how})
    answers = [attempt.get("status") for attempt in trade["deliveries"]]
    stage.tell("payer", f"pays {order_id}: {trade['total'] / 100:.2f} CNY, {trade['order_id']}")
    stage.tell("Douyin", f"calls back, answered {answers}" if answers else "calls back, and the callback is lost")
    return answers


def buy(stage: Stage, order_id: str, account: str, minor: int = 8800) -> None:
    """Create and pay an order."""
    pay(stage, order_id, account, create(stage, order_id, account, minor))
    stage.expect_soon("status", lambda: status(stage, order_id, account), "paid")


def refund(stage: Stage, order_id: str, account: str, minor: int) -> None:
    """Ask for a refund as one person and approve it as another, until Douyin has it."""
    path = f"/orders/douyin/{account}/{order_id}/refunds"
    wish = {"amount": {"minor": minor, "currency": "CNY"}, "reason": "changed mind"}
    asked = stage.call("POST", path, wish, headers={"token": stage.token(*PEOPLE, subject="ben")})
    number = str(asked.body.get("refund_id") if isinstance(asked.body, dict) else "")
    stage.tell("ben", f"asks to refund {minor / 100:.2f} CNY of {order_id}")
    approved = stage.call(
        "POST", f"{path}/{number}/approve", {}, headers={"token": stage.token(*PEOPLE, subject="carla")}
    )
    stage.tell("carla", "approves it")
    stage.expect("asked and approved", (asked.status, approved.status), (201, 200))
    stage.advance(MINUTE, "the worker hears of it from the bus, or finds it at its next minute")

    def known_to_douyin() -> Any:
        rows = stage.order("douyin", account, order_id).get("refunds", [])
        return next((row["status"] for row in rows if row["refund_id"] == number), None)

    stage.expect_soon("accepted is not refunded", known_to_douyin, "processing")


def refunds_of(stage: Stage, order_id: str, account: str) -> list[tuple[str, str, int]]:
    """Return an order's refunds: who made them, their state and amount."""
    rows = stage.order("douyin", account, order_id).get("refunds", [])
    return [(row["source"], row["status"], row["amount"]["minor"]) for row in rows]


def settlements_of(stage: Stage, order_id: str, account: str) -> list[tuple[str, int | None, list[int]]]:
    """Return an order's settlements: state, amount, and what others got."""
    rows = stage.order("douyin", account, order_id).get("settlements", [])
    return [
        (row["status"], (row["amount"] or {}).get("minor"), [share["amount"]["minor"] for share in row["shares"]])
        for row in rows
    ]


def bought_on_both(stage: Stage) -> None:
    """Buy on either system, told by callback."""
    stage.scene("Douyin 1. Buy: guaranteed payment and the trade system")
    client = create(stage, "DY-0001", OLD)
    stage.expect("what tt.pay wants", sorted(client.get("orderInfo", {})), ["order_id", "order_token"])
    stage.expect("acknowledged", pay(stage, "DY-0001", OLD, client), [200])
    stage.expect("status", status(stage, "DY-0001", OLD), "paid")
    client = create(stage, "DY-0002", NEW)
    stage.expect("what tt.requestOrder wants", sorted(client), ["byteAuthorization", "data"])
    stage.expect("acknowledged", pay(stage, "DY-0002", NEW, client), [200])
    stage.expect("status", status(stage, "DY-0002", NEW), "paid")
    stage.explain("douyin", NEW, "DY-0002")


def lost_callbacks(stage: Stage) -> None:
    """Lose the callback on either system; the product asks by itself."""
    stage.scene("Douyin 2. The callback is lost: the poll finds the payment")
    for number, account in (("DY-0003", OLD), ("DY-0004", NEW)):
        pay(stage, number, account, create(stage, number, account), notify=False)
        stage.expect("nothing known yet", status(stage, number, account), "pending")
    stage.advance(11, "the first look of the poll is due")
    for number, account in (("DY-0003", OLD), ("DY-0004", NEW)):
        stage.expect_soon(f"{number}", lambda n=number, a=account: status(stage, n, a), "paid")  # type: ignore[misc]
    stage.explain("douyin", NEW, "DY-0004")


def not_genuine(stage: Stage) -> None:
    """Change what the signature leaves out."""
    stage.scene("Douyin 3. What guaranteed payment does not sign: refused, and nothing is written")
    create(stage, "DY-0005", OLD)
    before = stage.order("douyin", OLD, "DY-0005").get("version")
    spoilt = {
        "type": "a genuine payment callback with its type changed to refund",
        "extra": "one with an outer field that nothing signs",
        "shifted": "one with a digit moved from the timestamp to the nonce",
        "swapped": "one with timestamp and nonce swapped",
        "forge": "one signed with another token",
    }
    for kind, what in spoilt.items():
        answer = stage.happen("douyin", "notify", {"account": OLD, "out_order_no": "DY-0005", "spoil": kind})
        stage.tell("network", what)
        stage.expect(kind, answer["status"], 401)
    after = stage.order("douyin", OLD, "DY-0005")
    stage.expect("the order has not moved", (after.get("status"), after.get("version")), ("pending", before))


def token_rotated(stage: Stage) -> None:
    """Change the callback token while an order is paid and its refund is still to come."""
    stage.scene("Douyin 4. The callback token changes: paid orders keep the old one")
    buy(stage, "DY-0006", OLD)
    fresh = "Fr3shCallbackToken2026"
    _change_account(stage, OLD, lambda document: document["tokens"].insert(0, fresh))
    stage.happen("douyin", "token", {"account": OLD, "token": fresh})
    stage.tell("merchant", "changes the token in the console, and puts it before the old one in the account")
    buy(stage, "DY-0007", OLD)
    refund(stage, "DY-0006", OLD, 8800)
    stage.advance(15, "Douyin's refund callback comes 12 seconds after it took the refund, signed with the old token")
    stage.expect_soon("refunds", lambda: refunds_of(stage, "DY-0006", OLD), [("merchant", "succeeded", 8800)])
    keys = {
        number: [
            event["key_id"] for event in stage.order("douyin", OLD, number)["events"] if event["trust"] == "verified"
        ]
        for number in ("DY-0006", "DY-0007")
    }
    stage.expect("which token signed", keys, {"DY-0006": ["tokens[0]", "tokens[1]"], "DY-0007": ["tokens[0]"]})
    stage.explain("douyin", OLD, "DY-0006")


def user_refunds(stage: Stage) -> None:
    """Let users ask Douyin for refunds; the desk decides."""
    stage.scene("Douyin 5. Users ask for refunds: the refund desk decides, and Douyin hears of it")
    for number, minor in (("DY-0008", 8800), ("DY-0009", 5000)):
        buy(stage, number, NEW, minor)
        asked = stage.happen("douyin", "user_refund", {"account": NEW, "out_order_no": number})
        stage.tell("user", f"asks Douyin for {number}'s money; our number for it: {asked['out_refund_no'][:16]}...")
        stage.expect("it waits for the desk", refunds_of(stage, number, NEW), [("user", "requested", minor)])
    for number, word in (("DY-0008", "approve"), ("DY-0009", "reject")):
        child = stage.order("douyin", NEW, number)["refunds"][0]["refund_id"]
        path = f"/orders/douyin/{NEW}/{number}/refunds/{child}/{word}"
        answer = stage.call("POST", path, {}, headers={"token": stage.token(*PEOPLE, subject="carla")})
        stage.tell("carla", f"{word}s {number}'s refund")
        stage.expect("decided", answer.status, 200)

    def audit(number: str) -> Any:
        found = stage.happen("douyin", "ledger", {"account": NEW, "out_order_no": number})["orders"][0]["refunds"]
        return found[0]["audit"]

    stage.expect_soon("Douyin knows of DY-0008", lambda: audit("DY-0008"), "AGREE")
    stage.expect_soon("Douyin knows of DY-0009", lambda: audit("DY-0009"), "DENY")
    stage.advance(15, "Douyin pays the one out")
    stage.expect_soon("DY-0008", lambda: refunds_of(stage, "DY-0008", NEW), [("user", "succeeded", 8800)])
    stage.expect_soon("DY-0009", lambda: refunds_of(stage, "DY-0009", NEW), [("user", "rejected", 5000)])
    stage.explain("douyin", NEW, "DY-0008")


def moved(stage: Stage) -> None:
    """Move the app to the trade system with orders of the old one open."""
    stage.scene("Douyin 6. The app moves to the trade system with orders open")
    buy(stage, "DY-0010", OLD)
    open_client = create(stage, "DY-0011", OLD)
    _change_account(stage, OLD, lambda document: document.update(system="trade"))
    stage.tell("merchant", "sets the account's system to trade; the old keys stay")
    client = create(stage, "DY-0012", OLD)
    stage.expect("a new order is one of the trade system", sorted(client), ["byteAuthorization", "data"])
    pay(stage, "DY-0012", OLD, client)
    pay(stage, "DY-0011", OLD, open_client, notify=False)
    stage.advance(2 * MINUTE, "the poll asks the old system about the old order")
    stage.expect_soon("the old open order", lambda: status(stage, "DY-0011", OLD), "paid")
    refund(stage, "DY-0010", OLD, 1800)
    stage.advance(15, "the old system pays the refund out")
    stage.expect_soon("the old refund", lambda: refunds_of(stage, "DY-0010", OLD), [("merchant", "succeeded", 1800)])
    systems = {number: stage.order("douyin", OLD, number).get("system") for number in ("DY-0010", "DY-0011", "DY-0012")}
    wanted = {"DY-0010": "ecpay", "DY-0011": "ecpay", "DY-0012": "trade"}
    stage.expect("each order keeps its system", systems, wanted)


def settled(stage: Stage) -> None:
    """Let the period pass: everything that is left is settled, with the account's share."""
    stage.scene("Douyin 7. After seven days: settled with a share, and refunded after it")
    stage.advance(7 * DAY + MINUTE, "the settlement period is over")
    stage.advance(MINUTE, "the worker's next minute")
    for number, account in (("DY-0001", OLD), ("DY-0010", OLD), ("DY-0002", NEW)):

        def taken(number: str = number, account: str = account) -> bool:
            return settlements_of(stage, number, account)[0][0] in ("processing", "succeeded")

        stage.expect_soon(f"Douyin took {number}'s settlement", taken, wanted=True)
    stage.advance(10, "Douyin settles")
    for number, account, amount in (("DY-0001", OLD, 8800), ("DY-0010", OLD, 7000), ("DY-0002", NEW, 8800)):
        wanted = [("succeeded", amount, [amount // 10])]
        stage.expect_soon(number, lambda n=number, a=account: settlements_of(stage, n, a), wanted)  # type: ignore[misc]
    told = settlements_of(stage, "DY-0006", OLD)
    stage.expect_soon("what was refunded whole needs none", lambda: told[0][0], "not_needed")
    refund(stage, "DY-0001", OLD, 800)
    stage.advance(15, "the refund comes out of what the merchant could withdraw")
    stage.expect_soon(
        "refunded after settling", lambda: refunds_of(stage, "DY-0001", OLD), [("merchant", "succeeded", 800)]
    )
    ledger = stage.happen("douyin", "ledger", {"account": OLD, "out_order_no": "DY-0001"})["orders"][0]
    stage.expect("with all_settle", [one["settled"] for one in ledger["refunds"]], [True])
    stage.explain("douyin", OLD, "DY-0001")


def _change_account(stage: Stage, account: str, change: Any) -> None:
    """Change an account's document, and have functions start anew: they keep documents for five minutes."""
    plane, name = stage.sandbox.data_plane(), f"countersign/sandbox/douyin/{account}"
    document = json.loads(plane.call("secretsmanager", "GetSecretValue", SecretId=name)["SecretString"])
    change(document)
    plane.call("secretsmanager", "PutSecretValue", SecretId=name, SecretString=json.dumps(document))
    stage.sandbox.control("POST", "/kill", {"what": "runner"})


SCENES = (bought_on_both, lost_callbacks, not_genuine, token_rotated, user_refunds, moved, settled)
