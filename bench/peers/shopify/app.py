"""Build A for Shopify: the delivery as it is commonly written with Powertools, pydantic and boto3.

Router, the signature by hand as Shopify's page has it, parser, idempotency in its own table by the delivery's id, and
the order kept through boto3's Table unless a newer one is there: three requests for a fresh delivery, one for a
duplicate. It reads its secret from the environment, so it pays for no Secrets Manager, and believes the header that
names the shop.
"""

import base64
import hashlib
import hmac
import os
from datetime import datetime
from decimal import Decimal
from typing import Any

import boto3
from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.utilities.idempotency import (
    DynamoDBPersistenceLayer,
    IdempotencyConfig,
    idempotent_function,
)
from aws_lambda_powertools.utilities.parser import parse
from pydantic import BaseModel


class Amount(BaseModel):
    amount: Decimal
    currency_code: str


class Both(BaseModel):
    shop_money: Amount
    presentment_money: Amount


class Line(BaseModel):
    id: int
    title: str
    quantity: int
    price: Decimal


class Movement(BaseModel):
    id: int
    kind: str
    status: str
    amount: Decimal
    currency: str


class Refund(BaseModel):
    id: int
    transactions: list[Movement] = []


class Order(BaseModel):
    id: int
    name: str
    created_at: datetime
    updated_at: datetime
    cancelled_at: datetime | None = None
    currency: str
    presentment_currency: str
    current_total_price_set: Both
    total_outstanding: Decimal
    financial_status: str | None = None
    fulfillment_status: str | None = None
    payment_gateway_names: list[str] = []
    line_items: list[Line] = []
    refunds: list[Refund] = []


class Delivery(BaseModel):
    webhook_id: str
    shop: str
    order: Order


app = APIGatewayHttpResolver()
secret = os.environ["SHOPIFY_SECRET"].encode()
client = boto3.client("dynamodb")
orders = boto3.resource("dynamodb").Table("orders")
seen = DynamoDBPersistenceLayer(table_name="idempotency", boto3_client=client)
config = IdempotencyConfig(event_key_jmespath="webhook_id", expires_after_seconds=7 * 86400)


@idempotent_function(data_keyword_argument="delivery", config=config, persistence_store=seen)
def process(delivery: Delivery) -> dict[str, bool]:
    """Keep the order as it is told, unless a newer one is there."""
    told = delivery.order
    orders.update_item(
        Key={"pk": f"ORDER#{delivery.shop}#{told.id}", "sk": "STATE"},
        UpdateExpression=(
            "SET #s = :s, order_name = :n, amount_total = :a, currency = :c, outstanding = :o, refunded = :r, "
            "updated_at = :u"
        ),
        ConditionExpression="attribute_not_exists(updated_at) OR updated_at < :u",
        ExpressionAttributeNames={"#s": "status"},
        ExpressionAttributeValues={
            ":s": told.financial_status or "pending",
            ":n": told.name,
            ":a": told.current_total_price_set.presentment_money.amount,
            ":c": told.presentment_currency,
            ":o": told.total_outstanding,
            ":r": sum((one.amount for refund in told.refunds for one in refund.transactions), Decimal(0)),
            ":u": int(told.updated_at.timestamp()),
        },
    )
    return {"kept": True}


@app.post("/shopify/webhook")
def webhook() -> Response[str]:
    """Verify, parse, process once."""
    event = app.current_event
    body = event.decoded_body.encode()
    expected = base64.b64encode(hmac.digest(secret, body, hashlib.sha256)).decode()
    if not hmac.compare_digest(expected, event.headers["x-shopify-hmac-sha256"]):
        return Response(status_code=401, body="")
    told = parse(event=event.decoded_body, model=Order)
    shop, webhook_id = event.headers["x-shopify-shop-domain"], event.headers["x-shopify-webhook-id"]
    process(delivery=Delivery(webhook_id=webhook_id, shop=shop, order=told))
    return Response(status_code=200, body="")


def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Resolve the route."""
    config.register_lambda_context(context)
    return app.resolve(event, context)
