"""What each path costs in DynamoDB, counted from real items: none gets dearer without the table saying so."""

import json

import pytest

from bench import units


@pytest.fixture(scope="module")
def costs() -> dict[str, dict[str, float]]:
    return {name: units.totals(spent) for name, spent in units.paths().items()}


def test_each_path_costs_what_the_table_allows(costs):
    allowed = json.loads(units.ALLOWED.read_text())

    assert costs == allowed, "a path costs other units: if that is meant, `python bench/units.py --allow`, and say why"


@pytest.mark.parametrize(
    ("path", "most"),
    [("callback", 14), ("callback, 3 lines", 14), ("callback, API v2", 13), ("callback, 6 kB", 16), ("duplicate", 0)],
)
def test_a_callback_stays_within_its_units(costs, path, most):
    assert costs[path]["write"] <= most


def test_looking_at_empty_due_lists_is_all_that_an_idle_hour_costs(costs):
    assert costs[units.IDLE] == {"write": 0, "read": len(units.due_lists()) * 60 * 8 * 0.5}


def test_M2_a_work_list_is_read_by_a_few_calls_and_changes_by_one_while_nothing_moves():
    calls = {name: number for name, (_, number) in units.lists().items()}

    assert calls["orders, work=decide"] <= 8
    assert calls["changes, nothing moved"] == 1


def test_the_meter_charges_a_moved_index_entry_twice_and_an_unchanged_one_never():
    with units.metered() as meter:
        row = {"pk": {"S": "p"}, "sk": {"S": "ORDER"}, "facts": {"S": "x" * 2000}}
        meter.put_item(TableName="Orders", Item={**row, "due_shard": {"S": "a#1"}, "due_at": {"N": "1"}})
        meter.put_item(TableName="Orders", Item={**row, "due_shard": {"S": "a#1"}, "due_at": {"N": "2"}})
        meter.put_item(
            TableName="Orders", Item={**row, "due_shard": {"S": "a#1"}, "due_at": {"N": "2"}, "b": {"N": "1"}}
        )

    assert meter.units == {"write: ORDER": 6, "write: index due": 3}


def test_the_meter_charges_a_transaction_twice_and_what_it_checks_too():
    with units.metered() as meter:
        meter.put_item(TableName="Orders", Item={"pk": {"S": "p"}, "sk": {"S": "ORDER"}, "facts": {"S": "x" * 1500}})
        meter.units.clear()
        check = {"Key": {"pk": {"S": "p"}, "sk": {"S": "ORDER"}}, "ConditionExpression": "attribute_exists(pk)"}
        put = {"Item": {"pk": {"S": "p"}, "sk": {"S": "TXN"}}}
        transaction = [{"ConditionCheck": {**check, "TableName": "Orders"}}, {"Put": {**put, "TableName": "Orders"}}]
        meter.transact_write_items(TransactItems=transaction)

    assert meter.units == {"write: ORDER": 4, "write: TXN": 2}
