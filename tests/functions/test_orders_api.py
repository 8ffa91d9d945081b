"""The merchant API: what it shows, to whom, and who may answer questions."""

import json
import re
from typing import Any

import pytest

from countersign.api.scopes import SCOPES
from tests.functions.conftest import FOLDER, Cloud, http_event
from tests.functions.test_create_payment import create, order, pay
from tests.infra.reading import routes
from tests.unit.test_roles import cognito
from tools import make_openapi

ORDER = "/orders/{platform}/{account}/{order_id}"


def call(cloud: Cloud, method: str, route: str, order_id: str = "ORDER-0001", **members: Any) -> Any:
    parameters = {"platform": "wechat", "account": "shop", "order_id": order_id, **members.pop("parameters", {})}
    named = {name: value for name, value in parameters.items() if "{" + name + "}" in route}
    event = http_event(method, route, named, **members)
    answer = cloud.invoke("merchant_api", event)
    return answer["statusCode"], json.loads(answer["body"])


def test_an_order_shows_its_events_with_trust_key_and_digest(cloud):
    create(cloud, order_id="EV-paid-v3")
    cloud.invoke("wechat_notify", json.loads((FOLDER / "wechat_notify.paid-v3.json").read_text()))

    status, answer = call(cloud, "GET", ORDER, "EV-paid-v3")

    assert (status, answer["status"]) == (200, "paid")
    kinds = [(event["kind"], event["trust"], event["decision"]) for event in answer["events"]]
    assert kinds == [
        ("opened", "operator", "applied"),
        ("prepared", "queried", "applied"),
        ("paid", "verified", "applied"),
    ]
    paid = answer["events"][-1]
    assert paid["key_id"].startswith("PUB_KEY_ID_")
    assert len(paid["digest"]) == 64
    assert paid["occurred_at"] == answer["paid_at"]


def test_an_order_number_with_delimiters_is_found_by_its_decoded_name(cloud):
    create(cloud, order_id="A|b*-_1")

    status, answer = call(cloud, "GET", ORDER, "A|b*-_1")

    assert (status, answer["order_id"]) == (200, "A|b*-_1")


def test_the_explanation_is_a_sentence_and_a_step_for_each_event(cloud):
    create(cloud)

    status, answer = call(cloud, "GET", f"{ORDER}/explanation")

    assert status == 200
    assert answer["summary"] == "The platform waits for the payer."
    assert next(step["why"] for step in answer["steps"]) == "created for 88.00 CNY"


@pytest.mark.parametrize(
    ("method", "route"),
    [("GET", ORDER), ("GET", f"{ORDER}/explanation"), ("POST", f"{ORDER}/refresh"), ("POST", f"{ORDER}/close")],
)
def test_G4_an_order_outside_the_token_is_404_as_if_it_did_not_exist(cloud, method, route):
    create(cloud)

    outside = call(cloud, method, route, claims={"accounts": "[wechat/other]"})
    missing = call(cloud, method, route, "NOBODY-1")

    assert outside[0] == missing[0] == 404
    assert set(outside[1]) == set(missing[1])


def test_a_token_for_the_account_sees_it(cloud):
    create(cloud)

    assert call(cloud, "GET", ORDER, claims={"accounts": "[douyin/x wechat/shop]"})[0] == 200


def test_orders_of_a_platform_that_does_not_exist_are_404(cloud):
    assert call(cloud, "POST", f"{ORDER}/refresh", parameters={"platform": "nobody"})[0] == 404


def test_refresh_asks_wechat_through_the_queue(cloud):
    create(cloud)
    pay(cloud)

    status, answer = call(cloud, "POST", f"{ORDER}/refresh")
    assert (status, answer["refresh"]) == (202, "asked")

    cloud.invoke("wechat_poll", {"source": "aws.scheduler"})
    assert order(cloud).status == "paid"


def test_an_order_that_is_closed_in_its_first_five_minutes_is_closed_when_wechat_allows(cloud):
    create(cloud)

    status, _ = call(cloud, "POST", f"{ORDER}/close")
    assert status == 202
    cloud.invoke("wechat_poll", {"source": "aws.scheduler"})
    assert order(cloud).status == "pending"

    cloud.clock.shift(301)
    cloud.invoke("wechat_poll", {"source": "aws.scheduler"})
    assert order(cloud).status == "closed"


