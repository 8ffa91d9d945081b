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
