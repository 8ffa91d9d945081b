"""The signatures and the ciphertext of API v3."""

from collections.abc import Mapping
from typing import Any

from countersign.errors import (
    InvalidSignatureError,
    KeysUnavailableError,
    MalformedError,
    PlatformUnavailableError,
    SignatureProbeError,
    UndecryptableError,
    UnknownKeyError,
)
from countersign.http import read_json
from countersign.platforms.wechat.settings import Settings, own_certificate
from countersign.signing import aead, freshness, rsa
from countersign.signing.encoding import from_base64

WINDOW_SECONDS = 300
SIGNATURE_TYPE = "WECHATPAY2-SHA256-RSA2048"
ALGORITHM = "AEAD_AES_256_GCM"
_PROBE = "WECHATPAY/SIGNTEST/"
_HEADERS = ("wechatpay-signature", "wechatpay-serial", "wechatpay-timestamp", "wechatpay-nonce")


def verify(headers: Mapping[str, str], body: bytes, settings: Settings, *, now: int) -> str:
    """Return the id of WeChat's key that signed the body, a notice's or an answer's; header names in lower case."""
    # https://pay.weixin.qq.com/doc/v3/merchant/4013053249
    signature, serial, message = _signed(headers, body, now)
    key_id, key = _trusted_key(serial, settings, now)
    if signature.startswith(_PROBE):
        raise SignatureProbeError("WeChat tests whether signatures are checked")
    rsa.verify(key, message, signature)
    return key_id


def _signed(headers: Mapping[str, str], body: bytes, now: int) -> tuple[str, str, bytes]:
    """Return the signature, the name of its key, and the bytes that it covers, if their time is near now."""
    values = [headers.get(name, "") for name in _HEADERS]
    if "" in values:
        raise InvalidSignatureError(f"header {_HEADERS[values.index('')]} is missing")
    signature, serial, timestamp, nonce = values
    if "," in signature + serial + timestamp + nonce:
        raise MalformedError("a header of the signature is repeated")
    if headers.get("wechatpay-signature-type", SIGNATURE_TYPE) != SIGNATURE_TYPE:
        raise InvalidSignatureError("only RSA signatures are taken")
    freshness.check(timestamp, now=now, back=WINDOW_SECONDS, ahead=WINDOW_SECONDS)
    if not (nonce.isascii() and nonce.isprintable()):  # a line break could move the borders of what is signed
        raise InvalidSignatureError("the nonce is not plain text")
    return signature, serial, b"%b\n%b\n%b\n" % (timestamp.encode(), nonce.encode(), body)


def _trusted_key(serial: str, settings: Settings, now: int) -> tuple[str, rsa.PublicKey]:
    pem = settings.wechatpay_public_keys.get(serial)
    if pem is not None:
        return serial, rsa.public_key(pem, f"wechatpay_public_keys[{serial}]")
    certificates = settings.platform_certificates if not serial.startswith("PUB_KEY_ID_") else ()
    damaged: list[KeysUnavailableError] = []
    for index, certificate_pem in enumerate(certificates):
        name = f"platform_certificates[{index}]"
        try:
            certificate = rsa.certificate(certificate_pem, name)
        except KeysUnavailableError as error:  # the others are as good as they were
            damaged.append(error)
            continue
        if certificate.serial == serial.upper() and certificate.valid_at(now):
            if certificate.subject_public_key_info in own_certificate(settings):
                raise KeysUnavailableError(f"{name} holds the merchant's own key, not WeChat's")
            return certificate.serial, certificate.key
    if damaged and len(damaged) == len(certificates) and not settings.wechatpay_public_keys:
        raise damaged[0]
    raise UnknownKeyError("the key that the message names is not configured, or not valid now")