def test_a_paid_order_is_not_closed(cloud):
    create(cloud)
    pay(cloud)
    cloud.clock.shift(10)
    cloud.invoke("wechat_poll", {"source": "aws.scheduler"})

    assert call(cloud, "POST", f"{ORDER}/close")[0] == 409


@pytest.fixture
def odd(cloud: Cloud) -> str:
    create(cloud, order_id="EV-wrong-amount")
    cloud.invoke("wechat_notify", json.loads((FOLDER / "wechat_notify.wrong-amount.json").read_text()))
    _, answer = call(cloud, "GET", ORDER, "EV-wrong-amount")
    assert answer["status"] == "review"
    return str(answer["review"][0]["review_id"])


def resolve(cloud: Cloud, review_id: str, decision: str, claims: dict[str, str] | None = None) -> Any:
    return call(
        cloud,
        "POST",
        f"{ORDER}/review/{{review_id}}/resolve",
        "EV-wrong-amount",
        parameters={"review_id": review_id},
        body=json.dumps({"decision": decision, "note": "seen"}),
        claims=claims or {},
    )


def test_an_open_question_is_an_exception_until_a_person_resolves_it(cloud, odd):
    _, answer = call(cloud, "GET", "/exceptions")
    assert [(row["kind"], row["order_id"]) for row in answer["exceptions"]] == [("review", "EV-wrong-amount")]

    assert resolve(cloud, odd, "accept", claims={"sub": "ben"})[0] == 202
    status, answer = resolve(cloud, odd, "accept")

    assert (status, answer["status"], answer["review"]) == (200, "paid", [])
    assert call(cloud, "GET", "/exceptions")[1] == {"exceptions": [], "cursor": None}
    _, why = call(cloud, "GET", f"{ORDER}/explanation", "EV-wrong-amount")
    assert (why["resolved"][0]["by"], why["resolved"][0]["note"]) == ("anna", "seen")


def test_one_person_alone_does_not_accept_another_amount_however_often(cloud, odd):
    for _ in range(2):
        status, answer = resolve(cloud, odd, "accept")

        assert (status, answer["status"]) == (202, "review")
        (question,) = answer["review"]
        (given,) = question["answers"]
        assert (given["by"], given["decision"], given["note"]) == ("anna", "accept", "seen")
    assert [(row["kind"], row["order_id"]) for row in call(cloud, "GET", "/exceptions")[1]["exceptions"]] == [
        ("review", "EV-wrong-amount")
    ]


def test_money_that_does_not_fit_goes_back_when_a_second_person_approves(cloud, odd):
    status, answer = resolve(cloud, odd, "refund")

    assert (status, answer["status"], answer["review"]) == (200, "pending", [])
    (refund,) = answer["refunds"]
    assert (refund["status"], refund["requested_by"]) == ("requested", "anna")
    approve = f"{ORDER}/refunds/{{refund_id}}/approve"
    asked = {"parameters": {"refund_id": refund["refund_id"]}, "body": "{}"}
    assert call(cloud, "POST", approve, "EV-wrong-amount", **asked)[0] == 403
    status, approved = call(cloud, "POST", approve, "EV-wrong-amount", **asked, claims={"sub": "ben"})
    assert (status, approved["status"], approved["judged_by"]) == (200, "approved", "ben")


def test_a_machine_resolves_nothing(cloud, odd):
    status, _ = resolve(cloud, odd, "accept", claims={"sub": "m2m", "client_id": "m2m"})

    assert status == 403
    assert order(cloud, "EV-wrong-amount").status == "review"


@pytest.mark.parametrize(("review_id", "decision", "status"), [("nothing", "accept", 404), (None, "maybe", 400)])
def test_an_answer_to_nothing_or_in_other_words_is_refused(cloud, odd, review_id, decision, status):
    assert resolve(cloud, review_id or odd, decision)[0] == status


def test_exceptions_outside_the_token_are_not_shown(cloud, odd):
    assert odd
    assert call(cloud, "GET", "/exceptions", claims={"accounts": "[wechat/other]"})[1] == {
        "exceptions": [],
        "cursor": None,
    }


