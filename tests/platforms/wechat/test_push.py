"""Message pushes: whose they are, whom they are for, and that nothing else passes."""

import base64
import json
from dataclasses import replace
from typing import Any

import pytest
from wechatpy.crypto import WeChatCrypto

from countersign.errors import (
    CountersignError,
    InvalidSignatureError,
    KeysUnavailableError,
    MalformedError,
    NotFoundError,
    StaleTimestampError,
    TenantMismatchError,
    UndecryptableError,
)
from countersign.http import HttpRequest
from countersign.platforms.wechat import push
from countersign.platforms.wechat.push import Pushed
from tests.platforms.wechat.pushing import (
    AES_KEY,
    NEW_ORDER,
    NONCE,
    OLD_AES_KEY,
    PUSH,
    STORE,
    STORE_AES_KEY,
    STORE_APPID,
    STORE_TOKEN,
    TOKEN,
    account,
    encrypted,
    framed,
    padded,
    plain,
    posted,
    sealed,
    secure,
    signature,
)
from tests.platforms.wechat.support import APPID, NOW

KNOWN = push.recipients(account())
PLAIN = push.recipients(account(push={"mode": "plain", "token": TOKEN}))
XML = (
    "<xml>\n<ToUserName><![CDATA[gh_0123456789ab]]></ToUserName>\n<CreateTime>1795328843</CreateTime>"
    "<MsgType><![CDATA[event]]></MsgType><Event><![CDATA[channels_ec_order_pay]]></Event>\n"
    "<order_info>\n<order_id>3705115058471208928</order_id><pay_time>1795328842</pay_time></order_info></xml>"
)


def opened(request: HttpRequest, known: Any = KNOWN, now: int = NOW) -> Pushed:
    """Return what a message says."""
    return push.verify(request, known, now=now)


def refused(request: HttpRequest, known: Any = KNOWN, now: int = NOW) -> CountersignError:
    """Return why a message is refused."""
    with pytest.raises(CountersignError) as refusal:
        push.verify(request, known, now=now)
    return refusal.value


@pytest.mark.parametrize("as_xml", [False, True])
def test_a_sealed_message_is_opened(as_xml: bool) -> None:
    pushed = opened(secure(as_xml=as_xml))

    assert (pushed.fields, pushed.key_id, pushed.signed) == (NEW_ORDER, "push.0", True)


def test_the_message_itself_may_be_xml_with_elements_inside_elements() -> None:
    fields = opened(secure(XML, as_xml=True)).fields

    assert fields["Event"] == "channels_ec_order_pay"
    assert fields["order_info"] == {"order_id": "3705115058471208928", "pay_time": "1795328842"}


def test_another_implementations_message_is_opened() -> None:
    maker = WeChatCrypto(TOKEN, AES_KEY, APPID)
    made = maker.encrypt_message(json.dumps(NEW_ORDER), NONCE, str(NOW))
    text = made.split("<Encrypt><![CDATA[")[1].split("]]>")[0]
    signed = made.split("<MsgSignature><![CDATA[")[1].split("]]>")[0]
    query = {"timestamp": str(NOW), "nonce": NONCE, "msg_signature": signed}

    assert opened(posted(json.dumps({"Encrypt": text}).encode(), query)).fields == NEW_ORDER


def test_A11_a_message_under_the_previous_key_is_opened_and_the_key_is_named() -> None:
    assert opened(secure(key=OLD_AES_KEY)).key_id == "push.1"


def test_the_mini_store_has_its_own_token_and_key() -> None:
    message = secure(token=STORE_TOKEN, key=STORE_AES_KEY, appid=STORE_APPID)

    assert opened(message).key_id == "store.push.0"


@pytest.mark.parametrize(
    "changes",
    [
        {"token": STORE_TOKEN},
        {"key": STORE_AES_KEY},
        {"token": STORE_TOKEN, "key": STORE_AES_KEY},
        {"appid": STORE_APPID},
    ],
)
def test_B6_the_mini_programs_and_the_mini_stores_keys_are_not_mixed(changes: dict[str, str]) -> None:
    assert refused(secure(**changes)).status == 401  # type: ignore[arg-type]


def test_compatible_mode_reads_what_is_sealed_and_not_what_stands_beside_it() -> None:
    known = push.recipients(account(push={**PUSH, "mode": "compatible"}))
    lie = {**NEW_ORDER, "Event": "channels_ec_order_pay"}

    pushed = opened(secure(beside=lie), known)

    assert pushed.fields == NEW_ORDER
    assert b"channels_ec_order_pay" not in pushed.evidence


