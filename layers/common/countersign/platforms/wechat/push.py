"""Tells whether a message push (mini program or mini store) is WeChat's, for this account, and what it says.

In secure and compatible mode `msg_signature` covers the sealed message, and only that is read. In plain mode the
signature covers no body at all: it can be repeated around any other, so what stands there is a hint.
"""

# https://developers.weixin.qq.com/miniprogram/dev/framework/server-ability/message-push.html

import json
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from countersign.errors import (
    InvalidSignatureError,
    KeysUnavailableError,
    MalformedError,
    NotFoundError,
    TenantMismatchError,
    UndecryptableError,
)
from countersign.http import HttpRequest, read_json
from countersign.platforms.wechat import settings as wechat_settings
from countersign.platforms.wechat import xml
from countersign.platforms.wechat.settings import Settings
from countersign.signing import cbc, digests, freshness
from countersign.signing.credentials import Secret, secret
from countersign.signing.encoding import from_base64

# WeChat repeats a push for 3.6 hours, and nobody knows whether under a new time. Who repeats a message within them
# tells nothing new: an event is known by what it says.
WINDOW_BACK, WINDOW_AHEAD = 4 * 3600, 300
_PADDED_TO = 32  # bytes: AES has 16, WeChat pads to 32
_RANDOM, _LENGTH = 16, 4  # bytes before the message
_AES_KEY = re.compile(r"[0-9A-Za-z+/]{43}")
# The borders between the signed parts are not signed. A nonce this short cannot swallow a piece of the ciphertext so
# that whole blocks remain: that takes 128 letters.
_NONCE = re.compile(r"[0-9A-Za-z]{1,64}")
_ECHO = re.compile(r"[0-9A-Za-z_+/=-]{1,256}")
_APPID = re.compile(r"[0-9A-Za-z_-]{1,64}")


class Recipient(NamedTuple):
    """One app that messages are pushed to: the account's mini program, or its mini store."""

    name: str  # the field of the account document
    mode: str
    token: Secret
    keys: tuple[bytes, ...]
    appids: frozenset[str]


class Pushed(NamedTuple):
    """A message that WeChat pushed to this account; `signed` is false in plain mode: a hint.

    `evidence` is what the signature covers. In compatible mode the same stands beside it in clear and unsigned: that,
    and the whole body of a hint, is not kept, for it names people.
    """

    key_id: str
    fields: Mapping[str, Any]
    evidence: bytes = b""
    signed: bool = True

    @property
    def content(self) -> bytes:
        """What was said, in one form: the sealed message is another one with every delivery of the same."""
        return json.dumps([self.signed, self.fields], sort_keys=True).encode()


def recipients(settings: Settings) -> tuple[Recipient, ...]:
    """Return whom the account's messages are for; NotFoundError where its document has no `push` at all.

    KeysUnavailableError where it has one that cannot be used: that is ours to mend, and no sender's doing.
    """
    found = [_recipient("push", settings.push, frozenset({settings.appid, *settings.appids}))]
    if settings.store is not None:
        found.append(_recipient("store.push", settings.store.push, frozenset({settings.store.appid})))
    usable = tuple(recipient for recipient in found if recipient is not None)
    if not usable:
        raise NotFoundError("the account has no push")
    return usable


def _recipient(name: str, push: wechat_settings.Push, appids: frozenset[str]) -> Recipient | None:
    if push.problem:
        raise KeysUnavailableError(f"{name}: {push.problem}")
    if push.token is None and not push.encoding_aes_keys:
        return None
    token = secret(push.token.reveal() if push.token else None, f"{name}.token", least=1)
    keys = tuple(
        _aes_key(key, f"{name}.encoding_aes_keys[{index}]") for index, key in enumerate(push.encoding_aes_keys)
    )
    if not keys and push.mode != "plain":
        raise KeysUnavailableError(f"{name}.encoding_aes_keys is empty: no message could be opened")
    return Recipient(name, push.mode, token, keys, appids)


def _aes_key(key: Secret, name: str) -> bytes:
    """Return the 32 bytes of an EncodingAESKey; its last letter may hold bits that no byte has."""
    text = secret(key.reveal(), name).reveal()
    if not _AES_KEY.fullmatch(text):
        raise KeysUnavailableError(f"{name} is not 43 letters and digits")
    return from_base64(f"{text}=")


def check_url(request: HttpRequest, known: tuple[Recipient, ...], *, now: int) -> str:
    """Return what the check of the URL wants to hear again; NotGenuineError (401) if it is not WeChat's."""
    # https://developers.weixin.qq.com/miniprogram/dev/framework/server-ability/message-push.html
    timestamp, nonce = _covered(request, now)
    _signers("signature", request, known, timestamp, nonce)
    echo = _parameter(request, "echostr")
    if not _ECHO.fullmatch(echo):
        raise MalformedError("echostr is missing, too long or not plain text")
    return echo


