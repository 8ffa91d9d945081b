"""What `quick_moto` spares moto changes none of its answers."""

import copy
import random
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws
from moto.core.botocore_stubber import BotocoreStubber
from moto.dynamodb.models import Table

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


def test_what_is_done_to_items_at_once_is_answered_as_the_long_way(
    client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def told() -> list[Any]:
        whole = {"pk": {"S": "all"}, "sk": {"S": "kinds"}}
        item = whole | {
            "B": {"B": b"\x00\xff"},
            "many": {"L": [{"N": "1.50"}, {"M": {"B": {"BS": [b"a", b"b"]}, "none": {"NULL": True}}}, {"SS": ["x"]}]},
        }
        key = {"TableName": TABLE, "Key": whole}
        answers = [
            client.put_item(TableName=TABLE, Item=item),
            client.get_item(**key),
            client.batch_get_item(RequestItems={TABLE: {"Keys": [whole], "ConsistentRead": True}}),
            client.update_item(
                **key,
                UpdateExpression="SET many[0] = many[0] + :x, #more = :b",
                ExpressionAttributeNames={"#more": "more"},
                ExpressionAttributeValues={":x": {"N": "1"}, ":b": {"B": b"B"}},
                ReturnValues="ALL_NEW",
            ),
            client.transact_write_items(TransactItems=[{"Put": {"TableName": TABLE, "Item": item}}]),
        ]
        for refused in (
            lambda: client.put_item(TableName=TABLE, Item=item, ConditionExpression="attribute_not_exists(pk)"),
            lambda: client.get_item(TableName="unknown", Key=whole),
            lambda: client.transact_write_items(
                TransactItems=[{"Delete": key | {"ConditionExpression": "attribute_not_exists(pk)"}}]
            ),
        ):
            with pytest.raises(ClientError) as error:
                refused()
            answers.append(error.value.response)
        answers.append(client.delete_item(**key, ReturnValues="ALL_OLD"))
        for answer in answers:
            del answer["ResponseMetadata"]
        return answers

    quick = told()
    monkeypatch.setattr(BotocoreStubber, "__call__", BotocoreStubber.__call__.__wrapped__)  # type: ignore[attr-defined]
    assert quick == told()
