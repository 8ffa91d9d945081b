"""What a vector of the orders, deliveries and calls of a store must give, checked against our own code."""

import base64
import json
from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any

from countersign.errors import CountersignError, MalformedError, NotFoundError
from countersign.http import HttpRequest
from countersign.money import exponent
from countersign.orders.changes import AccountNews
from countersign.platforms.bigcommerce import answers, messages, proof, settings, signing, translate
from countersign.platforms.bigcommerce.client import Client
from countersign.signing.credentials import Secret
from tests.platforms.bigcommerce.app.vector_checks import VectorFailedError, must

Vector = Mapping[str, Any]
NO_REASON = "ok"


def app_of(inputs: Mapping[str, Any]) -> settings.App:
    return settings.load(
        {
            "client_id": inputs.get("client_id", "7xq0l2k5m8c1v4b9n3z6a0s8d1f5g2h"),
            "client_secrets": [inputs["client_secret"]],
            "cashier": "hc1/main",
            "payment_method_names": inputs.get("payment_method_names", []),
        }
    )


def order_of(body: str) -> messages.StoreOrder:
    """Return an order as the client reads it."""
    return messages.read_order(answers.row(answers.read(_answer(200, body))))


def check_order(vector: Vector) -> None:
    """Check what an order comes to, and whether it may be paid."""
    inputs, expect = vector["inputs"], vector["expect"]
    rules = settings.Rules(
        payment_method_names=tuple(inputs["payment_method_names"]), max_age_seconds=inputs["max_age_seconds"]
    )
    order = order_of(vector["raw_request"]["response"]["body"])
    wish = proof.Wish(inputs["store_hash"], order.number, order.cart_id or "x", "")
    found = proof.unfit(order, rules, now=int(inputs["now"]))
    must(wish.order_id == order.number, "another order was read")
    if expect["eligible"]:
        must(found is None, f"refused: {found}")
        due = proof.amount_of(order)
        must({"value": due.minor, "currency": due.currency} == expect["amount"], f"comes to {due}")
        must(exponent(due.currency) == expect["exponent"], "another number of decimals")
    else:
        reason = "already_settled" if isinstance(found, proof.Settled) else str(found)
        must(reason == expect["reason"], f"refused for {reason}")


def check_proof(vector: Vector) -> None:
    """Check who may pay, and how much."""
    inputs, expect = vector["inputs"], vector["expect"]
    installed = inputs["installed_stores"]
    answer = inputs["bigcommerce_order_response"]
    try:
        wish = proof.read_wish(vector["raw_request"]["body"].encode())
        if wish.store_hash not in installed:
            raise NotFoundError("unknown_store")
        document = {"store_hash": wish.store_hash, "access_token": "conformance", "cashier": "hc1/main"}
        app = app_of(inputs)
        rules = settings.load_installation({**document, **installed[wish.store_hash]}).rules(app)
        must(expect.get("calls_bigcommerce") is not False, "the store would be asked")
        if answer["status"] == 404:
            raise NotFoundError("not_found")
        order = order_of(answer["body"])
        refused = proof.refusal(order, wish, app, rules, now=int(inputs["now"]))
    except MalformedError as error:
        must(expect["reason"] == "invalid_request", f"refused as malformed: {error}")
        must(expect["http_status"] == 400, "answered 400")
        return
    except CountersignError as error:
        refused = error  # type: ignore[assignment] # whatever it is, it is refused
    if expect["allowed"]:
        must(refused is None, f"refused: {refused}")
        due = proof.amount_of(order)
        must({"value": due.minor, "currency": due.currency} == expect["amount"], f"comes to {due}")
        return
    settled = isinstance(refused, proof.Settled)
    reason = "already_settled" if settled else str(refused)
    must(reason == expect["reason"], f"refused for {reason}")
    status = 200 if settled else getattr(refused, "status", 200)
    must(status == expect["http_status"], f"answered {status}")


def check_delivery(vector: Vector) -> None:
    """Check whether a delivery is taken, and what it is about."""
    inputs, expect, raw = vector["inputs"], vector["expect"], vector["raw_request"]
    body = base64.b64decode(raw["body"]) if raw.get("is_base64_encoded") else raw["body"].encode()
    request = HttpRequest("POST", "/", {name.lower(): value for name, value in raw["headers"].items()}, body)
    token = (inputs.get("configured_custom_headers") or {}).get(signing.HOOK_HEADER)
    store = settings.load_installation(
        {"store_hash": "g5cd38wq1", "webhook_mode": inputs["mode"], **({"hook_token": token} if token else {})}
    )
    try:
        if signing.is_signed(request):
            genuine = signing.verify(request, app_of(inputs), now=int(inputs["now"]))
        else:
            genuine = signing.read(body, signing.verify_header(request, store))
    except CountersignError as error:
        must(not expect["valid"], f"refused ({error}), and it is genuine")
        must(error.status == expect["http_status"], f"answered {error.status}")
        return
    must(expect["valid"], "taken, and it is not genuine")
    if expect["reason"] == "malformed_body":
        must(genuine.problem, "read, and nobody could")
        return
    event = messages.read_event(genuine.fields)
    if expect["reason"] == "unknown_store":
        must(event.store_hash not in inputs["installed_stores"], "the store is known")
        return
    must((event.store_hash, event.scope) == (expect["store_hash"], expect["scope"]), "of another store or scope")
    must(event.order_id == str(expect.get("order_id", "")), f"about order {event.order_id}")
    must(event.refund_id == str(expect.get("refund_id", "")), f"about refund {event.refund_id}")
    ignored = isinstance(translate.to_changes(genuine), AccountNews)
    must(ignored is not expect["action"].startswith("refetch"), "taken for another kind of news")