def verify(request: HttpRequest, known: tuple[Recipient, ...], *, now: int) -> Pushed:
    """Return what a message says if WeChat pushed it to one of the account's apps.

    Raises NotGenuineError (401), MalformedError (400) or KeysUnavailableError.
    """
    # https://developers.weixin.qq.com/miniprogram/dev/framework/server-ability/message-push.html
    timestamp, nonce = _covered(request, now)
    outer = _read(request.body)
    if "Encrypt" not in outer:
        signers = _signers("signature", request, known, timestamp, nonce)
        if not any(recipient.mode == "plain" for recipient in signers):
            raise InvalidSignatureError("the message is not encrypted, as the account's messages are")
        return Pushed("", outer, signed=False)
    sealed = outer["Encrypt"]
    if not isinstance(sealed, str) or not sealed:
        raise MalformedError("Encrypt is not text")
    return _opened(sealed, _signers("msg_signature", request, known, timestamp, nonce, sealed))


def reverify(evidence: bytes, known: tuple[Recipient, ...]) -> Pushed:
    """Return what a message says that was verified when it came and kept since, opened with the keys of today."""
    return _opened(evidence.decode("utf-8", "replace"), known)


def _parameter(request: HttpRequest, name: str) -> str:
    value = request.query.get(name, "")
    if "," in value:
        # API Gateway joins repeated parameters with commas: two different values must not be a choice.
        raise MalformedError(f"parameter {name} is repeated")
    return value


def _covered(request: HttpRequest, now: int) -> tuple[str, str]:
    """Return the time and the nonce that every signature covers, if the time is near now."""
    timestamp, nonce = _parameter(request, "timestamp"), _parameter(request, "nonce")
    freshness.check(timestamp, now=now, back=WINDOW_BACK, ahead=WINDOW_AHEAD)
    if not _NONCE.fullmatch(nonce):
        raise InvalidSignatureError("the nonce is missing or not letters and digits")
    return timestamp, nonce


def _signers(name: str, request: HttpRequest, known: tuple[Recipient, ...], *parts: str) -> tuple[Recipient, ...]:
    """Return the recipients whose token makes this signature; InvalidSignatureError where there is none."""
    given = _parameter(request, name)
    if not given:
        raise InvalidSignatureError(f"{name} is missing")
    found = tuple(recipient for recipient in known if digests.equal(given, _signature(recipient.token, *parts)))
    if not found:
        raise InvalidSignatureError(f"{name} does not fit what was received")
    return found


def _signature(token: Secret, *parts: str) -> str:
    return digests.sha1("".join(sorted([token.reveal(), *parts])).encode("utf-8", "surrogatepass"))


def _opened(sealed: str, signers: tuple[Recipient, ...]) -> Pushed:
    """Open the message with any key of those whose token signed it; the app named inside must be the same one's."""
    try:
        ciphertext = from_base64(sealed)
    except MalformedError:
        raise UndecryptableError("the signature is good, but Encrypt is not base64") from None
    if not any(recipient.keys for recipient in signers):
        raise KeysUnavailableError("encoding_aes_keys is empty: the message cannot be opened")
    other_app = False
    for recipient in signers:
        for index, key in enumerate(recipient.keys):
            content, appid = _unsealed(key, ciphertext)
            if appid in recipient.appids:
                return Pushed(f"{recipient.name}.{index}", _read(content), sealed.encode())
            other_app = other_app or bool(appid)
    if other_app:
        raise TenantMismatchError("the message is for another app")
    raise UndecryptableError("the signature is good, but no encoding_aes_keys opens the message: the key is wrong")


def _unsealed(key: bytes, ciphertext: bytes) -> tuple[bytes, str]:
    """Return the message and the app that it is for; nothing where this is not the key."""
    try:
        plain = cbc.open_cbc(key, key[:16], ciphertext, padded_to=_PADDED_TO)
    except UndecryptableError:
        return b"", ""
    start = _RANDOM + _LENGTH
    end = start + int.from_bytes(plain[_RANDOM:start], "big")
    # The wrong key gives a right padding now and then: then neither the length nor the app fits.
    appid = plain[end:].decode("latin-1")
    return (plain[start:end], appid) if _APPID.fullmatch(appid) else (b"", "")


def _read(body: bytes) -> dict[str, Any]:
    if body.lstrip(b" \t\r\n")[:1] != b"{":
        return xml.read_nested(body)
    fields = read_json(body)
    if not isinstance(fields, dict):
        raise MalformedError("the message is not an object")
    return fields