def test_plain_mode_gives_a_hint_of_which_nothing_is_kept() -> None:
    pushed = opened(plain(), PLAIN)

    assert (pushed.fields, pushed.signed, pushed.key_id, pushed.evidence) == (NEW_ORDER, False, "", b"")


def test_plain_mode_believes_a_sealed_message_where_there_is_a_key() -> None:
    known = push.recipients(account(push={**PUSH, "mode": "plain"}))

    assert opened(secure(), known).signed
    assert isinstance(refused(secure(), PLAIN), KeysUnavailableError)


@pytest.mark.parametrize("mode", ["secure", "compatible"])
def test_a_message_in_clear_is_refused_where_messages_are_sealed(mode: str) -> None:
    known = push.recipients(account(push={**PUSH, "mode": mode}))

    assert isinstance(refused(plain(), known), InvalidSignatureError)


def test_a_message_in_clear_needs_a_signature_too() -> None:
    request = plain()

    assert isinstance(
        refused(replace(request, query={**request.query, "signature": "0" * 40}), PLAIN), InvalidSignatureError
    )


@pytest.mark.parametrize("name", ["timestamp", "nonce", "msg_signature"])
@pytest.mark.parametrize("value", [None, ""])
def test_A1_a_missing_part_of_the_signature_is_refused(name: str, value: str | None) -> None:
    request = secure()
    query = {other: text for other, text in request.query.items() if other != name}
    query |= {} if value is None else {name: value}

    assert isinstance(refused(replace(request, query=query)), InvalidSignatureError)


def test_the_signature_of_the_url_is_not_that_of_the_message() -> None:
    request = secure()
    query = {**request.query, "msg_signature": request.query["signature"]}

    assert isinstance(refused(replace(request, query=query)), InvalidSignatureError)


def test_A2_every_flipped_bit_of_what_is_signed_is_refused() -> None:
    request = secure({"MsgType": "event"})
    outer = json.loads(request.body)
    text = outer["Encrypt"]
    for position in range(len(text)):
        for bit in range(7):
            changed = text[:position] + chr(ord(text[position]) ^ 1 << bit) + text[position + 1 :]
            body = json.dumps({**outer, "Encrypt": changed}).encode()
            assert refused(replace(request, body=body)).status in (400, 401)
    for name in ("timestamp", "nonce", "msg_signature"):
        given = request.query[name]
        for position in range(len(given)):
            changed = given[:position] + chr(ord(given[position]) ^ 1) + given[position + 1 :]
            assert refused(replace(request, query={**request.query, name: changed})).status == 401


@pytest.mark.parametrize(
    "change", [str.upper, lambda text: text + "\n", lambda text: f" {text}", lambda text: text[:-1]]
)
def test_A6_a_signature_has_one_spelling(change: Any) -> None:
    request = secure()
    query = {**request.query, "msg_signature": change(request.query["msg_signature"])}

    assert isinstance(refused(replace(request, query=query)), InvalidSignatureError)


def test_A5_a_signature_outside_ascii_is_only_wrong() -> None:
    request = secure()

    assert refused(replace(request, query={**request.query, "msg_signature": "密" * 40})).status == 401
    assert refused(replace(request, query={**request.query, "msg_signature": "\udcff"})).status == 401


@pytest.mark.parametrize("name", ["timestamp", "nonce", "msg_signature"])
def test_A7_a_repeated_parameter_is_refused(name: str) -> None:
    request = secure()
    query = {**request.query, name: f"{request.query[name]},{request.query[name]}"}

    assert isinstance(refused(replace(request, query=query)), MalformedError)


@pytest.mark.parametrize("age", [0, 300, 4 * 3600, -300])
def test_A15_the_hours_in_which_wechat_repeats_a_push_are_let_through(age: int) -> None:
    assert opened(secure(at=NOW - age)).fields == NEW_ORDER


@pytest.mark.parametrize("age", [4 * 3600 + 1, -301])
def test_A15_what_is_older_or_from_the_future_is_refused(age: int) -> None:
    assert isinstance(refused(secure(at=NOW - age)), StaleTimestampError)


@pytest.mark.parametrize(
    "timestamp", ["nan", "inf", "-1", f" {NOW}", f"{NOW}.9", f"{NOW}000", "１７９５３２８８４５", "+795328845"]
)
def test_A15_only_ten_digits_are_a_time(timestamp: str) -> None:
    request = secure()
    text = json.loads(request.body)["Encrypt"]
    signed = signature(TOKEN, timestamp, NONCE, text)
    query = {**request.query, "timestamp": timestamp, "msg_signature": signed}

    assert isinstance(refused(replace(request, query=query)), InvalidSignatureError)


