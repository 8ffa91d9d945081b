"""The signatures of guaranteed payment: MD5 over the values of a request, SHA-1 over those of a callback."""

import re
from collections.abc import Mapping

from countersign.errors import InvalidSignatureError, MalformedError, UnprocessableError
from countersign.http import read_json
from countersign.platforms.douyin.settings import Settings
from countersign.signing import digests
from countersign.signing.credentials import Secret

_UNSIGNED = frozenset({"app_id", "thirdparty_id", "sign", "other_settle_params"})
_SIGNED_FIELDS = ("timestamp", "nonce", "msg")
_OUTER = frozenset({*_SIGNED_FIELDS, "msg_signature", "type"})
# The values are joined without a mark between them, so each must have one form only: what moves a border breaks one.
_TIMESTAMP = re.compile(r"1[6-9][0-9]{8}|[2-9][0-9]{9}")  # guaranteed payment is younger than 2020-09-13
_NONCE = re.compile(r"[0-9A-Za-z_-]{1,32}")
_DIGEST = re.compile(r"[0-9a-f]{40}")


def sign(fields: Mapping[str, object], salt: Secret) -> str:
    """Return the `sign` of a request: the values of its fields and the SALT, sorted bytewise, joined with `&`.

    Only text and whole numbers have one agreed form; anything else is refused.
    """
    # https://developer.open-douyin.com/docs/resource/zh-CN/mini-app/develop/server/ecpay/appendix/signature-algorithm
    values = [_as_signed(value) for name, value in fields.items() if name not in _UNSIGNED]
    chosen = [value for value in values if value not in ("", "null")]
    rows = sorted(value.encode() for value in [*chosen, salt.reveal()])
    return digests.md5(b"&".join(rows))


def _as_signed(value: object) -> str:
    if type(value) is int:
        return str(value)
    if not isinstance(value, str):
        raise UnprocessableError("only text and whole numbers can be signed for Douyin")
    text = value.strip()
    if len(text) > 1 and text[0] == text[-1] == '"':
        text = text[1:-1].strip()
    return text


def canonical(fields: Mapping[str, str | int | None]) -> dict[str, str | int]:
    """Return the fields to send: those with a value, in a form that every signer reads alike."""
    sent: dict[str, str | int] = {}
    for name, value in fields.items():
        if isinstance(value, str):
            text = value.strip()
            if not text:
                continue
            if text == "null" or (text[0] == text[-1] == '"') or any(ord(char) > 0xFFFF for char in text):
                raise UnprocessableError(f"{name} is null, in double quotes or holds an emoji: Douyin cannot sign it")
            sent[name] = text
        elif value is not None:
            sent[name] = value
    return sent


def verify(body: bytes, settings: Settings) -> tuple[Mapping[str, str], str]:
    """Return the outer fields of a callback and the name of the token that signed it."""
    # https://developer.open-douyin.com/docs/resource/zh-CN/mini-app/develop/server/ecpay/appendix/signature-algorithm
    document = read_json(body)
    if not isinstance(document, dict):
        raise MalformedError("the callback is not an object")
    fields = _outer(document)
    for index, token in enumerate(settings.tokens):
        signed = sorted([token.reveal().encode(), *(fields[name].encode() for name in _SIGNED_FIELDS)])
        if digests.equal(fields["msg_signature"], digests.sha1(b"".join(signed))):
            return fields, f"tokens[{index}]"
    raise InvalidSignatureError("no token of the account makes this signature")


def _outer(document: Mapping[str, object]) -> dict[str, str]:
    """Return the five fields as text, each in its only form."""
    given = {name: str(value) if type(value) is int else value for name, value in document.items()}
    extra = {name for name, value in given.items() if name not in _OUTER and value not in ("", None)}
    if extra:
        raise InvalidSignatureError("the callback has fields that nothing signs")
    fields = {name: value for name, value in given.items() if name in _OUTER and isinstance(value, str)}
    if fields.keys() != _OUTER:
        raise InvalidSignatureError("the callback lacks one of its five fields")
    if not _TIMESTAMP.fullmatch(fields["timestamp"]):
        raise InvalidSignatureError("the timestamp is not ten digits of this age")
    if not _NONCE.fullmatch(fields["nonce"]) or not _DIGEST.fullmatch(fields["msg_signature"]):
        raise InvalidSignatureError("the nonce or the signature has another form than Douyin's")
    if not (fields["msg"].startswith("{") and fields["msg"].endswith("}")):
        raise InvalidSignatureError("msg is not a JSON object from its first to its last character")
    return fields
