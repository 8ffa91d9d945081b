"""Signatures, shapes, times and words of Recharge, without a cloud."""

import contextlib
import hashlib
import hmac
import json
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from countersign.errors import InvalidSignatureError, KeysUnavailableError, MalformedError
from countersign.http import HttpRequest
from countersign.orders.changes import AccountNews, OrderReported, PlatformEvent, Queried, Unrecognised, Verified
from countersign.orders.charges import GROUPS, attempts_json, charge_json
from countersign.orders.decide import decide_message
from countersign.orders.state import Order
from countersign.platforms.recharge import groups, messages, settings, signing, translate
from countersign.platforms.recharge.pace import Bucket
from sandbox.simulators.recharge.charges import Charge as Made
from sandbox.simulators.recharge.charges import Customer, shown
from tests.platforms.recharge.world import SECRET, document

NOW = 1_795_356_005
BODY = b'{"charge":{"id":1,"status":"error"}}'


def account(**changes: Any) -> settings.Settings:
    return settings.load(document(**changes))


def request(body: bytes = BODY, **headers: str) -> HttpRequest:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return HttpRequest("POST", "/recharge/store/webhook", named, body)


def legacy(body: bytes = BODY, secret: str = SECRET) -> str:
    return hashlib.sha256(secret.encode() + body).hexdigest()


def timestamped(at: int | str = NOW, body: bytes = BODY, secret: str = SECRET) -> str:
    return f"t={at},v1={hmac.new(secret.encode(), f'{at}.'.encode() + body, 'sha256').hexdigest()}"


def verified(now: int = NOW, body: bytes = BODY, **headers: str) -> signing.VerifiedMessage:
    return signing.verify(request(body, **headers), account(), now=now)


