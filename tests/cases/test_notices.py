"""What WeChat Pay sends to a notify URL in practice."""

from tests.cases import kit

V2_WITH_COUPONS = {
    "attach": "支付测试 a&b <c>",
    "bank_type": "CFT",
    "cash_fee": "8300",
    "coupon_count": "2",
    "coupon_fee": "500",
    "coupon_fee_0": "300",
    "coupon_fee_1": "200",
    "coupon_id_0": "1001",
    "coupon_id_1": "1002",
    "coupon_type_0": "CASH",
    "coupon_type_1": "NO_CASH",
    "device_info": "",
    "fee_type": "CNY",
    "is_subscribe": "N",
    "nonce_str": "oPYhfVW0jABBitJ5",
    "openid": "oField_Payer_000000000000001",
    "out_trade_no": "FIELD-V2-1",
    "result_code": "SUCCESS",
    "return_code": "SUCCESS",
    "settlement_total_fee": "8600",
    "time_end": "20261122142720",
    "total_fee": "8800",
    "trade_type": "JSAPI",
    "transaction_id": "4200002901202611229000000301",
}


def test_a_v2_notice_with_coupons_empty_fields_and_bare_numbers_pays_the_order(world):
    document = world.documents["classic"]
    world.open("wechat", "classic", "FIELD-V2-1", 8800, system="v2", appid=document["appid"], tenant=document["mchid"])
    fields = {**V2_WITH_COUPONS, "appid": document["appid"], "mch_id": document["mchid"]}

    assert (
        world.notify("classic", *kit.notice_v2(fields, document, plain=("cash_fee", "total_fee")))["statusCode"] == 200
    )
    order = world.order("wechat", "classic", "FIELD-V2-1")[1]
    assert (order["status"], order["paid"]["minor"]) == ("paid", 8800)
    assert world.exceptions() == []


def test_a_signed_notice_whose_order_was_refunded_meanwhile_says_that_it_was_paid(world):
    """The notice of a payment, repeated, has the `trade_state` of now: REFUND, which comes only after SUCCESS."""
    document = world.documents["shop"]
    ours = {"appid": document["appid"], "mchid": document["mchid"]}
    world.open("wechat", "shop", "FIELD-REF01", 8800, at=kit.NOW - 4100, appid=ours["appid"], tenant=ours["mchid"])
    resource = {
        **ours,
        "out_trade_no": "FIELD-REF01",
        "transaction_id": "4200002901202611229000000013",
        "trade_type": "JSAPI",
        "trade_state": "REFUND",
        "trade_state_desc": "订单发生过退款，退款详情请查询退款单",
        "bank_type": "OTHERS",
        "attach": "",
        "success_time": "2026-11-22T13:20:00+08:00",
        "payer": {"openid": "oField_Payer_000000000000001"},
        "amount": {"total": 8800, "payer_total": 8800, "currency": "CNY", "payer_currency": "CNY"},
    }

    answer = world.notify("shop", *kit.notice_v3(resource, "TRANSACTION.SUCCESS", kit.NOW, document))

    assert answer["statusCode"] in (200, 204)
    order = world.order("wechat", "shop", "FIELD-REF01")[1]
    assert (order["status"], (order["paid"] or {}).get("minor")) == ("paid", 8800)


def test_news_of_a_profit_sharing_is_acknowledged_and_wants_nobody(world):
    """It shares TRANSACTION.SUCCESS with payments; what is signed inside names a receiver and no order of the shop."""
    document = world.documents["shop"]
    resource = {
        "mchid": document["mchid"],
        "transaction_id": "4200002901202611229000000011",
        "order_id": "30002107042026112200000000001",
        "out_order_no": "PS-20261122-0001",
        "receiver": {"type": "MERCHANT_ID", "account": "1900000200", "amount": 120, "description": "分给供应商"},
        "success_time": "2026-11-22T14:27:20+08:00",
    }
    how = {"original_type": "profitsharing", "aad": "profitsharing", "summary": "分账成功"}

    answer = world.notify("shop", *kit.notice_v3(resource, "TRANSACTION.SUCCESS", kit.NOW, document, **how))

    assert answer["statusCode"] in (200, 204)
    assert world.exceptions() == []


def test_a_refund_notice_of_v2_as_it_comes_and_one_captured_message_fills_no_quarantine(world):
    """Refund notices of v2 are unsigned: what stands beside `req_info` can be varied by anybody who saw one."""
    document = world.documents["classic"]
    inner = kit.xml({"out_trade_no": "FIELD-V2-2", "out_refund_no": "R1", "refund_fee": "much"}, root="root")
    sealed = kit.seal_req_info(inner, document["api_v2_keys"][0])
    outer = {"return_code": "SUCCESS", "appid": document["appid"], "mch_id": document["mchid"], "req_info": sealed}

    statuses = set()
    for number in range(100):
        body = kit.xml({**outer, "nonce_str": f"x{number}"})
        statuses.add(world.notify("classic", body, {"content-type": "text/xml"})["statusCode"])

    assert statuses <= {200, 429}
    assert sum(row["pk"]["S"].startswith("QUARANTINE#") for row in world.cloud.table()) <= 60


def test_one_signed_notice_of_v2_in_many_layouts_is_one_row(world):
    document = world.documents["classic"]
    fields = {**V2_WITH_COUPONS, "appid": document["appid"], "mch_id": document["mchid"], "total_fee": "1.5"}
    body, headers = kit.notice_v2(fields, document)

    for number in range(20):
        layout = body.replace(b"</xml>", f"<e{number}></e{number}></xml>".encode())
        assert world.notify("classic", layout, headers)["statusCode"] == 200

    assert sum(row["pk"]["S"].startswith("QUARANTINE#") for row in world.cloud.table()) == 1


def test_a_value_that_folds_another_field_into_itself_is_refused(world):
    """`a=1&b=2` is signed like the one field a with the value `1&b=2`."""
    document = world.documents["classic"]
    fields = {**V2_WITH_COUPONS, "appid": document["appid"], "mch_id": document["mchid"], "sub_mch_id": "1900000201"}
    body, headers = kit.notice_v2(fields, document)
    folded = body.replace(b"<sub_mch_id><![CDATA[1900000201]]></sub_mch_id>", b"").replace(
        b"<settlement_total_fee><![CDATA[8600]]>", b"<settlement_total_fee><![CDATA[8600&sub_mch_id=1900000201]]>"
    )
    assert folded.count(b"sub_mch_id") == 1

    assert world.notify("classic", folded, headers)["statusCode"] in (400, 401)