def test_a_nonce_cannot_swallow_blocks_of_the_ciphertext() -> None:
    # The sorted parts stand next to each other, so a signature fits wherever the border between them is drawn. Here
    # somebody had WeChat seal a message in which, 96 bytes on, another one begins.
    inner = b'{"MsgType":"event"}'
    text = sealed(b"x" * (96 - 20) + b"y" * 16 + len(inner).to_bytes(4, "big") + inner)
    nonce, rest = "1" + text[:128].replace("+", "a").replace("/", "a"), text[128:]
    moved = secure(encrypt=rest, nonce=nonce)

    assert opened(secure(encrypt=rest)).fields == {"MsgType": "event"}
    assert isinstance(refused(moved), InvalidSignatureError)
    assert isinstance(refused(secure(nonce="1" * 65)), InvalidSignatureError)
    assert opened(secure(nonce="1" * 64)).fields == NEW_ORDER


def test_a_signed_ciphertext_that_does_not_open_raises_the_alarm() -> None:
    other = "ZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZE"

    assert isinstance(refused(secure(key=other)), UndecryptableError)


def test_a_message_for_another_app_raises_the_alarm() -> None:
    assert isinstance(refused(secure(appid="wx9999999999999999")), TenantMismatchError)


def test_every_app_of_the_account_is_its_own() -> None:
    known = push.recipients(account(appids=["wx9999999999999999"]))

    assert opened(secure(appid="wx9999999999999999"), known).fields == NEW_ORDER


@pytest.mark.parametrize(
    "plaintext",
    [
        framed(NEW_ORDER),  # not padded
        padded(framed(NEW_ORDER), 16) + b"\x00" * 16,  # a padding of nothing
        framed(NEW_ORDER).ljust(320, b"\x21"),  # 33 and more
        padded(framed(NEW_ORDER))[:-2] + b"\x07\x07",
        padded(b""),
        padded(b"0123456789abcdef\x00\x00"),
        padded(framed(NEW_ORDER, length=0)),
        padded(framed(NEW_ORDER, length=2**32 - 1)),
        padded(framed(NEW_ORDER, length=len(json.dumps(NEW_ORDER)) + 1)),
        padded(framed(NEW_ORDER, appid="")),
        padded(framed(NEW_ORDER, appid=APPID + "\n")),
        padded(framed(NEW_ORDER, appid="密")),
    ],
)
def test_wrong_padding_length_or_trailer_is_refused(plaintext: bytes) -> None:
    whole = plaintext + b"\x01" * (-len(plaintext) % 16)

    assert refused(secure(encrypt=encrypted(whole))).status == 401


def test_a_trailer_that_cannot_be_an_app_means_the_wrong_key() -> None:
    refusal = refused(secure(encrypt=encrypted(padded(framed(NEW_ORDER, appid=APPID + "\n")))))

    assert isinstance(refusal, UndecryptableError)


def test_a_padding_to_sixteen_bytes_is_not_wechats() -> None:
    message = {"MsgType": "event", "n": ""}
    while len(framed(message)) % 32 >= 16:
        message["n"] += "1"

    assert isinstance(refused(secure(encrypt=encrypted(padded(framed(message), 16)))), UndecryptableError)


@pytest.mark.parametrize(
    "change", [lambda text: text + "=", lambda text: f" {text}", lambda text: "", lambda text: "*" * 64]
)
def test_a_signed_text_that_is_not_base64_is_refused(change: Any) -> None:
    changed = change(sealed(NEW_ORDER))
    request = secure(query={"msg_signature": signature(TOKEN, str(NOW), NONCE, changed)})

    assert refused(replace(request, body=json.dumps({"Encrypt": changed}).encode())).status in (400, 401)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"null",
        b"{",
        b'{"Encrypt": 1}',
        b'{"Encrypt": ["a"]}',
        b'\xef\xbb\xbf{"Encrypt": "a"}',
        b'{"Encrypt": "a", "Encrypt": "b"}',
        b'{"Encrypt": NaN}',
        b'{"Encrypt": "\\ud800"}',
        b'{"Encrypt": "\xff"}',
        b"[" * 100_000,
        b'{"a":' * 40 + b"1" + b"}" * 40,
        b"<xml>",
        b"<xml><Encrypt>a</Encrypt><Encrypt>b</Encrypt></xml>",
        b"<!DOCTYPE xml><xml><Encrypt>a</Encrypt></xml>",
        b"<xml><Encrypt a='1'>a</Encrypt></xml>",
        "<xml><Encrypt>a</Encrypt></xml>".encode("utf-16"),
    ],
)
def test_C_what_is_no_message_is_malformed(body: bytes) -> None:
    assert isinstance(refused(replace(secure(), body=body)), MalformedError)