def test_a_list_needs_an_account_of_the_token(cloud):
    create(cloud)

    status, answer = call(cloud, "GET", "/orders", queryStringParameters={"account": "wechat/shop"})
    assert (status, [row["order_id"] for row in answer["orders"]]) == (200, ["ORDER-0001"])

    outside = {"queryStringParameters": {"account": "wechat/shop"}, "claims": {"accounts": "[]"}}
    assert call(cloud, "GET", "/orders", **outside)[0] == 404
    assert call(cloud, "GET", "/orders", queryStringParameters={"account": "shop"})[0] == 422
    assert call(cloud, "GET", "/orders")[0] == 422


def test_the_openapi_document_names_every_route_of_the_template(cloud):
    status, answer = call(cloud, "GET", "/openapi.json")

    assert status == 200
    assert answer["openapi"].startswith("3.1")
    assert f"{ORDER}/review/{{review_id}}/resolve" in answer["paths"]


def test_the_published_document_is_what_the_routes_make(cloud):
    for name in make_openapi.FUNCTIONS:
        cloud.module(name)

    assert make_openapi.TARGET.read_text(encoding="utf-8") == make_openapi.text()


def test_the_document_says_the_scope_and_the_problems_of_each_operation(cloud):
    _, document = call(cloud, "GET", "/openapi.json")
    operations = {
        f"{method.upper()} {path}": operation
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }

    made = ("/{account}/payments", "/{shop}/carts")
    creates = {route: "payments:write" for route in operations if route.endswith(made)}
    assert set(creates) == {route for route in routes() if route.endswith(made)}
    assert operations.keys() == SCOPES.keys() | creates.keys()
    for route, operation in operations.items():
        scope = {**SCOPES, **creates}[route]
        assert operation["security"] == [{"bearer": [scope] if scope else []}]
        assert set(operation["responses"]) >= {"403", "404", "422"}


def test_the_document_says_with_what_an_operation_is_answered(cloud):
    create(cloud)
    paths = call(cloud, "GET", "/openapi.json")[1]["paths"]

    for tail, body in (("refresh", None), ("close", None), ("settlements", "{}")):
        status, _ = call(cloud, "POST", f"{ORDER}/{tail}", body=body)
        assert str(status) in paths[f"{ORDER}/{tail}"]["post"]["responses"]
    assert {"200", "202"} <= set(paths[f"{ORDER}/review/{{review_id}}/resolve"]["post"]["responses"])
    assert "201" in paths[f"{ORDER}/refunds"]["post"]["responses"]


def test_every_reference_in_the_document_leads_somewhere_and_nothing_is_left_over(cloud):
    _, document = call(cloud, "GET", "/openapi.json")
    schemas = document["components"]["schemas"]
    referred = set(re.findall(r'"#/components/schemas/([^"]+)"', json.dumps(document)))

    assert referred == set(schemas)
    assert document["components"]["securitySchemes"]["bearer"]["scheme"] == "bearer"


@pytest.mark.parametrize(("query", "named"), [({"q": "x"}, "q"), ({"form": "2026-01-01", "account": "a/b"}, "form")])
@pytest.mark.parametrize("route", ["/orders", "/refunds", "/exceptions"])
def test_M2_a_parameter_that_no_route_knows_is_422_and_named(cloud, route, query, named):
    status, answer = call(cloud, "GET", route, queryStringParameters={"account": "wechat/shop", **query})

    assert (status, answer["code"], answer["args"]) == (422, "unknown_parameters", {"names": named})


@pytest.mark.parametrize("route", sorted(SCOPES))
def test_a_token_without_the_routes_scope_is_403_and_the_answer_names_it(cloud, route):
    method, _, path = route.partition(" ")
    names = {"review_id": "r", "refund_id": "r", "exception_id": "e", "date": "2026-01-01"}
    claims = {"scope": " ".join(scope for scope in {*SCOPES.values()} - {SCOPES[route]})}

    status, answer = call(cloud, method, path, parameters=names, claims=claims)

    if SCOPES[route]:
        assert (status, answer["code"], answer["args"]) == (403, "scope_missing", {"scope": SCOPES[route]})
    else:
        assert status == 200


def test_a_scope_counts_with_and_without_its_resource_server_and_as_scp(cloud):
    for claims in ({"scope": "countersign/orders:read"}, {"scope": "", "scp": "[orders:read openid]"}):
        assert call(cloud, "GET", "/refunds", claims=claims)[0] == 200
    assert call(cloud, "GET", "/refunds", claims={"scope": "orders:reader"})[0] == 403


