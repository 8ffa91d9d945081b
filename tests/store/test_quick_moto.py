"""What `quick_moto` spares moto changes none of its answers."""

import copy
import random
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws
from moto.dynamodb.models import Table

from tests import quick_moto

TABLE = "Tried"
Item = dict[str, Any]


@pytest.fixture
def client() -> Iterator[Any]:
    """Yield a client of a table with an index that not every item is in."""
    with mock_aws():
        made = boto3.client("dynamodb", region_name="us-east-1")
        made.create_table(
            TableName=TABLE,
            KeySchema=[
                {"AttributeName": "pk", "KeyType": "HASH"},
                {"AttributeName": "sk", "KeyType": "RANGE"},
            ],
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk", "shard")]
            + [{"AttributeName": "due", "AttributeType": "N"}],
            GlobalSecondaryIndexes=[
                {
                    "IndexName": "due",
                    "KeySchema": [
                        {"AttributeName": "shard", "KeyType": "HASH"},
                        {"AttributeName": "due", "KeyType": "RANGE"},
                    ],
                    "Projection": {"ProjectionType": "ALL"},
                }
            ],
            BillingMode="PAY_PER_REQUEST",
        )
        chance = random.Random(7)
        for _ in range(60):
            made.put_item(TableName=TABLE, Item=_item(chance))
        yield made


def _item(chance: random.Random) -> Item:
    item = {"pk": {"S": f"p{chance.randrange(6)}"}, "sk": {"S": f"s{chance.randrange(30):02}"}}
    if chance.random() < 0.5:
        item |= {"shard": {"S": f"d{chance.randrange(3)}"}, "due": {"N": str(chance.randrange(12))}}
    return item


def _questions() -> Iterator[Item]:
    for forward in (True, False):
        for limit in (1, 3, 100):
            how = {"TableName": TABLE, "ScanIndexForward": forward, "Limit": limit}
            for number in range(7):
                whole = {"KeyConditionExpression": "pk = :p", "ExpressionAttributeValues": {":p": {"S": f"p{number}"}}}
                yield how | whole
                values = {":p": {"S": f"p{number}"}, ":s": {"S": "s1"}}
                begins = "pk = :p AND begins_with(sk, :s)"
                yield how | {"KeyConditionExpression": begins, "ExpressionAttributeValues": values}
            for number in range(4):
                values = {":d": {"S": f"d{number}"}, ":n": {"N": "6"}}
                until = "shard = :d AND due <= :n"
                yield how | {
                    "IndexName": "due",
                    "KeyConditionExpression": until,
                    "ExpressionAttributeValues": values,
                }


def _answers(client: Any) -> list[list[Item]]:
    found = []
    for question in _questions():
        pages, start = [], None
        while True:
            page = question | ({"ExclusiveStartKey": start} if start else {})
            answer = client.query(**page)
            pages.append(answer["Items"])
            start = answer.get("LastEvaluatedKey")
            if not start:
                break
        found += pages
    return found