def test_a_byte_order_mark_is_legal_before_xml() -> None:
    request = secure(as_xml=True)

    assert opened(replace(request, body=b"\xef\xbb\xbf" + request.body)).fields == NEW_ORDER


@pytest.mark.parametrize(
    "message",
    ['{"MsgType":"event","MsgType":"event"}', "[1]", "1", "", "<xml><a><b>1</a></b></xml>", '{"n":1e999}'],
)
def test_C7_what_is_sealed_is_read_as_strictly(message: str) -> None:
    assert isinstance(refused(secure(message)), MalformedError)


class TestUrlCheck:
    def asked(self, *, echo: str = "4375120948345356249", at: int = NOW, **changes: str) -> HttpRequest:
        query = {"signature": signature(TOKEN, str(at), NONCE), "timestamp": str(at), "nonce": NONCE, "echostr": echo}
        return HttpRequest("GET", "/wechat/shop/push", {}, b"", {"account": "shop"}, query | changes)

    def test_it_is_answered_with_what_wechat_wants_to_hear(self) -> None:
        assert push.check_url(self.asked(), KNOWN, now=NOW) == "4375120948345356249"

    @pytest.mark.parametrize(
        ("changes", "status"),
        [
            ({"signature": "0" * 40}, 401),
            ({"signature": ""}, 401),
            ({"nonce": "2"}, 401),
            ({"timestamp": str(NOW - 1)}, 401),
            ({"timestamp": ""}, 401),
            ({"echostr": ""}, 400),
            ({"echostr": "<script>"}, 400),
            ({"echostr": "a\nb"}, 400),
            ({"echostr": "1" * 257}, 400),
            ({"echostr": "1,1"}, 400),
            ({"signature": "a,a"}, 400),
        ],
    )
    def test_anything_else_is_refused(self, changes: dict[str, str], status: int) -> None:
        with pytest.raises(CountersignError) as refusal:
            push.check_url(self.asked(**changes), KNOWN, now=NOW)

        assert refusal.value.status == status

    def test_an_old_check_is_not_answered_again(self) -> None:
        with pytest.raises(StaleTimestampError):
            push.check_url(self.asked(), KNOWN, now=NOW + 4 * 3600 + 1)


class TestDocuments:
    def test_an_account_without_push_has_no_such_address(self) -> None:
        with pytest.raises(NotFoundError):
            push.recipients(account(push=None, store=None))

    def test_the_store_alone_is_enough(self) -> None:
        assert [one.name for one in push.recipients(account(push=None))] == ["store.push"]
        assert [one.name for one in push.recipients(account(store={**STORE, "push": {}}))] == ["push"]

    @pytest.mark.parametrize(
        ("changes", "reason"),
        [
            ({"token": None}, "push.token is not text"),
            ({"token": "your-token"}, "push.token is a placeholder"),
            ({"token": " abc"}, "push.token has space around it"),
            ({"encoding_aes_keys": []}, "push.encoding_aes_keys is empty"),
            ({"encoding_aes_keys": ["A" * 43]}, r"push.encoding_aes_keys\[0\] is a placeholder"),
            ({"encoding_aes_keys": [AES_KEY[:-1]]}, r"push.encoding_aes_keys\[0\] is not 43 letters"),
            ({"encoding_aes_keys": [AES_KEY + "="]}, r"push.encoding_aes_keys\[0\] is not 43 letters"),
            ({"encoding_aes_keys": [AES_KEY, AES_KEY[:-1] + "?"]}, r"push.encoding_aes_keys\[1\] is not 43 letters"),
        ],
    )
    def test_A4_a_key_that_cannot_be_one_is_refused_by_name(self, changes: dict[str, Any], reason: str) -> None:
        with pytest.raises(KeysUnavailableError, match=reason) as refusal:
            push.recipients(account(push={**PUSH, **changes}))

        assert AES_KEY not in str(refusal.value)

    def test_a_token_may_be_short_with_a_warning(self) -> None:
        settings = account(push={**PUSH, "token": "abc"})

        assert push.recipients(settings)[0].token.reveal() == "abc"
        assert [warning.split()[0] for warning in settings.warnings] == ["push.token"]

    def test_the_last_letter_of_a_key_may_hold_bits_that_no_byte_has(self) -> None:
        key = AES_KEY[:-1] + "p"

        assert base64.b64decode(f"{key}=") == base64.b64decode(f"{AES_KEY}=")
        assert opened(secure(), push.recipients(account(push={**PUSH, "encoding_aes_keys": [key]}))).key_id == "push.0"

    def test_H1_nothing_shows_a_key(self) -> None:
        shown = repr(account())

        assert TOKEN not in shown
        assert AES_KEY not in shown