class TestSigning:
    def test_either_signature_makes_it_genuine(self) -> None:
        assert verified(x_recharge_hmac_sha256=legacy()).scheme == "legacy"
        assert verified(x_recharge_webhook_signature=timestamped()).scheme == "timestamped"

    def test_A2_no_bit_of_the_body_can_be_flipped(self) -> None:
        for index in range(len(BODY) * 8):
            spoilt = bytearray(BODY)
            spoilt[index // 8] ^= 1 << index % 8
            for headers in (
                {"x_recharge_hmac_sha256": legacy()},
                {"x_recharge_webhook_signature": timestamped()},
            ):
                with pytest.raises(InvalidSignatureError):
                    verified(body=bytes(spoilt), **headers)

    @pytest.mark.parametrize("age", [0, 172_800, -172_800])
    def test_48_hours_either_way_are_taken(self, age: int) -> None:
        assert verified(x_recharge_webhook_signature=timestamped(NOW - age)).key_id == "client_secrets[0]"

    @pytest.mark.parametrize("age", [172_801, -172_801])
    def test_a_second_more_is_not(self, age: int) -> None:
        with pytest.raises(InvalidSignatureError):
            verified(x_recharge_webhook_signature=timestamped(NOW - age))

    @pytest.mark.parametrize(
        "at", ["nan", "-1", f" {NOW}", f"{NOW}.5", f"{NOW}000", f"+{NOW}", "", "１７９５３５６００５"]
    )
    def test_a_time_has_one_form(self, at: str) -> None:
        with pytest.raises(InvalidSignatureError):
            verified(x_recharge_webhook_signature=timestamped(at))

    @pytest.mark.parametrize(
        "header",
        [
            "", "v1=", "t=", "garbage", "=,=,=", f"t={NOW}", f"v1={'0' * 64}", f"t={NOW},t={NOW},v1={'0' * 64}",
            timestamped().upper(), timestamped() + "0", timestamped()[:-1], f"t={NOW},v1=ü", "," * 5000,
        ],
    )  # fmt: skip
    def test_A6_a_header_of_another_form_is_refused_and_the_older_one_does_not_help(self, header: str) -> None:
        with pytest.raises(InvalidSignatureError):
            verified(x_recharge_webhook_signature=header, x_recharge_hmac_sha256=legacy())

    @pytest.mark.parametrize("header", ["", legacy().upper(), legacy()[:-1], legacy() + "\n", " " + legacy(), "é"])
    def test_A6_the_older_signature_has_one_form(self, header: str) -> None:
        with pytest.raises(InvalidSignatureError):
            verified(x_recharge_hmac_sha256=header)

    def test_blanks_and_unknown_schemes_are_passed_over(self) -> None:
        time, _, digest = timestamped().partition(",")

        assert verified(x_recharge_webhook_signature=f"v0=1, {time} ,\t{digest}, v2=abc").scheme == "timestamped"

    def test_A11_a_previous_secret_verifies_until_it_is_taken_away(self) -> None:
        old = "rc_client_secret_of_last_year_77"
        both = account(client_secrets=[SECRET, old])
        sent = request(x_recharge_webhook_signature=timestamped(secret=old))

        assert signing.verify(sent, both, now=NOW).key_id == "client_secrets[1]"
        with pytest.raises(InvalidSignatureError):
            signing.verify(sent, account(), now=NOW)

    def test_timestamped_only_where_the_account_says_so(self) -> None:
        with pytest.raises(InvalidSignatureError):
            signing.verify(request(x_recharge_hmac_sha256=legacy()), account(require_timestamped=True), now=NOW)

    @pytest.mark.parametrize("tail", [b"\x80\x00\x00\x01\x08", b"\x80", b"\x00"])
    def test_B5_who_goes_on_with_a_signed_body_is_refused(self, tail: bytes) -> None:
        body = BODY + tail
        with pytest.raises(InvalidSignatureError):
            verified(body=body, x_recharge_hmac_sha256=legacy(body))

    @pytest.mark.parametrize("body", [b"[]", b"not json", b'{"a":1,"a":2}', b'{"a":NaN}'])
    def test_a_genuine_body_that_cannot_be_read_is_genuine(self, body: bytes) -> None:
        for headers in (
            {"x_recharge_hmac_sha256": legacy(body)},
            {"x_recharge_webhook_signature": timestamped(body=body)},
        ):
            message = verified(body=body, **headers)
            assert message.problem
            with pytest.raises(MalformedError):
                translate.to_changes(message, account(), "store")

    def test_the_body_must_be_there(self) -> None:
        with pytest.raises(InvalidSignatureError):
            verified(body=b"", x_recharge_hmac_sha256=legacy(b""))


class TestSettings:
    @pytest.mark.parametrize(
        "changes",
        [
            {"api_token": ""},
            {"api_token": "short"},
            {"client_secrets": []},
            {"client_secrets": [""]},
            {"client_secrets": ["your-api-client-secret-here"]},
            {"client_secrets": ["sk_1x1_token_of_the_tests"]},
            {"api_version": "2020-01"},
            {"currency": "usd"},
            {"time_zone": "Mars/Olympus"},
            {"require_timestamped": "yes"},
        ],
    )
    def test_A4_what_cannot_be_used_is_refused_by_name(self, changes: dict[str, Any]) -> None:
        with pytest.raises(KeysUnavailableError) as refused:
            account(**changes)
        assert next(iter(changes)) in str(refused.value)
        assert "sk_1x1" not in str(refused.value)

    def test_a_shop_of_another_form_is_a_warning(self) -> None:
        assert account(shop="Not A Shop").shop == ""
        assert "shop" in account(shop="Not A Shop").warnings[0]


def made(**changes: Any) -> Made:
    at = NOW - 86_400
    usual: dict[str, Any] = {"created_at": at, "updated_at": at, "scheduled_at": at}
    return Made(990, "store", Customer(66, "a@example.com", "77"), 2400, "USD", **usual | changes)


def told(charge: Made, version: str = "2021-11", read_at: int = 0, **of_account: Any) -> tuple[Any, ...]:
    read = messages.read_charge(shown(charge, version))
    trust: Any = Queried() if read_at else Verified("k")
    via = "query" if read_at else "notify"
    return translate.charge_to_changes(
        read, account(currency="USD", **of_account), "store", trust, via=via, read_at=read_at
    )


def steady(order: Order | None) -> Any:
    """Return what an order says by whatever road: of tries but the last, only deliveries tell more."""
    assert order is not None
    tries = attempts_json(order) or []
    numbers, last = [one["number"] for one in tries], tries[-1:] if not order.paid else []
    return (order.status, order.paid, order.refunded, charge_json(order), numbers, last, order.ended_at)


class TestShapes:
    @pytest.mark.parametrize("status", ["queued", "error", "success", "skipped", "refunded"])
    def test_R2_both_shapes_are_one_charge(self, status: str) -> None:
        more = {"attempts": 2, "error": "No.", "error_type": "CARD_DECLINED", "last_attempt": NOW, "retry_at": NOW + 9}
        done = {"attempts": 3, "processed_at": NOW, "order_id": "6123", "transaction_id": "ch_1"}
        charge = made(
            status=status, **(more if status == "error" else done if status in ("success", "refunded") else {})
        )
        newer, older = (messages.read_charge(shown(charge, version)) for version in ("2021-11", "2021-01"))

        assert (newer.version, older.version) == ("2021-11", "2021-01")
        for name in messages.Charge.__dataclass_fields__:
            if name not in ("version", "currency", "shop_customer_id", "items", "note"):
                assert getattr(newer, name) == getattr(older, name), name
        assert older.shop_customer_id == older.currency == ""
        assert [one.subscription_id for one in newer.items] == [one.subscription_id for one in older.items]

    @pytest.mark.parametrize(
        ("text", "wanted"),
        [
            ("2026-11-20T08:01:22", 1795161682),
            ("2026-11-20 08:01:22", 1795161682),
            ("2026-11-20T08:01:22Z", 1795161682),
            ("2026-11-20T08:01:22+00:00", 1795161682),
            ("2026-11-20T03:01:22-05:00", 1795161682),
            ("2026-11-20T08:01:22.999", 1795161682),
            ("2026-11-20", 1795132800),
            ("", None),
            (None, None),
        ],
    )
    def test_R3_times_in_every_form_are_moments(self, text: Any, wanted: int | None) -> None:
        assert messages.moment({"at": text}, "at", settings.UTC) == wanted

    @pytest.mark.parametrize(
        "text", ["soon", "2026-13-01", "2026-11-20T25:00:00", 5, "20261120", "2026-11-20T08:01:22+"]
    )
    def test_what_is_no_time_is_malformed(self, text: Any) -> None:
        with pytest.raises(MalformedError, match=r"^at is not"):
            messages.moment({"at": text}, "at", settings.UTC)

    @pytest.mark.parametrize(
        "changes",
        [
            {"id": None}, {"id": True}, {"id": 0}, {"id": "x"}, {"total_price": 24.0}, {"total_price": "1e3"},
            {"total_price": "-1.00"}, {"total_price": True}, {"charge_attempts": "2"}, {"charge_attempts": -1},
            {"customer": []}, {"customer": {"id": "a b"}}, {"external_order_id": "x"}, {"line_items": {}},
            {"currency": "usd"}, {"note": 5}, {"status": ["error"]}, {"updated_at": "then"},
        ],
    )  # fmt: skip
    def test_what_is_there_must_be_readable(self, changes: dict[str, Any]) -> None:
        with pytest.raises(MalformedError):
            messages.read_charge(shown(made(), "2021-11") | changes)

    @given(
        st.dictionaries(st.sampled_from(["id", "status", "customer", "total_price", "line_items", "note"]), st.text())
    )
    def test_whatever_it_is_it_is_read_or_malformed(self, fields: dict[str, Any]) -> None:
        with contextlib.suppress(MalformedError):
            messages.read_charge(fields)

    def test_64_bit_numbers_stay_what_they_are(self) -> None:
        charge = messages.read_charge({"id": 9_223_372_036_854_775_807, "shopify_order_id": 6_123_456_789_012_345_678})

        assert (charge.id, charge.external_order_id) == ("9223372036854775807", "6123456789012345678")


class TestTranslation:
    @pytest.mark.parametrize(
        ("charge", "status"),
        [
            (made(), "created"),
            (made(status="pending"), "pending"),
            (made(status="pending_manual_payment"), "pending"),
            (made(status="error", attempts=1), "failed"),
            (made(status="skipped"), "closed"),
            (made(status="deleted"), "closed"),
            (made(status="success", attempts=1, transaction_id="t", processed_at=NOW), "paid"),
            (made(status="success", attempts=1), "paid"),
            (made(status="partially_refunded", refunded=100), "partially_refunded"),
            (made(status="refunded", refunded=2400), "refunded"),
            (made(status="refunded"), "refunded"),
        ],
    )
    def test_every_word_has_its_status(self, charge: Made, status: str) -> None:
        for version in ("2021-11", "2021-01"):
            order = decide_message(None, told(charge, version)).order
            assert order is not None
            assert order.status == status

    def test_an_unknown_word_is_kept_and_changes_nothing(self) -> None:
        (change,) = told(made(status="odd"))
        assert isinstance(change.fact, Unrecognised)

    def test_without_a_currency_it_is_only_a_reason_to_ask(self) -> None:
        read = messages.read_charge(shown(made(status="error", attempts=2), "2021-01"))
        (change,) = translate.charge_to_changes(read, account(), "store", Verified("k"), via="notify")

        assert change.fact == PlatformEvent("charge.error", NOW - 86_400, "24.00 2")

    def test_what_is_no_charge_is_news_of_the_account(self) -> None:
        body = json.dumps({"subscription": {"id": 1}}).encode()
        message = verified(body=body, x_recharge_webhook_signature=timestamped(body=body))

        assert translate.to_changes(message, account(), "store") == AccountNews("subscription")

    def test_money_of_the_shops_order_once_it_succeeded(self) -> None:
        (report, *_) = told(made(status="success", order_id="6123"))
        assert report.fact.terms.money_of == ("shopify", "demo-shop.myshopify.com", "6123")
        assert told(made(status="error", order_id="6123"))[0].fact.terms.money_of is None
        assert told(made(status="success", order_id="6123"), shop="")[0].fact.terms.money_of is None

    @pytest.mark.parametrize(
        "code", ["CARD_DECLINED", "card_declined", "ERROR_OF_NEXT_YEAR", "", "VARIANT_DOES_NOT_EXIST"]
    )
    def test_every_code_has_a_group_and_is_kept(self, code: str) -> None:
        (change,) = told(made(status="error", attempts=1, error_type=code or None))
        detail = change.fact.report.charge

        assert (detail.error_type, detail.group) == (code, groups.group(code))
        assert detail.group in GROUPS
        assert (groups.group(code) == "unknown") == (code in ("ERROR_OF_NEXT_YEAR", ""))

    @pytest.mark.parametrize(
        ("changes", "final"),
        [
            ({"retry_at": NOW}, False),
            ({"retry_at": None}, True),
            ({"retry_at": None, "attempts": 0}, False),
            ({"retry_at": NOW, "error_type": "CLOSED_MAX_RETRIES_REACHED"}, True),
            ({"retry_at": None, "error_type": "CARD_UPDATED_NOW_PENDING_NEXT_ATTEMPT"}, False),
        ],
    )
    def test_final_is_what_is_not_tried_again(self, changes: dict[str, Any], final: bool) -> None:
        (change,) = told(made(status="error", **({"attempts": 2, "error_type": "CARD_DECLINED"} | changes)))

        assert change.fact.report.charge.final is final


class TestAnySequence:
    def tries(self) -> list[Made]:
        """Return a charge as it was after each of three failures, in several shapes."""
        tries = []
        for number, code in enumerate(("INSUFFICIENT_FUNDS", "CARD_DECLINED", "CARD_EXPIRED"), 1):
            at = NOW - 300_000 + number * 86_400
            tries.append(
                made(
                    status="error",
                    attempts=number,
                    error_type=code,
                    updated_at=at,
                    last_attempt=at,
                    retry_at=at + 86_400,
                )
            )
        return tries

    def outcomes(self, roads: list[tuple[Any, ...]]) -> set[str]:
        """Return how any sequence of the roads ends; each try is then known with its word and its time."""
        ends, tries = set(), set()
        for sequence in permutations(roads):
            order: Order | None = None
            emitted: list[str] = []
            for message in (*sequence, *sequence):
                decision = decide_message(order, message)
                order = decision.order
                emitted += decision.emits if decision.outcome == "applied" else ()
            ends.add(repr(steady(order)))
            assert order is not None
            tries.add(tuple((one["number"], one["error_type"], one["at"]) for one in attempts_json(order) or ()))
            assert emitted.count("charge.failed") <= 3
        assert tries == {
            tuple((n, one.error_type, f"2026-11-{n + 19}T02:40:05Z") for n, one in enumerate(self.tries(), 1))
        }
        return ends

    def test_four_deliveries_and_a_reading_end_equal_and_equal_to_the_reading_alone(self) -> None:
        tries = self.tries()
        reading = told(tries[-1], read_at=NOW)
        roads = [told(tries[0]), told(tries[1], "2021-01"), told(tries[2]), told(tries[2], "2021-11"), reading]
        alone = decide_message(None, reading).order

        assert self.outcomes(roads) == {repr(steady(alone))}

    def test_with_the_success_as_well(self) -> None:
        paid = made(status="success", attempts=4, updated_at=NOW, processed_at=NOW, transaction_id="t", order_id="6123")
        reading = told(paid, read_at=NOW + 5)
        roads = [*(told(one) for one in self.tries()), told(paid), reading]
        alone = decide_message(None, reading).order

        assert self.outcomes(roads) == {repr(steady(alone))}

    def test_after_success_nothing_is_told_of_tries(self) -> None:
        paid = made(status="success", attempts=4, updated_at=NOW, processed_at=NOW, transaction_id="t")
        order = decide_message(None, told(paid)).order
        for late in self.tries():
            decision = decide_message(order, told(late))
            assert not [kind for kind in decision.emits if kind.startswith("charge.")]
            order = decision.order

    def test_a_note_that_changes_is_no_new_try(self) -> None:
        first = self.tries()[0]
        order = decide_message(None, told(first)).order
        first.note, first.updated_at = "another", first.updated_at + 60
        decision = decide_message(order, told(first))

        assert decision.outcome == "applied"
        assert "charge.failed" not in decision.emits


class TestBucket:
    def world(self) -> tuple[Bucket, list[float], list[float]]:
        now, slept = [0.0], [0.0]

        def sleep(seconds: float) -> None:
            now[0] += seconds
            slept[0] += seconds

        return Bucket(lambda: now[0], sleep), now, slept

    def test_400_calls_take_180_seconds(self) -> None:
        bucket, now, _ = self.world()
        for _ in range(400):
            bucket.wait()

        assert now[0] == pytest.approx(180.0)

    def test_what_others_put_in_is_seen(self) -> None:
        bucket, _, slept = self.world()
        bucket.wait()
        bucket.seen({"X-Recharge-Limit": "40/40"})
        bucket.wait()

        assert slept[0] == pytest.approx(0.5)

    @pytest.mark.parametrize("header", ["", "x", "1/0", "-1/40", "1/40/2"])
    def test_a_header_of_another_form_is_passed_over(self, header: str) -> None:
        bucket, _, slept = self.world()
        bucket.seen({"X-Recharge-Limit": header})
        bucket.wait()

        assert slept[0] == 0

    def test_after_a_refusal_it_waits_two_seconds(self) -> None:
        bucket, _, slept = self.world()
        bucket.refused()
        bucket.wait()

        assert slept[0] == pytest.approx(2.0)


def test_a_report_is_what_opens_a_charge() -> None:
    assert isinstance(told(made())[0].fact, OrderReported)
