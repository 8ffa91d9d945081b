"""RSA signatures and keys, against signatures that openssl and other packages made."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.asymmetric import rsa as oracle
from hypothesis import given, settings
from hypothesis import strategies as st

from countersign.errors import InvalidSignatureError, KeysUnavailableError
from countersign.signing import rsa
from tests.signing.keys import certificate_pem, private_key, private_pem, public_pem

VECTORS: dict[str, Any] = json.loads(Path("tests/vectors/wechat_public.json").read_text(encoding="utf-8"))
THROWAWAY = VECTORS["throwaway_platform_private_keys"]
PLATFORM = THROWAWAY["wechatpay_public_key"]
CERTIFICATE = THROWAWAY["platform_certificate"]
MERCHANT = THROWAWAY["merchant"]
MESSAGE = b"one line\n"


def vector(name: str) -> dict[str, Any]:
    return next(entry for entry in VECTORS["vectors"] if entry["name"] == name)


class TestVerify:
    ENTRY = vector("v3-txn-success-pubkey")
    HEADERS = ENTRY["raw_request"]["headers"]
    SIGNATURE = HEADERS["Wechatpay-Signature"]
    SIGNED = (
        f"{HEADERS['Wechatpay-Timestamp']}\n{HEADERS['Wechatpay-Nonce']}\n".encode()
        + base64.b64decode(ENTRY["raw_request"]["body_b64"])
        + b"\n"
    )

    def key(self) -> rsa.PublicKey:
        return rsa.public_key(PLATFORM["public_pem"], "k")

    def test_the_vector_verifies(self) -> None:
        assert rsa.verify(self.key(), self.SIGNED, self.SIGNATURE) is None

    def test_one_changed_bit_of_the_message_is_refused(self) -> None:
        changed = bytes([self.SIGNED[0] ^ 1]) + self.SIGNED[1:]

        with pytest.raises(InvalidSignatureError):
            rsa.verify(self.key(), changed, self.SIGNATURE)

    @pytest.mark.parametrize("bit", range(0, 2048, 7))
    def test_A2_one_changed_bit_of_the_signature_is_refused(self, bit: int) -> None:
        raw = bytearray(base64.b64decode(self.SIGNATURE))
        raw[bit // 8] ^= 1 << bit % 8

        with pytest.raises(InvalidSignatureError):
            rsa.verify(self.key(), self.SIGNED, base64.b64encode(raw).decode())

    @pytest.mark.parametrize(
        "garble",
        [
            lambda text: "",
            lambda text: text[:-2],
            lambda text: text[:-2] + "=",
            lambda text: text + "\n",
            lambda text: " " + text,
            lambda text: text + "AAAA",
            lambda text: text.replace("=", ""),
            lambda text: text[:100] + "!" + text[101:],
            lambda text: text[:100] + "\n" + text[100:],
            lambda text: base64.b64decode(text).hex(),
            lambda text: "签名" + text,
            lambda text: "\ud800" + text,
            lambda text: base64.b64encode(base64.b64decode(text) + b"\0").decode(),
            lambda text: base64.b64encode(b"\0" + base64.b64decode(text)).decode(),
        ],
    )
    def test_A6_another_spelling_of_the_signature_is_refused(self, garble: Any) -> None:
        with pytest.raises(InvalidSignatureError):
            rsa.verify(self.key(), self.SIGNED, garble(self.SIGNATURE))

    def test_A6_stray_bits_in_the_last_letter_are_refused(self) -> None:
        assert self.SIGNATURE.endswith("w==")
        second_spelling = self.SIGNATURE[:-3] + "x=="
        assert base64.b64decode(second_spelling) == base64.b64decode(self.SIGNATURE)

        with pytest.raises(InvalidSignatureError):
            rsa.verify(self.key(), self.SIGNED, second_spelling)

    def test_another_key_is_refused(self) -> None:
        with pytest.raises(InvalidSignatureError):
            rsa.verify(rsa.public_key(public_pem(private_key()), "k"), self.SIGNED, self.SIGNATURE)

    def test_another_hash_or_padding_is_refused(self) -> None:
        key = private_key()
        ours = rsa.public_key(public_pem(key), "k")
        pss = padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.DIGEST_LENGTH)
        for made in (
            key.sign(MESSAGE, padding.PKCS1v15(), hashes.SHA1()),  # noqa: S303 - what must not pass
            key.sign(MESSAGE, padding.PKCS1v15(), hashes.SHA512()),
            key.sign(MESSAGE, pss, hashes.SHA256()),
        ):
            with pytest.raises(InvalidSignatureError):
                rsa.verify(ours, MESSAGE, base64.b64encode(made).decode())


class TestSign:
    def test_the_vector_is_reproduced(self) -> None:
        entry = vector("v3-auth-post-close-204")

        made = rsa.sign(MERCHANT["private_pem"], entry["inputs"]["string_to_sign"].encode(), "k")

        assert made == entry["expect"]["signature"]

    def test_the_older_form_of_the_key_signs_alike(self) -> None:
        key = private_key()
        older = private_pem(key, serialization.PrivateFormat.TraditionalOpenSSL)

        assert rsa.sign(older, MESSAGE, "k") == rsa.sign(private_pem(key), MESSAGE, "k")

    @pytest.mark.parametrize(
        "pem",
        [
            "",
            "not a key",
            PLATFORM["public_pem"],
            MERCHANT["cert_pem"],
            MERCHANT["private_pem"][:800],
            "密" + MERCHANT["private_pem"][30:],
        ],
    )
    def test_what_is_no_private_key_is_refused_by_name(self, pem: str) -> None:
        with pytest.raises(KeysUnavailableError, match="merchant_private_key_pem"):
            rsa.sign(pem, MESSAGE, "merchant_private_key_pem")

    def test_a_key_under_a_password_is_refused_by_name(self) -> None:
        locked = private_key().private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"1900099001"),
        )

        with pytest.raises(KeysUnavailableError, match="unencrypted"):
            rsa.sign(locked.decode(), MESSAGE, "k")

    def test_a_key_of_another_kind_or_too_short_is_refused(self) -> None:
        for key in (ec.generate_private_key(ec.SECP256R1()), private_key(1024)):
            with pytest.raises(KeysUnavailableError, match="RSA key of 2048 bits"):
                rsa.sign(private_pem(key), MESSAGE, "k")


class TestPublicKey:
    @pytest.mark.parametrize("pem", [PLATFORM["public_pem"], MERCHANT["private_pem"]])
    def test_numbers_are_those_that_cryptography_reads(self, pem: str) -> None:
        if "PRIVATE" in pem:
            private = serialization.load_pem_private_key(pem.encode(), None)
            pem = public_pem(private)
        read = serialization.load_pem_public_key(pem.encode())
        assert isinstance(read, oracle.RSAPublicKey)

        assert rsa.public_key(pem, "k").public_numbers() == read.public_numbers()

    @pytest.mark.parametrize("bits", [2048, 3072])
    def test_longer_keys_are_read(self, bits: int) -> None:
        pem = public_pem(private_key(bits))

        assert rsa.public_key(pem, "k").key_size == bits

    def test_windows_line_ends_and_space_around_are_no_matter(self) -> None:
        pem = "\r\n" + PLATFORM["public_pem"].replace("\n", "\r\n") + " "

        assert rsa.public_key(pem, "k").key_size == 2048

    def test_a_key_is_parsed_once(self) -> None:
        pem = PLATFORM["public_pem"]

        assert rsa.public_key(pem, "k") is rsa.public_key("".join(list(pem)), "k")

    @pytest.mark.parametrize(
        "pem",
        [
            "",
            "PUB_KEY_ID_0119000990019893326148984880",
            PLATFORM["public_pem"][:200],
            PLATFORM["public_pem"].replace("MIIB", "MI!B"),
            PLATFORM["public_pem"].replace("MIIBIjAN", "MIIBIjAO"),
            MERCHANT["cert_pem"],
            MERCHANT["private_pem"],
            CERTIFICATE["cert_pem"].replace("CERTIFICATE", "PUBLIC KEY"),
            MERCHANT["private_pem"].replace("PRIVATE", "PUBLIC"),
            "-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----\n",
        ],
    )
    def test_what_is_no_public_key_is_refused_by_name(self, pem: str) -> None:
        with pytest.raises(KeysUnavailableError, match=r"wechatpay_public_keys\[x\]"):
            rsa.public_key(pem, "wechatpay_public_keys[x]")

    def test_a_key_of_another_kind_or_too_short_is_refused(self) -> None:
        for key in (ec.generate_private_key(ec.SECP256R1()), private_key(1024)):
            with pytest.raises(KeysUnavailableError):
                rsa.public_key(public_pem(key), "k")

    @settings(max_examples=500)
    @given(st.data())
    def test_a_damaged_key_is_refused_or_read_as_cryptography_reads_it(self, data: st.DataObject) -> None:
        der = bytearray(base64.b64decode("".join(PLATFORM["public_pem"].splitlines()[1:-1])))
        position = data.draw(st.integers(0, len(der) - 1))
        der[position] = data.draw(st.integers(0, 255))
        cut = data.draw(st.integers(0, len(der)))
        damaged = bytes(der[:cut]) if data.draw(st.booleans()) else bytes(der)
        pem = f"-----BEGIN PUBLIC KEY-----\n{base64.b64encode(damaged).decode()}\n-----END PUBLIC KEY-----\n"

        try:
            ours = rsa.public_key(pem, "k")
        except KeysUnavailableError:
            return
        theirs = serialization.load_der_public_key(damaged)
        assert isinstance(theirs, oracle.RSAPublicKey)
        assert ours.public_numbers() == theirs.public_numbers()


class TestCertificate:
    def test_the_vector_certificate(self) -> None:
        read = rsa.certificate(CERTIFICATE["cert_pem"], "c")

        assert read.serial == "5709FD62E0F1DC0FFC3F4A3EC1B36C45FBDC199C"
        assert (read.not_before, read.not_after) == (1_795_242_259, 1_952_922_259)

    @pytest.mark.parametrize(
        ("serial", "text"),
        [(0x0A, "0A"), (0x0ABC, "0ABC"), (0x7A5C3E1F9B2D, "7A5C3E1F9B2D"), (0x01 << 152, "01" + "00" * 19)],
    )
    def test_a_serial_keeps_its_leading_zero(self, serial: int, text: str) -> None:
        assert rsa.certificate(certificate_pem(private_key(), serial), "c").serial == text

    def test_A14_a_certificate_is_valid_from_its_first_to_its_last_second(self) -> None:
        read = rsa.certificate(certificate_pem(private_key(), 7, 1_000, 2_000), "c")

        assert [read.valid_at(now) for now in (999, 1_000, 2_000, 2_001)] == [False, True, True, False]

    @pytest.mark.parametrize(
        "pem",
        [
            "",
            "5709FD62E0F1DC0FFC3F4A3EC1B36C45FBDC199C",
            PLATFORM["public_pem"],
            PLATFORM["public_pem"].replace("PUBLIC KEY", "CERTIFICATE"),
            CERTIFICATE["cert_pem"][:400],
            CERTIFICATE["cert_pem"].replace("MIID", "MII!"),
        ],
    )
    def test_what_is_no_certificate_is_refused_by_name(self, pem: str) -> None:
        with pytest.raises(KeysUnavailableError, match=r"platform_certificates\[0\]"):
            rsa.certificate(pem, "platform_certificates[0]")

    def test_a_certificate_of_another_kind_of_key_or_a_short_one_is_refused(self) -> None:
        for key in (ec.generate_private_key(ec.SECP256R1()), private_key(1024)):
            with pytest.raises(KeysUnavailableError):
                rsa.certificate(certificate_pem(key, 7), "c")
