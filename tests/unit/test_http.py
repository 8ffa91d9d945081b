"""Requests read from API Gateway's events, and JSON read strictly."""

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from countersign.errors import MalformedError, TooLargeError, UnsupportedEncodingError
from countersign.http import MAX_JSON_KEYS, read_json, read_request

CONTEXT = {"http": {"method": "POST", "sourceIp": "203.0.113.9"}, "domainName": "pay.example.com"}


def event(body="{}", **members):
    return {"requestContext": CONTEXT, "headers": {"Content-Type": "application/json"}, "body": body, **members}


@pytest.mark.parametrize(
    "text",
    [
        '{"a":1,"a":2}',
        '{"x":{"a":1,"a":2}}',
        '[{"a":1,"b":{"a":1,"\\u0061":2}}]',
        "NaN",
        '{"a":Infinity}',
        '{"a":1e400}',
        '{"a":' + "9" * 5000 + "}",
        "[" * 33 + "]" * 33,
        "[" * 100_000,
        '{"a":' * 40 + "1" + "}" * 40,
        "",
        "{",
        "{'a':1}",
        '"\\ud800"',
        '{"\\udc00":1}',
        "\ufeff{}",
    ],
)
def test_C6_C7_C8_C11_hostile_json_is_malformed(text):
    with pytest.raises(MalformedError):
        read_json(text.encode("utf-8", "surrogatepass"))


@pytest.mark.parametrize("data", [b"\xff\xfe{\x00}\x00", b'{"a":"\xff"}', b'\xef\xbb\xbf{"a":1}', b'"\xed\xa0\x80"'])
def test_C11_bytes_that_are_not_plain_utf8_are_malformed(data):
    with pytest.raises(MalformedError):
        read_json(data)


def test_C6_a_document_with_too_many_keys_is_malformed():
    assert len(read_json(json.dumps({str(n): n for n in range(MAX_JSON_KEYS)}))) == MAX_JSON_KEYS
    with pytest.raises(MalformedError):
        read_json(json.dumps({str(n): n for n in range(MAX_JSON_KEYS + 1)}))


def test_brackets_and_colons_inside_strings_are_no_depth_and_no_keys():
    text = json.dumps({"a": "[{" * 50 + '\\"' + ":" * 20_000})

    assert read_json(text) == json.loads(text)


values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(values)
def test_what_json_dumps_writes_is_read_back(value):
    try:
        text = json.dumps(value)
        expected = json.loads(text)
        text.encode()
        json.dumps(expected, ensure_ascii=False).encode()
    except (UnicodeEncodeError, RecursionError):
        return
    assert read_json(text) == expected


def test_A7_header_names_have_no_case_and_come_once():
    request = read_request(event(headers={"Wechatpay-NONCE": "n"}), limit=10)
    assert request.header("wechatpay-nonce") == "n"

    with pytest.raises(MalformedError):
        read_request(event(headers={"A": "1", "a": "2"}), limit=10)
    with pytest.raises(MalformedError):
        read_request(event(multiValueHeaders={"A": ["1", "2"]}), limit=10)
    with pytest.raises(MalformedError):
        read_request(event(headers={"a": "1,2"}), limit=10).header("a")


def test_C5_a_body_over_the_limit_is_too_large_in_either_form():
    assert read_request(event("x" * 10), limit=10).body == b"x" * 10
    for body, encoded in (("x" * 11, False), (base64.b64encode(b"x" * 11).decode(), True), ("x" * 10_000, True)):
        with pytest.raises(TooLargeError):
            read_request(event(body, isBase64Encoded=encoded), limit=10)


def test_C12_the_exact_bytes_arrive_and_compressed_ones_are_refused():
    raw = bytes(range(256))
    assert read_request(event(base64.b64encode(raw).decode(), isBase64Encoded=True), limit=999).body == raw
    with pytest.raises(UnsupportedEncodingError):
        read_request(event(headers={"Content-Encoding": "gzip"}), limit=10)


@pytest.mark.parametrize(("body", "encoded"), [("a\ud800", False), ("not base64!", True), ("YQ", True)])
def test_a_body_that_cannot_be_decoded_is_malformed(body, encoded):
    with pytest.raises(MalformedError):
        read_request(event(body, isBase64Encoded=encoded), limit=99)
