"""The sorted form of parameters, against the string that WeChat publishes."""

from countersign.signing.params import canonical

PUBLISHED = {
    "appid": "wxd930ea5d5a258f4f",
    "mch_id": "10000100",
    "device_info": "1000",
    "body": "test",
    "nonce_str": "ibuaiVcKdpRxkhJA",
}
PUBLISHED_ROW = "appid=wxd930ea5d5a258f4f&body=test&device_info=1000&mch_id=10000100&nonce_str=ibuaiVcKdpRxkhJA"


def test_the_published_parameters() -> None:
    assert canonical(PUBLISHED, without="sign") == PUBLISHED_ROW


def test_empty_values_and_the_left_out_field_are_dropped() -> None:
    assert canonical({**PUBLISHED, "attach": "", "sign": "X"}, without="sign") == PUBLISHED_ROW


def test_zero_and_space_are_values() -> None:
    assert canonical({"b": "0", "a": " "}, without="sign") == "a= &b=0"


def test_names_are_sorted_as_ascii() -> None:
    fields = dict.fromkeys(["a_b", "aB", "a1", "Z", "coupon_fee_10", "coupon_fee_2"], "x")

    assert canonical(fields, without="sign") == "Z=x&a1=x&aB=x&a_b=x&coupon_fee_10=x&coupon_fee_2=x"


def test_values_are_raw() -> None:
    assert canonical({"a": "奶茶 & 100%=<b>"}, without="sign") == "a=奶茶 & 100%=<b>"