def open_resource(resource: Any, settings: Settings) -> bytes:
    """Return the plaintext of a sealed `resource` or certificate."""
    # https://pay.weixin.qq.com/doc/v3/merchant/4012071382
    if not isinstance(resource, dict):
        raise MalformedError("resource is not an object")
    if resource.get("algorithm") != ALGORITHM:
        raise UndecryptableError("the resource is sealed by another algorithm than AEAD_AES_256_GCM")
    nonce, text, associated = resource.get("nonce"), resource.get("ciphertext"), resource.get("associated_data") or ""
    if not (isinstance(nonce, str) and isinstance(text, str) and isinstance(associated, str)):
        raise MalformedError("resource lacks its nonce or ciphertext")
    ciphertext = from_base64(text)
    for key in settings.api_v3_keys:
        try:
            return aead.open_gcm(key.reveal().encode(), nonce.encode(), ciphertext, associated.encode())
        except UndecryptableError:
            continue
    raise UndecryptableError("the signature is good, but no api_v3_keys opens the message: the APIv3 key is wrong")


def authorization(method: str, target: str, body: bytes, settings: Settings, *, now: int, nonce: str) -> str:
    """Return the Authorization header of a request for `target` (path and query as sent) with exactly this body."""
    # https://pay.weixin.qq.com/doc/v3/merchant/4012365342
    if not settings.merchant_serial:
        raise KeysUnavailableError("merchant_serial is missing")
    message = b"%b\n%b\n%d\n%b\n%b\n" % (method.encode(), target.encode(), now, nonce.encode(), body)
    signature = sign(message, settings)
    return (
        f'WECHATPAY2-SHA256-RSA2048 mchid="{settings.mchid}",nonce_str="{nonce}",signature="{signature}",'
        f'timestamp="{now}",serial_no="{settings.merchant_serial}"'
    )


def pay_sign(appid: str, prepay_id: str, settings: Settings, *, now: int, nonce: str) -> dict[str, str]:
    """Return the parameters of wx.requestPayment; the appid is signed and not passed."""
    # https://pay.weixin.qq.com/doc/v3/merchant/4012365341
    package = f"prepay_id={prepay_id}"
    signature = sign(f"{appid}\n{now}\n{nonce}\n{package}\n".encode(), settings)
    return {"timeStamp": str(now), "nonceStr": nonce, "package": package, "signType": "RSA", "paySign": signature}


def sign(message: bytes, settings: Settings) -> str:
    """Sign with the merchant's private key."""
    if settings.merchant_private_key_pem is None:
        raise KeysUnavailableError("merchant_private_key_pem is missing")
    return rsa.sign(settings.merchant_private_key_pem.reveal(), message, "merchant_private_key_pem")


def open_certificates(
    status: int, headers: Mapping[str, str], body: bytes, settings: Settings, *, now: int
) -> tuple[str, ...]:
    """Return the usable certificates (PEM) of an answer of /v3/certificates.

    The answer is signed with a certificate inside itself: opening it proves that the sender knows the APIv3 key, then
    that certificate must fit the signature.
    """
    # https://pay.weixin.qq.com/doc/v3/merchant/4012551764
    if status in (404, 500):
        raise KeysUnavailableError(
            f"WeChat has no platform certificates for this merchant (HTTP {status}): configure wechatpay_public_keys"
        )
    if status != 200:
        raise PlatformUnavailableError(f"WeChat answered HTTP {status} instead of its certificates")
    signature, serial, message = _signed(headers, body, now)
    document = read_json(body)
    entries = document.get("data") if isinstance(document, dict) else None
    if not isinstance(entries, list):
        raise MalformedError("the answer holds no list of certificates")
    usable: dict[str, tuple[str, rsa.Certificate]] = {}
    for entry in entries:
        pem = open_resource(entry.get("encrypt_certificate") if isinstance(entry, dict) else None, settings).decode()
        certificate = rsa.certificate(pem, "an encrypt_certificate")
        if certificate.serial != entry.get("serial_no"):
            raise MalformedError("a certificate has another serial than its entry says")
        if certificate.valid_at(now):
            usable[certificate.serial] = (pem, certificate)
    if serial.upper() not in usable:
        raise UnknownKeyError("the answer is signed with a certificate that it does not hold")
    rsa.verify(usable[serial.upper()][1].key, message, signature)
    return tuple(pem for pem, _ in usable.values())
