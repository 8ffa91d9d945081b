"""RSA-SHA256 signatures (PKCS #1 v1.5), with public keys from PEM or X.509 and private keys from PKCS #8."""

from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey, RSAPublicNumbers
from cryptography.hazmat.primitives.hashes import SHA256

from countersign.errors import InvalidSignatureError, KeysUnavailableError, MalformedError
from countersign.signing.encoding import from_canonical_base64, to_base64
from countersign.signing.pem import pem_body

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

PublicKey = RSAPublicKey
MIN_BITS = 2048
_PADDING, _HASH = PKCS1v15(), SHA256()
# AlgorithmIdentifier of rsaEncryption with its NULL parameter (RFC 8017, appendix C).
_RSA_ENCRYPTION = bytes.fromhex("300d06092a864886f70d0101010500")


class Certificate(NamedTuple):
    """What matters of an X.509 certificate; the serial in upper-case hex keeps its leading zeros."""

    serial: str
    not_before: int
    not_after: int
    key: PublicKey
    subject_public_key_info: bytes

    def valid_at(self, now: int) -> bool:
        """Tell whether the certificate may be used at this time."""
        return self.not_before <= now <= self.not_after


def verify(key: PublicKey, message: bytes, signature: str) -> None:
    """Raise InvalidSignatureError unless `signature` is the one base64 text that signs the message."""
    try:
        key.verify(from_canonical_base64(signature), message, _PADDING, _HASH)
    except InvalidSignature:
        raise InvalidSignatureError("the signature does not fit the bytes received") from None
    except MalformedError:
        raise InvalidSignatureError("the signature is not canonical base64") from None


def sign(private_key_pem: str, message: bytes, name: str) -> str:
    """Return the signature in base64; `name` is the field to blame if the key cannot be read."""
    return to_base64(_private_key(private_key_pem, name).sign(message, _PADDING, _HASH))


@lru_cache(maxsize=32)
def public_key(pem: str, name: str) -> PublicKey:
    """Read a `PUBLIC KEY` PEM; `name` is the field to blame."""
    # Read here rather than by cryptography's serialization module, whose import costs a cold start 15 ms more.
    try:
        numbers = _public_numbers(pem_body(pem, "PUBLIC KEY", name))
        return _strong(numbers.public_key(), name)
    except (ValueError, OverflowError):  # OverflowError: a negative modulus
        raise KeysUnavailableError(f"{name} is not an RSA public key") from None


@lru_cache(maxsize=32)
def certificate(pem: str, name: str) -> Certificate:
    """Read a `CERTIFICATE` PEM with an RSA key; `name` is the field to blame."""
    # x509 costs a cold start 25 ms: only accounts that configure certificates pay for it.
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    try:
        read = x509.load_der_x509_certificate(pem_body(pem, "CERTIFICATE", name))
        key = read.public_key()
    except ValueError:
        raise KeysUnavailableError(f"{name} is not an X.509 certificate") from None
    if not isinstance(key, RSAPublicKey):
        raise KeysUnavailableError(f"{name} holds no RSA key")
    digits = f"{read.serial_number:X}"
    return Certificate(
        serial=digits.rjust(len(digits) + len(digits) % 2, "0"),
        not_before=int(read.not_valid_before_utc.timestamp()),
        not_after=int(read.not_valid_after_utc.timestamp()),
        key=_strong(key, name),
        subject_public_key_info=key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
    )


@lru_cache(maxsize=8)
def _private_key(pem: str, name: str) -> "RSAPrivateKey":
    # Loading checks the primes, 30 ms: only functions that sign pay for it, once.
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(pem.encode(), None)
    except (ValueError, TypeError, UnsupportedAlgorithm):  # TypeError: it wants a password
        raise KeysUnavailableError(f"{name} is not an unencrypted PEM private key") from None
    if not isinstance(key, RSAPrivateKey) or key.key_size < MIN_BITS:
        raise KeysUnavailableError(f"{name} is not an RSA key of {MIN_BITS} bits or more")
    return key


def _strong(key: PublicKey, name: str) -> PublicKey:
    if key.key_size < MIN_BITS:
        raise KeysUnavailableError(f"{name} is an RSA key of fewer than {MIN_BITS} bits")
    return key


def _public_numbers(der: bytes) -> RSAPublicNumbers:
    """Read SubjectPublicKeyInfo (RFC 5280, 4.1) of an RSA key (RFC 8017, A.1.1)."""
    info, rest = _element(der, 0x30)
    if rest or not info.startswith(_RSA_ENCRYPTION):
        raise ValueError("not an RSA SubjectPublicKeyInfo")
    bits, rest = _element(info[len(_RSA_ENCRYPTION) :], 0x03)
    if rest or bits[:1] != b"\0":
        raise ValueError("not a whole number of bytes")
    pair, rest = _element(bits[1:], 0x30)
    modulus, exponent_onward = _element(pair, 0x02)
    exponent, end = _element(exponent_onward, 0x02)
    if rest or end:
        raise ValueError("bytes after the key")
    return RSAPublicNumbers(int.from_bytes(exponent, signed=True), int.from_bytes(modulus, signed=True))


def _element(der: bytes, tag: int) -> tuple[bytes, bytes]:
    """Return the content of the first DER element and what follows it."""
    if len(der) < 2 or der[0] != tag:
        raise ValueError("not the DER element expected")
    length, start = der[1], 2
    if length >= 0x80:
        start += length - 0x80
        length = int.from_bytes(der[2:start])
    if len(der) < start + length:
        raise ValueError("cut DER")
    return der[start : start + length], der[start + length :]
