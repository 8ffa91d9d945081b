"""A platform that nothing shared has heard of: its pace and its money, besides what the contract suites hold of it."""

from countersign.notices.content import Facts
from countersign.notices.receipt import PrintSettings, render
from countersign.orders.present import order_json
from tests.workers import nowhere
from tests.workers.world import ORDER
from tests.workers.worlds.nowhere import Nowhere


def test_it_is_asked_as_often_as_it_allows_and_no_more(made_up: Nowhere) -> None:
    for number in range(12):
        made_up.create(f"ORDER-{number}")

    made_up.work("poll", 10)

    assert made_up.wire.calls.count("query") == 12
    # Every call took a slot of its own, a fifth of a second each; the row says when the next one begins.
    key = {"pk": {"S": "LIMIT#nowhere#nowhere-1"}, "sk": {"S": "QUERIES"}}
    row = made_up.cloud.dynamodb.get_item(TableName="Orders", Key=key)["Item"]
    slots, rest = divmod(int(row["next_at"]["N"]) - made_up.now * 1000, 1000 // nowhere.CALLS_PER_SECOND)
    assert slots >= 12
    assert rest == 0


def test_its_money_has_three_decimals_wherever_it_is_shown(made_up: Nowhere) -> None:
    made_up.buy(minor=12_345)
    order = made_up.order()

    lines = render(PrintSettings(), Facts(order.key, "order.paid", made_up.now, order), 32)

    shown = "\n".join(line.text for line in lines)
    assert "12.345" in shown
    assert ORDER in shown
    assert order_json(order)["amount"] == {"minor": 12_345, "currency": "BHD"}
    assert str(order.terms.amount) == "12.345 BHD"
