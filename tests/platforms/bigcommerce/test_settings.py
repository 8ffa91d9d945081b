"""The account documents of BigCommerce: what is read, what a store decides for itself, what is refused."""

from typing import Any

import pytest

from countersign.errors import KeysUnavailableError
from countersign.platforms.bigcommerce import settings
from countersign.platforms.bigcommerce.settings import load, load_installation

SECRET = "5f1c0b7a9e8d4c3b2a190f8e7d6c5b4a39281706f5e4d3c2b1a09f8e7d6c5b4a"
APP: dict[str, Any] = {
    "client_id": "7xq0l2k5m8c1v4b9n3z6a0s8d1f5g2h",
    "client_secrets": [SECRET],
    "cashier": "hc1/main",
    "payment_method_names": ["OKCloud Pay"],
    "allowed_origins": ["https://shop.example.com"],
}
STORE: dict[str, Any] = {
    "store_hash": "g5cd38wq1",
    "access_token": "n4rqb2y8k1w0",
    "scope": "store_v2_orders store_content_checkout",
    "owner": {"id": 12345, "email": "owner@example.com"},
}


def test_an_app_with_the_least_that_it_needs_has_the_usual_rules() -> None:
    app = load(APP)

    assert app.rules.cashier_account == ("hc1", "main")
    assert app.rules.base == settings.HOST
    assert (app.rules.max_age_seconds, app.rules.never_ran_after) == (86400, 900)
    assert (app.rules.paid_late_policy, app.rules.control_panel_refund) == ("ask", "notify")
    assert app.rules.allowed_channel_ids is None
    assert app.rules.allowed_stores == frozenset()
    assert app.warnings == ()


def test_a_store_has_its_own_rules_over_those_of_its_app() -> None:
    store = load_installation({**STORE, "cashier": "stripe/eu", "max_age_seconds": 600, "allowed_channel_ids": [1, 2]})

    rules = store.rules(load(APP))

    assert rules.cashier_account == ("stripe", "eu")
    assert rules.max_age_seconds == 600
    assert rules.allowed_channel_ids == frozenset({1, 2})
    assert rules.payment_method_names == ("OKCloud Pay",)  # the app's
    assert store.is_active


@pytest.mark.parametrize(
    "without", [{"access_token": ""}, {"needs_reauthorization": True}, {"uninstalled": True}, {"access_token": None}]
)
def test_a_store_without_a_usable_token_is_not_active(without: dict[str, Any]) -> None:
    assert not load_installation({**STORE, **without}).is_active


def test_no_secret_of_a_document_is_shown() -> None:
    store = load_installation({**STORE, "hook_token": "a" * 30 + "bc", "webhook_mode": "custom_header"})

    assert STORE["access_token"] not in repr(store)
    assert "a" * 30 not in repr(store)
    assert SECRET not in repr(load(APP))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("client_id", ""),
        ("client_id", "no spaces"),
        ("client_secrets", []),
        ("client_secrets", ["short"]),
        ("cashier", "paypal/main"),
        ("cashier", "hc1/Main"),
        ("payment_method_names", ["", "b"]),
        ("payment_method_names", "OKCloud Pay"),
        ("allowed_origins", ["https://shop.example.com/"]),
        ("allowed_origins", ["http://shop.example.com"]),
        ("allowed_origins", ["*"]),
        ("allowed_channel_ids", []),
        ("allowed_channel_ids", [True]),
        ("max_age_seconds", 59),
        ("max_age_seconds", "86400"),
        ("require_customer_jwt_for_registered", 1),
        ("allowed_stores", ["G5CD"]),
        ("paid_late_policy", "always"),
        ("control_panel_refund", "refund"),
        ("never_ran_after", True),
        ("api_base", "http://api.bigcommerce.com"),
    ],
)
def test_what_an_app_cannot_mean_is_refused_by_its_name(field: str, value: object) -> None:
    with pytest.raises(KeysUnavailableError, match=field):
        load({**APP, field: value})


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("store_hash", ""),
        ("store_hash", "g5cd38wq1/../x"),
        ("access_token", "short"),
        ("access_token", "tökén-of-a-store"),
        ("owner", "me"),
        ("needs_reauthorization", "no"),
        ("webhook_mode", "none"),
        ("hook_token", "short"),
        ("cashier", "hc1"),
    ],
)
def test_what_a_store_cannot_mean_is_refused_by_its_name(field: str, value: object) -> None:
    with pytest.raises(KeysUnavailableError, match=field):
        load_installation({**STORE, field: value})


def test_a_scope_that_is_none_leaves_the_store_with_none() -> None:
    store = load_installation({**STORE, "scope": "store_v2_orders <all>"})

    assert store.scopes == frozenset()
    assert any("scope" in warning for warning in store.warnings)