def check_deliveries(vector: Vector) -> None:
    """Check a sequence of deliveries: all are taken, and what says the same is the same event."""
    seen: set[bytes] = set()
    for raw, processed in zip(vector["raw_request"], vector["expect"]["processed"], strict=True):
        headers = {name.lower(): value for name, value in raw["headers"].items()}
        request = HttpRequest("POST", "/", headers, raw["body"].encode())
        genuine = signing.verify(request, app_of(vector["inputs"]), now=int(vector["inputs"]["now"]))
        must((genuine.content not in seen) is processed, "taken for another one, or for the same")
        seen.add(genuine.content)


def check_answer(vector: Vector) -> None:
    """Check what follows from an answer of the API."""
    expect, said = vector["expect"], vector["raw_request"]["response"]
    found = answers.verdict(said["status"], said["headers"])
    must(found.retry is expect["retry"], f"repeated: {found.retry}")
    if expect.get("wait_seconds") is not None:
        must(found.wait == (None if expect["wait_seconds"] == "backoff" else expect["wait_seconds"]), f"{found.wait} s")
    if "items" in expect:
        must(answers.rows(answers.read(_answer(said["status"], said["body"]))) == expect["items"], "another list")
    if "error" not in expect:
        return
    kinds = {"not_found": 404, "unauthorized": 401, "invalid": 422, "conflict": 409}
    try:
        answers.read(_answer(said["status"], said["body"], said["headers"]))
    except answers.UnknownNumberError:
        must(expect["error"] == "not_found", "the number is unknown")
    except answers.CallRefusedError as error:
        must(error.status == kinds[expect["error"]], f"refused with {error.status}")
        must(error.whole_account is (expect["error"] == "unauthorized"), "of the whole account")
        must(list(error.fields) == expect.get("fields", []), f"blames {error.fields}")
    else:
        raise VectorFailedError("taken for an answer")


def check_put(vector: Vector) -> None:
    """Check the call that writes an order's status."""
    inputs, expect = vector["inputs"], vector["expect"]
    sent: list[tuple[str, str, Any]] = []
    caller(inputs, sent).put_status(str(inputs["order_id"]), inputs["new_status_id"])
    [(method, url, body)] = sent
    must((method, url.removeprefix(settings.HOST)) == (expect["method"], expect["path"]), f"{method} {url}")
    must(body == expect["json_body"], f"sent {body}")
    must(not body.keys() & set(expect["must_not_contain"]), "touches more than the status")


def check_hook(vector: Vector) -> None:
    """Check the call that subscribes to a scope."""
    inputs, expect = vector["inputs"], vector["expect"]
    sent: list[tuple[str, str, Any]] = []
    caller(inputs, sent).create_hook(inputs["scope"], inputs["destination"], inputs["custom_headers"])
    [(method, url, body)] = sent
    must((method, url.removeprefix(settings.HOST)) == (expect["method"], expect["path"]), f"{method} {url}")
    must(body == expect["json_body"], f"sent {body}")


def caller(inputs: Mapping[str, Any], sent: list[tuple[str, str, Any]]) -> Client:
    """Return a client whose calls are written down."""

    class Session:
        def request(self, method: str, url: str, **how: Any) -> Any:
            must(how["headers"]["X-Auth-Token"] == inputs["access_token"], "another token")
            sent.append((method, url, json.loads(how["data"])))
            return _answer(200, "{}")

    return Client(
        Session(),  # type: ignore[arg-type] # what is used of one
        base=settings.HOST,
        store_hash=inputs["store_hash"],
        token=Secret(inputs["access_token"]),
        sleep=lambda _: None,
    )


def _answer(status: int, body: str, headers: Mapping[str, str] | None = None) -> Any:
    return SimpleNamespace(status_code=status, content=body.encode(), headers=headers or {})


CHECKS: Mapping[str, Callable[[Vector], None]] = {
    "order_v2": check_order,
    "create_payment_proof": check_proof,
    "webhook": check_delivery,
    "webhook_sequence": check_deliveries,
    "api_response": check_answer,
    "order_status_put": check_put,
    "hook_create_request": check_hook,
}
