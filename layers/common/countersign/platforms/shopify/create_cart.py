"""Make a cart of the Storefront API: checked here first, so that Shopify's refusals are about the shop."""

import re
import time
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field, StringConstraints, field_validator

from countersign.errors import UnprocessableError
from countersign.orders.reasons import because
from countersign.orders.refusals import refusal
from countersign.platforms.payment import Body, ClientIp, read_body
from countersign.platforms.shopify.apps import Installation
from countersign.platforms.shopify.checkout import MOST_ITEMS, REFERENCE
from countersign.platforms.shopify.client import Storefront
from countersign.runtime import platform_http

_VARIANT, _PLAN = (rf"^(gid://shopify/{kind}/)?[1-9][0-9]{{0,19}}$" for kind in ("ProductVariant", "SellingPlan"))
MOST_ATTRIBUTES = 20
Text = Annotated[str, Field(min_length=1, max_length=255)]


class LineBody(Body):
    """One line of the cart: a variant, not a product."""

    variant_id: Annotated[str, StringConstraints(pattern=_VARIANT)]
    quantity: Annotated[int, Field(ge=1, le=1_000_000)] = 1
    selling_plan_id: Annotated[str, StringConstraints(pattern=_PLAN)] | None = None
    attributes: Annotated[dict[Text, Text], Field(max_length=MOST_ATTRIBUTES)] | None = None


class BuyerBody(Body):
    """What the checkout is filled in with; none of it is kept here."""

    email: Annotated[str, Field(min_length=3, max_length=254)] | None = None
    phone: Annotated[str, Field(pattern=r"^\+[1-9][0-9]{5,14}$")] | None = None
    country_code: Annotated[str, Field(pattern=r"^[A-Z]{2}$")] | None = None


class CartBody(Body):
    """The body of `POST /shopify/{shop}/carts`; `reference` is the merchant's own number, found again on the order."""

    reference: Text
    lines: Annotated[list[LineBody], Field(min_length=1, max_length=MOST_ITEMS)]
    buyer: BuyerBody | None = None
    client_ip: ClientIp | None = None
    note: Annotated[str, Field(min_length=1, max_length=5000)] | None = None
    discount_codes: Annotated[list[Text], Field(max_length=MOST_ITEMS)] | None = None
    attributes: Annotated[dict[Text, Text], Field(max_length=MOST_ATTRIBUTES)] | None = None

    @field_validator("attributes")
    @classmethod
    def _no_second_reference(cls, given: dict[str, str] | None) -> dict[str, str] | None:
        if given and REFERENCE in given:
            raise ValueError("the reference has a field of its own")
        return given


def read(installation: Installation, body: bytes) -> "Cart":
    """Read the body of a call; raises MalformedError naming the fields that do not fit, never their values.

    Raises UnprocessableError where the shop has no token of the Storefront API.
    """
    wanted = read_body(CartBody, body)
    token = installation.shop.storefront_private_token or installation.app.storefront_private_token
    if token is None:
        raise refusal(UnprocessableError, because("shopify.no_storefront_token"))
    storefront = Storefront(platform_http.session(), installation.app, installation.shop, token=token, sleep=time.sleep)
    return Cart(wanted, storefront)


class Cart:
    """One call to make a cart."""

    def __init__(self, body: CartBody, storefront: Storefront) -> None:
        self._body = body
        self._storefront = storefront

    def create(self) -> dict[str, Any]:
        """Make the cart; the answer has what the front end opens, and what Shopify warns of.

        Raises UnprocessableError with what Shopify objects to, RateLimitedError where it has no room just now, and
        PlatformUnavailableError where there is no answer: a cart that nobody opens costs nothing, so call again.
        """
        made = self._storefront.create_cart(self._input(), buyer_ip=self._body.client_ip or "")
        return {
            "reference": self._body.reference,
            "cart": {"total_quantity": made.quantity, "total": made.total.to_json() if made.total else None},
            "client": {"checkoutUrl": made.checkout_url},
            "warnings": [{"code": code, "message": message} for code, message in made.warnings],
        }

    def _input(self) -> Mapping[str, Any]:
        # https://shopify.dev/docs/api/storefront/2026-10/input-objects/CartInput
        body = self._body
        buyer = body.buyer
        identity = {
            "email": buyer.email if buyer else None,
            "phone": buyer.phone if buyer else None,
            "countryCode": buyer.country_code if buyer else None,
        }
        wanted = {
            "lines": [_line(line) for line in body.lines],
            "attributes": _pairs({REFERENCE: body.reference, **(body.attributes or {})}),
            "note": body.note,
            "discountCodes": body.discount_codes,
            "buyerIdentity": {name: value for name, value in identity.items() if value},
        }
        return {name: value for name, value in wanted.items() if value}


def _line(line: LineBody) -> dict[str, Any]:
    found: dict[str, Any] = {
        "merchandiseId": _gid("ProductVariant", line.variant_id),
        "quantity": line.quantity,
    }
    if line.selling_plan_id:
        found["sellingPlanId"] = _gid("SellingPlan", line.selling_plan_id)
    if line.attributes:
        found["attributes"] = _pairs(line.attributes)
    return found


def _gid(kind: str, given: str) -> str:
    return f"gid://shopify/{kind}/{re.sub('^.*/', '', given)}"


def _pairs(values: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"key": name, "value": value} for name, value in values.items()]