def test_me_says_who_the_token_is_and_what_it_allows(cloud):
    claims = {"accounts": "[wechat/shop]", "scope": "countersign/orders:read", "name": "Anna"}

    status, answer = call(cloud, "GET", "/me", claims=claims)

    assert status == 200
    assert (answer["id"], answer["name"], answer["person"]) == ("anna", "Anna", True)
    assert (answer["scopes"], answer["accounts"]) == (["orders:read"], ["wechat/shop"])


def test_M4_the_explanation_and_what_is_next_are_in_the_readers_language(cloud):
    create(cloud)
    route = f"{ORDER}/explanation"

    english = call(cloud, "GET", route)[1]
    chinese = call(cloud, "GET", route, headers={"accept-language": "fr;q=0.9, zh-CN;q=0.8, en;q=0.7"})[1]
    chosen = call(cloud, "GET", route, queryStringParameters={"lang": "zh"}, headers={"accept-language": "en"})[1]

    assert (english["summary"], chinese["summary"]) == ("The platform waits for the payer.", "平台在等待付款人支付。")
    assert chosen == chinese
    assert [step["code"] for step in english["next"]] == [step["code"] for step in chinese["next"]]
    assert (english["next"][0]["text"], chinese["next"][0]["text"]) == (
        "WeChat is asked again within a minute",
        "一分钟内再次向微信查询",
    )
    assert english["next"][0]["at"] is not None


def test_a_problem_has_a_type_and_a_code_that_stay_and_words_that_follow_the_language(cloud):
    english = call(cloud, "GET", ORDER, "NOBODY-1")[1]
    chinese = call(cloud, "GET", ORDER, "NOBODY-1", queryStringParameters={"lang": "zh"})[1]

    assert english == {
        "type": "urn:countersign:problem:no-such-order",
        "title": "Not found",
        "status": 404,
        "code": "no_such_order",
        "args": {},
        "detail": "no such order",
    }
    assert chinese == {**english, "title": "不存在", "detail": "没有这个订单"}


def test_a_language_that_there_is_not_is_422(cloud):
    status, answer = call(cloud, "GET", "/refunds", queryStringParameters={"lang": "fr"})

    assert (status, answer["code"], answer["args"]) == (422, "word_is_one_of", {"name": "lang", "words": "en, zh"})


def test_B11_both_orders_that_claim_one_transaction_show_it(cloud):
    create(cloud, order_id="ORDER-0001")
    create(cloud, order_id="ORDER-0002")
    for number in ("ORDER-0001", "ORDER-0002"):
        body = {
            "account": "shop",
            "out_trade_no": number,
            "notify": False,
            "transaction_id": "4200000000000000000000000001",
        }
        cloud.wechat.simulator.control("pay", body)
    cloud.clock.shift(10)
    cloud.invoke("wechat_poll", {"source": "aws.scheduler"})

    answers = [
        call(cloud, "GET", route, number)
        for number in ("ORDER-0001", "ORDER-0002")
        for route in (ORDER, f"{ORDER}/explanation")
    ]

    assert [status for status, _ in answers] == [200] * 4
    reasons = [[row["reason"] for row in answer["review"]] for _, answer in answers if "review" in answer]
    assert reasons == [["transaction_of_another_order"], ["transaction_of_another_order"]]
    assert sorted(answer["status"] for _, answer in answers if "review" in answer) == ["paid", "review"]


@pytest.mark.parametrize("issuer", ["cognito", "foreign"])
@pytest.mark.parametrize(("role", "expected"), [("shop", 403), ("support", 403), ("finance", 404)])
def test_M5_a_token_of_role_shop_is_403_at_approve_although_its_client_asks_for_the_scope(
    cloud, monkeypatch, issuer, role, expected
):
    create(cloud)
    if issuer == "cognito":
        claims = cognito([f"role:{role}", "wechat/shop"])
    else:
        for name, value in (("PERSON_CLAIM", "person"), ("PERSON_VALUE", "yes"), ("ROLE_CLAIM", "groups")):
            monkeypatch.setenv(name, value)
        claims = {"azp": "console", "client_id": "", "username": "", "person": "yes", "groups": f"[{role}]"}

    status, answer = call(
        cloud, "POST", f"{ORDER}/refunds/{{refund_id}}/approve", parameters={"refund_id": "rf1"}, claims=claims
    )

    assert status == expected  # 404: finance may, and there is no such refund
    assert answer["args"] == ({"scope": "refunds:approve"} if expected == 403 else {})
