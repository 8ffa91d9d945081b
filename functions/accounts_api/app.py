"""The merchant API: who calls, and what the API is."""

import time
from http import HTTPStatus
from pathlib import Path
from typing import Annotated

from aws_lambda_powertools.event_handler import Response, content_types
from aws_lambda_powertools.event_handler.openapi.params import Query

from countersign import api as package
from countersign.api.carriers import carriers_json
from countersign.api.overview import Overview
from countersign.api.routing import Json, MerchantApi
from countersign.store.lists import OrderLists

api = MerchantApi()
lists = OrderLists.from_environment()
# Made by tools/make_openapi.py from the routes of all functions, so that none must import the others to publish it.
DOCUMENT = (Path(package.__file__).parent / "openapi.json").read_text(encoding="utf-8")


@api.router.get("/me")
def whoami() -> Json:
    """Say who the token's bearer is, and what the token allows."""
    caller = api.caller
    return {
        "id": caller.subject,
        "name": caller.name or None,
        "person": caller.is_person,
        "roles": sorted(caller.roles),
        "scopes": sorted(caller.scopes),
        "accounts": sorted(caller.accounts),
    }


@api.router.get("/accounts")
def accounts() -> Json:
    """List the accounts that are used and that the token may see, and how each does: news, gaps, quarantine.

    Nothing is asked of a platform for it; what is not known is null.
    """
    return Overview(lists, api.caller, language=api.language).accounts(now=int(time.time()))


@api.router.get("/carriers")
def carriers(platform: Annotated[str, Query(min_length=1, max_length=32)]) -> Json:
    """List the carriers of a platform that are known here, by the codes that shipments take."""
    return carriers_json(platform, api.language)


@api.router.get("/openapi.json", include_in_schema=False)
def openapi() -> Response[str]:
    """Publish the merchant API's OpenAPI 3.1 document."""
    return Response(HTTPStatus.OK, content_types.APPLICATION_JSON, DOCUMENT)


lambda_handler = api.handler()
