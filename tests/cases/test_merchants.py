"""What merchants have on paper and in their consoles: bills, keys, receipts, tracking numbers."""

import datetime
import json

from countersign.notices import receipt
from countersign.notices.content import Facts
from countersign.notices.receipt import PrintSettings
from countersign.platforms.wechat import settings
from tests.cases import kit

TEA = {"amount": {"minor": 8800, "currency": "CNY"}, "description": "奶茶", "payer": {"openid": "oField1"}}
BAG = """Bag Attributes
    localKeyID: 4C 55 2B 6E D2 EE FF 09 8E A6 8C 4C 83 B1 C9 A5 1B 49 18 5F
    friendlyName: Tenpay Certificate
subject=C = CN, O = Throwaway merchant, CN = 1900099001
issuer=C = CN, O = Throwaway merchant, CN = 1900099001
"""
EARLY_COLUMNS = (
    "交易时间,公众账号ID,商户号,子商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,付款银行,货币种类,总金额,代金券或立减优惠金额,"
    "微信退款单号,商户退款单号,退款金额,代金券或立减优惠退款金额,退款类型,退款状态,商品名称,商户数据包,手续费,费率"
)
EARLY_SUMS = "总交易单数,总交易额,总退款金额,总代金券或立减优惠退款金额,手续费总金额"


def paid(world, account, order_id, **how):
    """Create an order and have it paid; return what the merchant API says of it."""
    answer = world.create(account, {**TEA, "order_id": order_id})
    assert answer["statusCode"] == 201, answer["body"]
    wanted = {"account": account, "out_trade_no": order_id, "notify": False, **how}
    assert world.wechat.simulator.control("pay", wanted)[0] == 200
    world.run("wechat_poll", 10)
    order = world.order("wechat", account, order_id)[1]
    assert order["status"] == "paid"
    return order


def line(*values):
    return ",".join(f"`{value}" for value in values)


def test_a_bill_in_its_early_form_is_compared_as_any_other(world):
    """WeChat's page on bills says that some merchants still get 24 columns and five sums."""
    order, document = paid(world, "classic", "FIELD-BILL01"), world.documents["classic"]
    ours = ("2026-11-22 14:27:25", document["appid"], document["mchid"], "0", "", order["transaction_id"])
    who = (*ours, "FIELD-BILL01", "oField1", "JSAPI")
    bill = [
        EARLY_COLUMNS,
        line(*who, "SUCCESS", "CFT", "CNY", "88.00", "8.00", *["0"] * 4, "", "", "奶茶", "", "0.53", "0.60%"),
        line(*who, "REFUND", "CFT", "CNY", "0.00", "0.00", "50302101202611221520000001", "console1", "10.00", "0")
        + ","
        + line("ORIGINAL", "SUCCESS", "奶茶", "", "-0.06", "0.60%"),
        EARLY_SUMS,
        line("2", "88.00", "10.00", "0.0", "0.47"),
    ]
    data = ("\ufeff" + "\r\n".join(bill) + "\r\n").encode()
    plain = {"content-type": "text/plain"}
    world.wechat.hook = lambda method, path, *_: (200, plain, data) if path == "/pay/downloadbill" else None
    world.clock.move_to(datetime.datetime.fromisoformat("2026-11-23T10:05:00+08:00"))

    world.run("wechat_bill")

    where = {"account": "classic", "date": "2026-11-22"}
    answer = world.http("orders_api", "GET", "/reconciliation/{account}/{date}", where)
    [report] = json.loads(answer["body"])["reports"]
    assert (report["status"], report.get("reason")) == ("done", None)
    assert (report["bill"]["payments"], report["bill"]["refunds"], report["bill"]["paid"]["minor"]) == (1, 1, 8800)


def test_a_certificate_with_openssls_text_around_it_is_read():
    """`openssl pkcs12` prints Bag Attributes before a block (RFC 7468, section 2: text outside is not part of it)."""
    plain = kit.KEYS["merchant"]["cert_pem"]
    assert settings.load(kit.shop_document(merchant_cert_pem=plain))

    assert settings.load(kit.shop_document(merchant_cert_pem=BAG + plain + "\nthe end\n"))


def test_a_receipt_says_what_the_payer_paid_after_a_coupon(world):
    paid(world, "shop", "FIELD-CPN001", coupon=1234)
    order = world.store.get(kit.facts.OrderKey("wechat", "shop", "FIELD-CPN001"))

    rows = [row.text for row in receipt.render(PrintSettings(), Facts(order.key, "order.paid", world.now, order), 32)]

    [row] = [row for row in rows if row.startswith("实付")]
    assert row.endswith("¥75.66")
    [discount] = [row for row in rows if row.startswith("优惠")]
    assert "12.34" in discount


def test_a_tracking_number_with_blanks_around_it_is_the_same_parcel(world):
    order = paid(world, "shop", "FIELD-SH0002")
    for number in (" YT0002\n", "YT0002"):
        body = {"carrier": "YTO", "tracking_no": number}
        world.api("POST", "/shipments", "wechat", "shop", "FIELD-SH0002", body, {})
        for _ in range(3):
            world.run("wechat_ship", 20)

    wanted = {"account": "shop", "transaction_id": order["transaction_id"]}
    has = world.wechat.simulator.control("shipping", wanted)[1]["shipping"]
    assert [parcel["tracking_no"] for parcel in has["parcels"]] == ["YT0002"]
    assert (has["uploads"], bool(has["corrected"])) == (1, False)
