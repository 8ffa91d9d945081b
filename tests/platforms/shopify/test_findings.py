"""What is about a shop and about no order: on the list of exceptions, once, with its date, until it is seen to."""

import base64
import json
from hashlib import sha256
from typing import Any

import pytest

from countersign.api import export as exports
from tests.functions.conftest import http_event
from tests.platforms.shopify.world import ORDER, OTHER, SHOP, SHOP_ID, Json, Shopify, order

LATER = "2026-11-21T09:15:09-05:00"

REQUEST = {
    "shop_id": int(SHOP_ID),
    "shop_domain": SHOP,
    "orders_requested": [5550001112223, 5550001112224],
    "customer": {"id": 7, "email": "a.buyer@example.com", "phone": "+15550001"},
    "data_request": {"id": 9999},
}


def entries(world: Shopify) -> list[Json]:
    event = http_event("GET", "/exceptions", {})
    event["queryStringParameters"] = {"kind": "finding"}
    answer = world.cloud.invoke("orders_api", event)
    assert answer["statusCode"] == 200, answer
    found: list[Json] = json.loads(answer["body"])["exceptions"]
    return found


def dismiss(world: Shopify, entry: Json) -> int:
    event = http_event(
        "POST", "/exceptions/{exception_id}/dismiss", {"exception_id": entry["id"]}, body=json.dumps({"note": "done"})
    )
    status: int = world.cloud.invoke("decisions_api", event)["statusCode"]
    return status


def export(world: Shopify, entry: Json, cursor: str = "", **claims: str) -> tuple[int, Json]:
    claims = {"scope": "orders:read evidence:read", "sub": "olga"} | claims
    event = http_event("POST", "/exceptions/{exception_id}/export", {"exception_id": entry["id"]}, claims=claims)
    event["queryStringParameters"] = {"cursor": cursor}
    answer = world.cloud.invoke("decisions_api", event)
    return answer["statusCode"], json.loads(answer["body"])


