"""A charge fails, is known, explained and tried again: Recharge's functions against its simulator, in process."""

from tests.platforms.recharge.world import DAY, Recharge


def test_a_charge_that_fails_and_later_succeeds(world: Recharge) -> None:
    world.subscribe_all()
    charge = world.make("charge", will="INSUFFICIENT_FUNDS", attempt=True, note="Leave it at the door")
    assert world.deliver() == [200]

    shown = world.shown(charge["id"])
    assert (shown["status"], shown["paid"]) == ("failed", None)
    assert shown["charge"]["group"] == "will_be_retried"
    assert shown["charge"]["note"] == "Leave it at the door"
    assert world.emitted(charge["id"]) == ["charge.failed", "order.failed"]

    world.make("attempt", charge_id=charge["id"], will="")
    assert world.deliver() == [200]

    shown = world.shown(charge["id"])
    assert (shown["status"], shown["paid"]["minor"]) == ("paid", 2400)
    assert shown["part_of"] == {
        "platform": "shopify",
        "account": "demo-shop.myshopify.com",
        "order_id": shown["charge"]["external_order_id"],
    }
    assert sorted(world.emitted(charge["id"])) == ["charge.failed", "charge.recovered", "order.failed", "order.paid"]


def test_the_scan_finds_what_no_delivery_told(world: Recharge) -> None:
    charge = world.make("charge", will="CARD_EXPIRED", attempt=True)
    world.run("scan")

    assert world.shown(charge["id"])["charge"]["group"] == "customer_must_act"
    assert world.emitted(charge["id"]) == ["charge.failed", "order.failed"]
    world.run("scan", 600)
    world.run("scan", 600)
    assert world.emitted(charge["id"]) == ["charge.failed", "order.failed"]
    world.make("attempt", charge_id=charge["id"], will="")
    world.run("poll", DAY + 7200)
    assert world.shown(charge["id"])["status"] == "paid"
