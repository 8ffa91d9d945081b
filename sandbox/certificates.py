"""A throwaway authority and its certificates, for the door that asks callers for one."""

from __future__ import annotations

import datetime
import ipaddress
import ssl
from typing import TYPE_CHECKING, Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

if TYPE_CHECKING:
    from pathlib import Path

AUTHORITY = "Payments Platform Root CA of the sandbox"
_DAY = datetime.timedelta(days=1)


class Authority:
    """One authority; another one of the same name is not it."""

    def __init__(self, name: str = AUTHORITY) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _named(name)
        self.certificate = self._sign(self._name, self._key.public_key(), days=3650, authority=True)

    def issue(self, name: str, *, days: int = 365, host: bool = False) -> dict[str, str]:
        """Issue a certificate, for a client or for this machine's loopback; with its key, both PEM."""
        key = ec.generate_private_key(ec.SECP256R1())
        made = self._sign(_named(name), key.public_key(), days=days, host=host)
        written = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return {"certificate": _pem(made), "key": written.decode()}

    @property
    def pem(self) -> str:
        """What a trust store holds."""
        return _pem(self.certificate)

    def _sign(
        self,
        subject: x509.Name,
        key: ec.EllipticCurvePublicKey,
        *,
        days: int,
        authority: bool = False,
        host: bool = False,
    ) -> x509.Certificate:
        now = datetime.datetime.now(datetime.UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - _DAY)
            .not_valid_after(now + days * _DAY)
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
        )
        if authority:
            usage = x509.KeyUsage(
                digital_signature=True,
                content_commitment=False,
                key_encipherment=False,
                data_encipherment=False,
                key_agreement=False,
                key_cert_sign=True,
                crl_sign=True,
                encipher_only=False,
                decipher_only=False,
            )
            builder = builder.add_extension(usage, critical=True)
        if host:
            names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        return builder.sign(self._key, hashes.SHA256())


def make(state: Path) -> dict[str, Any]:
    """Make an authority, a server's certificate in `state`, two of its clients, and a stranger of the same name."""
    ours, foreign = Authority(), Authority()
    (state / "mtls-ca.pem").write_text(ours.pem, encoding="utf-8")
    server = ours.issue("countersign sandbox", host=True)
    (state / "mtls-server.pem").write_text(server["certificate"] + server["key"], encoding="utf-8")
    clients = {
        "a": ours.issue("Payments Platform client 2025", days=30),
        "b": ours.issue("Payments Platform client 2026", days=395),
    }
    for name, one in clients.items():  # what the simulator calls with
        (state / f"mtls-client-{name}.pem").write_text(one["certificate"] + one["key"], encoding="utf-8")
    # As in 2026: the new certificate and the old one are in use side by side for weeks.
    return {
        "ca": ours.pem,
        "clients": clients,
        "stranger": foreign.issue("Payments Platform client 2025", days=30),
    }


def context(state: Path) -> ssl.SSLContext:
    """Return how the door is opened: with the authority's certificate, and without one not at all."""
    found = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    found.minimum_version = ssl.TLSVersion.TLSv1_2
    # With 1.3 a client hears of a refusal only when it reads; the gateway refuses in the handshake.
    found.maximum_version = ssl.TLSVersion.TLSv1_2
    found.load_cert_chain(state / "mtls-server.pem")
    found.load_verify_locations(state / "mtls-ca.pem")
    found.verify_mode = ssl.CERT_REQUIRED
    return found


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()