def test_a_query_finds_what_it_finds_by_sorting_the_whole_table(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    quick = _answers(client)
    monkeypatch.setattr(Table, "query", Table.query.__wrapped__)  # type: ignore[attr-defined]
    assert quick == _answers(client)
    assert sum(map(len, quick)) > 100


@pytest.mark.parametrize("refused", ["condition", "same item twice"])
def test_a_refused_transaction_leaves_everything_as_it_was(client: Any, refused: str) -> None:
    before = client.scan(TableName=TABLE)["Items"]
    first, second, third = before[0], before[1], before[2]

    def key(item: Item) -> Item:
        return {"pk": item["pk"], "sk": item["sk"]}

    steps: list[Item] = [
        {"Put": {"TableName": TABLE, "Item": key(first) | {"more": {"S": "x"}}}},
        {
            "Update": {
                "TableName": TABLE,
                "Key": key(second),
                "UpdateExpression": "SET more = :x",
                "ExpressionAttributeValues": {":x": {"S": "x"}},
            }
        },
        {"Put": {"TableName": TABLE, "Item": {"pk": {"S": "unheard"}, "sk": {"S": "of"}}}},
        {"Delete": {"TableName": TABLE, "Key": key(third)}},
    ]
    never = {"TableName": TABLE, "Key": {"pk": {"S": "none"}, "sk": {"S": "none"}}}
    if refused == "condition":
        steps.append({"ConditionCheck": never | {"ConditionExpression": "attribute_exists(pk)"}})
    else:
        steps.append(copy.deepcopy(steps[0]))
    with pytest.raises(ClientError):
        client.transact_write_items(TransactItems=steps)
    assert client.scan(TableName=TABLE)["Items"] == before
    client.transact_write_items(TransactItems=steps[:-1])
    assert client.scan(TableName=TABLE)["Items"] != before


def _deeds() -> Iterator[tuple[str, Item]]:
    key = {"pk": {"S": "p9"}, "sk": {"S": "s"}}
    listed = [{"N": "1.50"}, {"NULL": True}, {"M": {"B": {"BS": [b"a", b"\xff"]}}}]
    whole = key | {"sealed": {"B": b"\x00\xff"}, "list": {"L": listed}}
    never = {"ConditionExpression": "attribute_not_exists(pk)"}
    yield "put_item", {"Item": whole}
    yield "put_item", {"Item": whole, "ReturnValues": "ALL_OLD"}
    yield "put_item", {"Item": whole} | never
    yield "put_item", {"Item": whole, "ReturnValuesOnConditionCheckFailure": "ALL_OLD"} | never
    yield "get_item", {"Key": key, "ConsistentRead": True, "ReturnConsumedCapacity": "TOTAL"}
    yield "get_item", {"Key": key, "ProjectionExpression": "sealed, #l", "ExpressionAttributeNames": {"#l": "list"}}
    yield "get_item", {"Key": key | {"sk": {"S": "none"}}}
    added = {"UpdateExpression": "SET more = :b ADD seen :n REMOVE #l", "ExpressionAttributeNames": {"#l": "list"}}
    values = {"ExpressionAttributeValues": {":b": {"B": b"\x01"}, ":n": {"N": "2"}}}
    for returned in ("NONE", "ALL_NEW", "UPDATED_OLD", "UPDATED_NEW"):
        yield "update_item", {"Key": key, "ReturnValues": returned} | added | values
    yield "update_item", {"Key": key, "UpdateExpression": "SET pk = :b"} | values
    yield "scan", {"Limit": 7, "FilterExpression": "attribute_exists(sealed)"}
    yield "delete_item", {"Key": key, "ReturnValues": "ALL_OLD"}
    yield "delete_item", {"Key": key, "ConditionExpression": "attribute_exists(pk)"}
    yield "query", {"KeyConditionExpression": "pk = :b"} | values


def _done(client: Any) -> list[Any]:
    told: list[Any] = []
    for operation, arguments in _deeds():
        try:
            answer = getattr(client, operation)(TableName=TABLE, **arguments)
        except ClientError as error:
            answer = error.response
        told.append({name: value for name, value in answer.items() if name != "ResponseMetadata"})
    items = [{"Put": {"TableName": TABLE, "Item": {"pk": {"S": "p9"}, "sk": {"S": "t"}, "sealed": {"B": b"\x02"}}}}]
    for _ in range(2):
        items[0]["Put"]["ConditionExpression"] = "attribute_not_exists(pk)"
        try:
            client.transact_write_items(TransactItems=items)
        except ClientError as error:
            told.append((error.response["Error"], error.response["CancellationReasons"]))
    keys = [{"pk": {"S": "p9"}, "sk": {"S": sort}} for sort in ("t", "none")]
    found = client.batch_get_item(RequestItems={TABLE: {"Keys": keys, "ConsistentRead": True}})
    return [*told, found["Responses"], found["UnprocessedKeys"]]


def test_a_call_that_goes_straight_is_answered_as_on_the_long_way(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    straight = _done(client)
    for item in client.scan(TableName=TABLE, FilterExpression="pk = :p", ExpressionAttributeValues={":p": {"S": "p9"}})[
        "Items"
    ]:
        client.delete_item(TableName=TABLE, Key={name: item[name] for name in ("pk", "sk")})
    monkeypatch.setattr(quick_moto, "_OF_ITEMS", {})
    assert straight == _done(client)
    assert sum("Error" in one for one in straight if isinstance(one, dict)) == 4
