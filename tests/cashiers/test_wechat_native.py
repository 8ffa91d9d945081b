"""A QR code over our own WeChat account: the order is WeChat's, the page is ours."""

import importlib
import json
import re
from typing import Any

import pytest
import segno

from countersign.cashiers.wechat_native import page
from countersign.cashiers.wechat_native.create_payment import number_of
from countersign.errors import KeysUnavailableError
from countersign.money import Money
from countersign.orders.changes import OrderKey
from countersign.store import OrderStore
from tests.functions.conftest import Cloud, clock, cloud, http_event  # noqa: F401 - fixtures

NUMBER = "bc-g5cd38wq1-10401-1"
WHOLE = {"platform": "bigcommerce", "account": "g5cd38wq1", "order_id": "10401"}
MOST_BYTES = 40 * 1024
Json = dict[str, Any]


class Native:
    """A page over WeChat's account `shop`."""

    def __init__(self, cloud: Cloud) -> None:  # noqa: F811 - a fixture
        self.cloud = cloud
        self.store = OrderStore(cloud.dynamodb, "Orders")
        cloud.secretsmanager.create_secret(
            Name="countersign/test/cashier/wechat_native/qr",
            SecretString=json.dumps({"wechat": "shop", "shop_name": "Tea & <Co>"}),
        )
        for function in ("create_payment", "pay"):
            importlib.reload(importlib.import_module(f"functions.cashier_{function}.app"))

    def create(self, reference: str = NUMBER, **changes: Any) -> tuple[int, Json]:
        body = {
            "order_id": reference,
            "amount": {"minor": 8800, "currency": "CNY"},
            "description": "Dragon well tea",
            "return_url": "https://shop.example.com/thanks?a=1&b=<2>",
            "cancel_url": "https://shop.example.com/cart",
            "part_of": WHOLE,
        } | changes
        event = http_event(
            "POST",
            "/cashier/{name}/{account}/payments",
            {"name": "wechat_native", "account": "qr"},
            body=json.dumps(body),
        )
        answer = self.cloud.invoke("cashier_create_payment", event)
        return answer["statusCode"], json.loads(answer["body"])

    def open(self, url: str, *, status: bool = False, **headers: str) -> Json:
        """Open a page as a browser does."""
        token = url.rpartition("/")[2]
        route = "/cashier/{name}/{account}/pay/{token}" + ("/status" if status else "")
        parameters = {"name": "wechat_native", "account": "qr", "token": token}
        found: Json = self.cloud.invoke("cashier_pay", http_event("GET", route, parameters, headers=headers))
        return found

    def key(self, reference: str = NUMBER) -> OrderKey:
        return OrderKey("wechat", "shop", number_of(reference))

    def pay(self, reference: str = NUMBER) -> None:
        """Let the payer scan and pay; nobody tells."""
        content = {"account": "shop", "out_trade_no": number_of(reference), "notify": False}
        assert self.cloud.wechat.simulator.control("pay", content)[0] == 200
        self.cloud.clock.shift(10)
        self.cloud.invoke("wechat_poll", {}, remaining_ms=900_000)


@pytest.fixture
def native(cloud: Cloud) -> Native:  # noqa: F811 - a fixture
    return Native(cloud)


class TestNames:
    def ask(self, native: Native, name: str, account: str, **claims: str) -> tuple[int, Json]:
        content = {"order_id": NUMBER, "amount": {"minor": 8800, "currency": "CNY"}, "description": "Tea"}
        body = json.dumps(content | {"return_url": "https://shop.example.com/"})
        names = {"name": name, "account": account}
        event = http_event("POST", "/cashier/{name}/{account}/payments", names, body=body, claims=claims)
        answer = native.cloud.invoke("cashier_create_payment", event)
        return answer["statusCode"], json.loads(answer["body"])

    def test_a_cashier_has_one_name(self, native: Native) -> None:
        native.cloud.secretsmanager.create_secret(
            Name="countersign/test/cashier/wechat_native/qr.two", SecretString=json.dumps({"wechat": "shop"})
        )

        assert self.ask(native, "wechat_native.qr", "two")[0] == 404
        assert self.ask(native, "wechat_native", "qr.two")[0] == 201

    def test_G4_an_account_that_the_token_may_not_see_is_answered_as_one_that_does_not_exist(
        self, native: Native
    ) -> None:
        answers = [self.ask(native, "wechat_native", name, accounts="[wechat/other]") for name in ("qr", "none")]

        assert answers[0][0] == 404
        assert answers[0] == answers[1]