class TestExport:
    """What a customer is answered: all that is kept about the orders that the request names."""

    @pytest.fixture
    def entry(self, world: Shopify) -> Json:
        world.deliver(order(email="a.buyer@example.com"))
        world.deliver(order(email="a.buyer@example.com", financial_status="refunded", updated_at=LATER))
        world.deliver(order(email="a.buyer@example.com", created_at="yesterday"))
        world.deliver(order(id=99, email="somebody.else@example.com"))
        world.deliver(REQUEST, "customers/data_request")
        return next(iter(entries(world)))

    def test_it_is_one_document_with_every_message_as_it_came(self, world: Shopify, entry: Json) -> None:
        status, found = export(world, entry)

        assert status == 200
        assert json.loads(found["message"]["text"]) == REQUEST
        assert (found["due_by"], found["cursor"]) == ("2026-12-22T14:00:05Z", None)
        known, unknown = found["orders"]
        assert (known["order_id"], known["order"]["paid"]["minor"]) == (ORDER, 10_000)
        assert [json.loads(one["text"])["email"] for one in known["messages"]] == ["a.buyer@example.com"] * 3
        assert all(sha256(one["text"].encode()).hexdigest() == one["digest"] for one in known["messages"])
        assert (unknown["problem"], unknown["order"], unknown["messages"]) == ("unknown", None, [])
        assert "somebody.else" not in json.dumps(found)

    def test_every_look_is_recorded_before_it_is_answered(self, world: Shopify, entry: Json) -> None:
        export(world, entry)

        event = http_event("GET", "/activity", {}, queryStringParameters={"account": f"shopify/{SHOP}"})
        deeds = json.loads(world.cloud.invoke("orders_api", event)["body"])["activity"]
        assert sorted((one["what"], one["order_id"]) for one in deeds if one["order_id"]) == [
            ("export_seen", ORDER), ("export_seen", "5550001112224"),
        ]  # fmt: skip
        assert [one["subject"] for one in deeds if not one["order_id"]] == [entry["id"]]
        assert {one["by"]["subject"] if "subject" in one["by"] else one["by"]["id"] for one in deeds} == {"olga"}

    def test_what_was_erased_says_so_and_the_order_is_still_told(self, world: Shopify, entry: Json) -> None:
        world.deliver(
            {"shop_id": int(SHOP_ID), "shop_domain": SHOP, "customer": {"id": 7}, "orders_to_redact": [int(ORDER)]}
        )
        world.run("guard")

        _, found = export(world, entry)

        assert all(one["text"] is None and one["erased_at"] for one in found["orders"][0]["messages"])
        assert found["orders"][0]["order"]["paid"]["minor"] == 10_000
        assert "buyer" not in json.dumps(found)

    def test_an_order_that_cannot_be_read_is_told_by_its_messages(self, world: Shopify, entry: Json) -> None:
        rows = {(one["pk"]["S"], one["sk"]["S"]): one for one in world.cloud.table()}
        broken = {**rows[f"shopify#{SHOP}#{ORDER}", "ORDER"], "facts": {"S": "{"}}
        world.cloud.dynamodb.put_item(TableName="Orders", Item=broken)

        _, found = export(world, entry)

        assert (found["orders"][0]["problem"], found["orders"][0]["order"]) == ("unreadable", None)
        assert len(found["orders"][0]["messages"]) == 3

    def test_more_than_an_answer_holds_comes_in_pages_and_nothing_is_left_out(
        self, world: Shopify, entry: Json, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        world.deliver(order(id=5550001112224, email="a.buyer@example.com"))
        monkeypatch.setattr(exports, "MOST_BYTES", len(json.dumps(order())) * 2)

        _, first = export(world, entry)
        _, second = export(world, entry, first["cursor"])

        assert ([one["order_id"] for one in first["orders"]], first["cursor"]) == ([ORDER], "1")
        assert ([one["order_id"] for one in second["orders"]], second["cursor"]) == (["5550001112224"], None)
        assert second["message"] is None
        shown = [(one["text"] is not None, one["shown_at"] is not None) for one in first["orders"][0]["messages"]]
        assert len(shown) == 3 and (True, False) in shown  # what has no room is named, with its length
        assert all(one["bytes"] > 100 for one in first["orders"][0]["messages"])

    @pytest.mark.parametrize(
        ("claims", "status"),
        [
            ({"scope": "orders:read refunds:approve"}, 403),
            ({"client_id": "machine", "sub": "machine"}, 403),
            ({"accounts": f"[shopify/{OTHER}]"}, 404),
        ],
    )
    def test_machines_strangers_and_other_scopes_get_nothing(
        self, world: Shopify, entry: Json, claims: dict[str, str], status: int
    ) -> None:
        before = world.rows()

        assert export(world, entry, **claims)[0] == status
        assert world.rows() == before

    def test_what_is_no_finding_is_not_exported(self, world: Shopify, entry: Json) -> None:
        for row in (["shopify#x", "ORDER"], [f"shopify#{SHOP}#{ORDER}", "ORDER"], ["QUARANTINE#1", "a#b#c"]):
            name = base64.urlsafe_b64encode(json.dumps(row).encode()).decode().rstrip("=")
            assert export(world, {"id": name})[0] == 404


class TestDataRequest:
    def test_it_is_an_exception_with_its_orders_and_its_date(self, world: Shopify) -> None:
        for _ in range(2):
            assert world.deliver(REQUEST, "customers/data_request") == 200

        [entry] = entries(world)
        assert entry["orders"] == ["5550001112223", "5550001112224"]
        assert entry["due_by"] == "2026-12-22T14:00:05Z"
        assert (entry["order_id"], entry["account"]) == (None, SHOP)
        assert entry["reason"] == "a customer wants to know what is kept of 2 orders: answer within 30 days"
        assert "buyer" not in json.dumps(entry)

    def test_who_answered_it_takes_it_off_and_it_does_not_come_back(self, world: Shopify) -> None:
        world.deliver(REQUEST, "customers/data_request")
        [entry] = entries(world)

        assert dismiss(world, entry) == 200
        world.deliver(REQUEST, "customers/data_request")

        assert entries(world) == []

    def test_who_asks_is_kept_until_it_is_answered_and_nowhere_else(self, world: Shopify) -> None:
        world.deliver(REQUEST, "customers/data_request")
        [held] = [row for row in world.cloud.table() if "raw" in row]
        assert held["sk"]["S"].startswith("FINDING#")

        assert dismiss(world, *entries(world)) == 200

        assert not [row for row in world.cloud.table() if "raw" in row]

    @pytest.mark.parametrize("named", [[5550001112224], []])
    def test_a_wish_to_be_forgotten_takes_the_question_along(self, world: Shopify, named: list[int]) -> None:
        world.deliver(REQUEST, "customers/data_request")
        wish = {name: value for name, value in REQUEST.items() if name not in ("data_request", "orders_requested")}

        if not named:
            world.ask("uninstall")
        world.deliver({**wish, "orders_to_redact": named} if named else {"shop_id": int(SHOP_ID), "shop_domain": SHOP})
        world.run("guard")

        assert not [row for row in world.cloud.table() if "raw" in row]
        assert len(entries(world)) == 1  # somebody must answer it all the same

    @pytest.mark.parametrize("changes", [{"shop_id": 1}, {"shop_id": None}])
    def test_one_that_names_another_shop_asks_nobody_anything(self, world: Shopify, changes: Json) -> None:
        assert world.deliver(REQUEST | changes, "customers/data_request") == 200

        assert entries(world) == []

    def test_another_shops_caller_does_not_see_it(self, world: Shopify) -> None:
        world.deliver(REQUEST, "customers/data_request")
        event = http_event("GET", "/exceptions", {}, claims={"accounts": f"[shopify/{OTHER}]"})

        assert json.loads(world.cloud.invoke("orders_api", event)["body"])["exceptions"] == []


class TestAnotherInstallation:
    def guarded(self, world: Shopify, *pauses: int, **more: Any) -> None:
        for pause in pauses:
            world.run("guard", pause, accounts=[SHOP], **more)

    def test_S10_it_is_said_once_and_nobody_fights(self, world: Shopify) -> None:
        world.ask("subscribe", topic="ORDERS_PAID", address="https://staging.example.com/hook")

        self.guarded(world, 0, 600, 600)

        [entry] = entries(world)
        assert entry["reasons"] == [{"code": "subscriptions_of_others", "args": {"addresses": 1}}]
        assert "staging.example.com" not in json.dumps(entry)
        there = world.ask("subscriptions")["subscriptions"]
        assert len([one for one in there if "staging" in one["address"]]) == 1

    def test_S10_once_the_other_is_gone_so_is_the_entry_and_it_may_come_again(self, world: Shopify) -> None:
        world.ask("subscribe", topic="ORDERS_PAID", address="https://staging.example.com/hook")
        self.guarded(world, 0)
        shop = world.shop()
        strangers = [one for one in shop.subscriptions if "staging" in one.address]
        for one in strangers:
            shop.subscriptions.remove(one)

        self.guarded(world, 600)
        assert entries(world) == []

        shop.subscriptions += strangers
        self.guarded(world, 600)
        assert len(entries(world)) == 1
