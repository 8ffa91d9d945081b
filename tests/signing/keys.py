"""Throwaway keys and certificates, made by the library and not by our code."""

import datetime
from functools import cache
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

SUBJECT = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "throwaway")])


@cache
def private_key(bits: int = 2048) -> rsa.RSAPrivateKey:
    """Make a key."""
    return rsa.generate_private_key(65537, bits)


def public_pem(key: Any) -> str:
    """Write the public half of a key."""
    return key_pem(key.public_key())


def key_pem(key: Any) -> str:
    """Write a public key."""
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return str(key.public_bytes(serialization.Encoding.PEM, form).decode())


def private_pem(key: Any, form: serialization.PrivateFormat = serialization.PrivateFormat.PKCS8) -> str:
    """Write a private key."""
    return str(key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode())


def certificate_pem(key: Any, serial: int, first: int = 0, last: int = 2_000_000_000) -> str:
    """Make a self-signed certificate, valid from `first` to `last`."""
    made = (
        x509.CertificateBuilder(SUBJECT, SUBJECT, key.public_key(), serial)
        .not_valid_before(datetime.datetime.fromtimestamp(first, datetime.UTC))
        .not_valid_after(datetime.datetime.fromtimestamp(last, datetime.UTC))
        .sign(key, hashes.SHA256())
    )
    return made.public_bytes(serialization.Encoding.PEM).decode()