class TestPaying:
    def test_the_order_is_wechats_and_part_of_the_shops(self, native: Native) -> None:
        status, answer = native.create()

        assert status == 201, answer
        assert answer["client"]["code_url"].startswith("weixin://")
        assert re.fullmatch(
            r"https://pay\.example\.com/cashier/wechat_native/qr/pay/[0-9a-f]{64}", answer["client"]["cashier_url"]
        )
        order = native.store.get(native.key())
        assert order is not None
        assert (order.terms.method, order.money_of) == ("native", ("bigcommerce", "g5cd38wq1", "10401"))

    def test_the_page_tells_that_the_payment_arrived(self, native: Native) -> None:
        url = native.create()[1]["client"]["cashier_url"]
        assert json.loads(native.open(url, status=True)["body"]) == {"state": "waiting"}
        native.pay()

        assert json.loads(native.open(url, status=True)["body"]) == {"state": "paid"}
        shown = native.open(url)["body"]
        assert "Paid. Thank you." in shown
        assert "<svg" not in shown

    def test_the_same_payment_again_is_one_order_and_both_pages_show_it(self, native: Native) -> None:
        first = native.create()[1]["client"]["cashier_url"]
        status, answer = native.create()

        assert status == 200
        assert answer["client"]["cashier_url"] != first
        native.pay()
        for url in (first, answer["client"]["cashier_url"]):
            assert json.loads(native.open(url, status=True)["body"]) == {"state": "paid"}

    def test_another_order_of_the_shop_under_the_same_number_is_refused(self, native: Native) -> None:
        native.create()
        status, answer = native.create(part_of=WHOLE | {"order_id": "10402"})

        assert status == 409
        assert "part_of" in answer["detail"]

    def test_a_reference_that_wechat_does_not_take_goes_as_its_digest(self, native: Native) -> None:
        reference = "bc-" + "g" * 40 + "-10401-1"

        assert native.create(reference)[0] == 201
        assert len(number_of(reference)) == 32
        assert native.store.get(native.key(reference)) is not None

    @pytest.mark.parametrize("currency", ["KWD", "BHD", "JOD", "JPY", "UGX", "ISK", "USD"])
    def test_C3_what_wechat_does_not_take_is_refused_before_anybody_is_sent_away(
        self, native: Native, currency: str
    ) -> None:
        status, answer = native.create(amount={"minor": 8800, "currency": currency})

        assert (status, answer["detail"].partition(":")[0]) == (422, "currency_not_supported")
        assert native.cloud.wechat.sent == []

    def test_a_caller_without_the_wechat_account_may_not_take_money_for_it(self, native: Native) -> None:
        event = http_event(
            "POST",
            "/cashier/{name}/{account}/payments",
            {"name": "wechat_native", "account": "qr"},
            claims={"accounts": "[wechat/classic]"},
            body="{}",
        )

        assert native.cloud.invoke("cashier_create_payment", event)["statusCode"] == 404


