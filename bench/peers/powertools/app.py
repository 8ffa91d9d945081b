"""Build A: the notification as it is commonly written with Powertools, wechatpayv3, pydantic and boto3.

Router, parser, idempotency in its own table, and the order updated through boto3's Table: three requests for a fresh
notification, one for a duplicate. It reads its keys from the environment, so it pays for no Secrets Manager.
"""

import json
import os
from datetime import UTC, datetime
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
from wechatpayv3 import WeChatPay, WeChatPayType


class Amount(BaseModel):
    total: int
    payer_total: int
    currency: str
    payer_currency: str


class Payer(BaseModel):
    openid: str


class Goods(BaseModel):
    goods_id: str
    quantity: int
    unit_price: int
    discount_amount: int
    goods_remark: str | None = None


class Promotion(BaseModel):
    coupon_id: str
    name: str
    scope: str
    type: str
    amount: int
    stock_id: str
    currency: str
    goods_detail: list[Goods] = []


class Transaction(BaseModel):
    mchid: str
    appid: str
    out_trade_no: str
    transaction_id: str
    trade_type: str
    trade_state: str
    trade_state_desc: str
    bank_type: str
    attach: str = ""
    success_time: datetime
    payer: Payer
    amount: Amount
    promotion_detail: list[Promotion] = []


class Notice(BaseModel):
    id: str
    create_time: datetime
    resource_type: str
    event_type: str
    summary: str
    resource: Transaction


app = APIGatewayHttpResolver()
wechat = WeChatPay(
    wechatpay_type=WeChatPayType.MINIPROG,
    mchid=os.environ["MCHID"],
    private_key=os.environ["MERCHANT_PRIVATE_KEY"],
    cert_serial_no="5157F09EFDC096DE15EBE81A47057A7200000001",
    apiv3_key=os.environ["API_V3_KEY"],
    appid=os.environ["APPID"],
    notify_url="https://shop.example/wechat/notify",
    public_key=os.environ["WECHATPAY_PUBLIC_KEY"],
    public_key_id=os.environ["WECHATPAY_PUBLIC_KEY_ID"],
)
client = boto3.client("dynamodb")
orders = boto3.resource("dynamodb").Table("orders")
seen = DynamoDBPersistenceLayer(table_name="idempotency", boto3_client=client)
config = IdempotencyConfig(event_key_jmespath="id", expires_after_seconds=7 * 86400)


@idempotent_function(data_keyword_argument="notice", config=config, persistence_store=seen)
def process(notice: Notice) -> dict[str, str]:
    """Mark the order paid."""
    paid = notice.resource
    orders.update_item(
        Key={"pk": f"ORDER#{paid.out_trade_no}", "sk": "STATE"},
        UpdateExpression=(
            "SET #s = :s, transaction_id = :t, paid_at = :p, amount_total = :a, "
            "currency = :c, payer_openid = :o, updated_at = :u"
        ),
        ConditionExpression="attribute_not_exists(#s) OR #s IN (:new, :pending)",
        ExpressionAttributeNames={"#s": "status"},
        ExpressionAttributeValues={
            ":s": "PAID",
            ":t": paid.transaction_id,
            ":p": paid.success_time.isoformat(),
            ":a": paid.amount.total,
            ":c": paid.amount.currency,
            ":o": paid.payer.openid,
            ":u": datetime.now(UTC).isoformat(),
            ":new": "CREATED",
            ":pending": "PENDING",
        },
    )
    return {"code": "SUCCESS"}


@app.post("/wechat/notify")
def notify() -> Response[str]:
    """Verify, parse, process once."""
    event = app.current_event
    data = wechat.callback(event.headers, event.decoded_body)
    if not data:
        return Response(status_code=401, content_type="application/json", body='{"code":"FAIL"}')
    result = process(notice=parse(event=data, model=Notice))
    return Response(status_code=200, content_type="application/json", body=json.dumps(result))


def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Resolve the route."""
    config.register_lambda_context(context)
    return app.resolve(event, context)
