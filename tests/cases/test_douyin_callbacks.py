"""What Douyin calls back in practice."""

from tests.cases import kit

WITHDRAWN = {
    "status": "SUCCESS",
    "extra": "",
    "message": "",
    "withdraw_at": kit.NOW - 5,
    "order_id": "W7056505317450090001",
    "out_order_id": "withdraw03456",
    "ch_order_id": "CH20261122000001",
}


def test_a_withdrawal_names_no_app_and_its_signature_says_whose_it_is(world):
    document = kit.douyin_document()

    answer = world.callback("app", *kit.ecpay(WITHDRAWN, "withdraw", document, kit.NOW))

    assert answer["statusCode"] == 200
    assert world.exceptions() == []


def test_one_message_under_many_unsigned_types_is_one_row(world):
    document = kit.douyin_document()
    message = {**WITHDRAWN, "appid": document["app_id"]}

    for number in range(20):
        world.callback("app", *kit.ecpay(message, f"withdraw{number}", document, kit.NOW))

    kept = [row for row in world.cloud.table() if row["sk"]["S"].startswith("EVENT#") or "QUARANTINE" in row["pk"]["S"]]
    assert len(kept) <= 1