class TestPage:
    def test_it_holds_the_code_the_amount_and_nothing_from_elsewhere(self, native: Native) -> None:
        client = native.create()[1]["client"]
        answer = native.open(client["cashier_url"])
        shown = answer["body"]
        drawn = segno.make_qr(client["code_url"], error="m").svg_inline(border=4, omitsize=True)

        assert answer["statusCode"] == 200
        assert re.findall(r'<path class="qrline".*? d="([^"]+)"', shown) == re.findall(r'qrline".*? d="([^"]+)"', drawn)
        assert "¥88.00" in shown
        assert "Dragon well tea" in shown
        assert "Tea &amp; &lt;Co&gt;" in shown
        assert not re.search(r"(?:src|href)=[\"'](?!https://shop\.example\.com/)", shown)
        assert len(shown.encode()) <= MOST_BYTES

    def test_its_policy_allows_what_carries_the_nonce_and_no_two_pages_have_the_same(self, native: Native) -> None:
        url = native.create()[1]["client"]["cashier_url"]
        first, second = native.open(url), native.open(url)
        policy = first["headers"]["content-security-policy"]
        (nonce,) = set(re.findall(r"'nonce-([0-9a-f]{32})'", policy))

        assert policy.startswith("default-src 'none'; ")
        assert "unsafe" not in policy
        assert f"nonce-{nonce}" not in second["headers"]["content-security-policy"]
        assert set(re.findall(r"<(?:script|style)[^>]*>", first["body"])) == {
            f'<style nonce="{nonce}">',
            f'<script id="data" type="application/json" nonce="{nonce}">',
            f'<script nonce="{nonce}">',
        }
        assert not re.search(r"\son\w+=|\sstyle=", first["body"])
        assert first["headers"]["cache-control"] == "no-store"
        assert first["headers"]["referrer-policy"] == "no-referrer"

    @pytest.mark.parametrize(
        ("locale", "accepted", "lang"),
        [
            ("zh-CN", "en-US,en;q=0.9", "zh-CN"),
            ("en", "zh-CN,zh;q=0.9", "en"),
            (None, "zh-TW,zh;q=0.9", "zh-CN"),
            (None, "fr-FR,fr;q=0.9,zh;q=0.5", "zh-CN"),
            (None, "fr", "en"),
            (None, "", "en"),
        ],
    )
    def test_it_speaks_the_shops_language_or_the_browsers(
        self, native: Native, locale: str | None, accepted: str, lang: str
    ) -> None:
        changes = {"locale": locale} if locale else {}
        url = native.create(**changes)[1]["client"]["cashier_url"]
        shown = native.open(url, **{"accept-language": accepted})["body"]

        assert f'<html lang="{lang}">' in shown
        assert page.WORDS[lang[:2]]["title"] in shown

    def test_both_languages_have_the_same_words(self) -> None:
        assert page.WORDS["zh"].keys() == page.WORDS["en"].keys()
        assert all(page.WORDS[lang][word] for lang in page.WORDS for word in page.WORDS[lang])

    def test_a_person_who_hears_the_page_learns_what_it_shows(self, native: Native) -> None:
        shown = native.open(native.create()[1]["client"]["cashier_url"])["body"]

        assert '<svg role="img" aria-label="QR code for WeChat Pay"' in shown
        assert '<p id="status" role="status" aria-live="polite">Waiting for your payment.</p>' in shown
        assert shown.count("<h1>") == shown.count("<main>") == 1
        assert 'role="timer" aria-live="off"' in shown  # a second that is read out would drown the rest
        assert '<meta name="viewport" content="width=device-width,initial-scale=1">' in shown

    def test_a_hostile_text_stays_text(self, native: Native) -> None:
        changes = {"description": "</script><script>alert(1)</script>"}
        url = native.create(**changes)[1]["client"]["cashier_url"]
        shown = native.open(url)["body"]

        assert "<script>alert" not in shown
        assert shown.count("</script>") == 2
        data = json.loads(re.findall(r'type="application/json"[^>]*>(.*?)</script>', shown)[0])
        assert data["back"] == "https://shop.example.com/thanks?a=1&b=<2>"

    @pytest.mark.parametrize("token", ["0" * 64, "short", "Z" * 64, "../../orders"])
    def test_a_token_that_was_guessed_opens_nothing(self, native: Native, token: str) -> None:
        native.create()

        assert native.open(f"x/{token}")["statusCode"] == 404
        assert native.open(f"x/{token}", status=True)["statusCode"] == 404

    def test_the_table_holds_no_token_and_the_page_goes_after_its_time(self, native: Native) -> None:
        url = native.create()[1]["client"]["cashier_url"]
        rows = [row for row in native.cloud.dynamodb.scan(TableName="Idempotency")["Items"] if "page" in row["id"]["S"]]
        assert url.rpartition("/")[2] not in str(rows)
        native.cloud.clock.shift(7200 + 3599)
        assert native.open(url)["statusCode"] == 200
        native.cloud.clock.shift(2)

        assert native.open(url)["statusCode"] == 404

    def test_a_payment_that_a_person_looks_at_says_neither_paid_nor_over(self) -> None:
        assert page.state_of("review") == page.LOOKED_AT
        assert page.state_of("closed") == page.OVER
        assert page._shown(Money(8800, "CNY")) == "¥88.00"


@pytest.mark.parametrize(
    ("document", "field"),
    [({}, "wechat"), ({"wechat": "Shop!"}, "wechat"), ({"wechat": "a", "shop_name": "a\nb"}, "shop_name")],
)
def test_a_document_that_cannot_be_used_names_the_field(document: Json, field: str) -> None:
    from countersign.cashiers.wechat_native import settings

    with pytest.raises(KeysUnavailableError, match=field):
        settings.load(document)
