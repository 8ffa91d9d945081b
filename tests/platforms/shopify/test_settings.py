"""What an app's document may hold, and what is refused by its name and never by its value."""

import re
from pathlib import Path
from typing import Any

import pytest

from countersign.errors import KeysUnavailableError
from countersign.platforms.shopify import settings

PAGE = Path(__file__).parents[3] / "docs" / "shopify.md"

SECRET = "shpss_0f4d2b7c9a1e4c6d8b3f5a7e"
SHOP = "vec-shop.myshopify.com"


def load(**document: Any) -> settings.App:
    return settings.load({"client_secrets": [SECRET]} | document)


def test_the_version_is_pinned_in_one_place_and_a_document_may_move_it() -> None:
    assert load().api_version == settings.VERSION == "2026-10"
    assert load(api_version="2027-01").api_version == "2027-01"


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        ({"client_secrets": []}, "client_secrets and admin_webhook_secrets are empty"),
        ({"client_secrets": ["short"]}, "client_secrets[0] is shorter"),
        ({"client_secrets": ["schlüssel-der-nicht-ascii-ist"]}, "client_secrets[0] is not ASCII"),
        ({"api_version": "2026-13"}, "api_version is not a version"),
        ({"subscriptions": "both"}, "subscriptions is not one of shop, app, admin"),
        ({"install": "magic"}, "install is not one of"),
        ({"events": "yes"}, "events is not true or false"),
    ],
)
def test_what_cannot_be_used_is_refused(document: dict[str, Any], reason: str) -> None:
    with pytest.raises(KeysUnavailableError) as refused:
        load(**document)

    assert reason in str(refused.value)
    assert "schlüssel" not in str(refused.value)


def test_a_webhook_that_a_person_made_needs_no_app() -> None:
    app = settings.load({"admin_webhook_secrets": [SECRET], "subscriptions": "admin", "shops": [{"shop": SHOP}]})

    assert app.client_secrets == ()
    assert app.allowed_shops == {SHOP}


@pytest.mark.parametrize(
    "host", ["vec-shop.myshopify.com.evil.example", "https://vec-shop.myshopify.com", "Vec.myshopify.com", "vec", ""]
)
def test_G3_a_shop_is_a_name_to_which_a_token_may_go(host: str) -> None:
    with pytest.raises(KeysUnavailableError):
        settings.load_installation({"shop": host, "access_token": SECRET})


@pytest.mark.parametrize("number", ["gid://shopify/Shop/70011223344", "70011223344", 70011223344])
def test_the_number_of_a_shop_is_read_in_any_form(number: object) -> None:
    assert settings.load_installation({"shop": SHOP, "shop_id": number}).shop_id == "70011223344"


def test_a_shop_of_which_nothing_can_be_asked_or_believed_is_said_so() -> None:
    app = load(install="token", shops=[{"shop": SHOP}])

    assert any("no access_token" in warning for warning in app.warnings)
    assert any("no shop_id" in warning for warning in app.warnings)
    assert load(shops=[{"shop": SHOP, "shop_id": "7", "access_token": SECRET}]).warnings == ()


def test_no_secret_is_shown() -> None:
    app = load(shops=[{"shop": SHOP, "access_token": "shpat_that_nobody_sees"}])

    assert SECRET not in repr(app) and "shpat" not in repr(app)


def test_every_case_of_the_list_in_the_docs_names_a_test_that_is_there() -> None:
    row = re.compile(r"^\| (S\d+) .*`(test_\w+\.py)::(test_(S\d+)_\w+)` \|$", re.MULTILINE)
    rows = row.findall(PAGE.read_text(encoding="utf-8"))

    assert [case for case, *_ in rows] == [f"S{number}" for number in range(1, 11)]
    for case, file, name, of in rows:
        assert case == of
        assert f"def {name}(" in (Path(__file__).parent / file).read_text(encoding="utf-8"), name
