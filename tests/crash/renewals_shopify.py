"""A shop whose token must be renewed before its list is read, killed at each of the external calls."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from countersign.store import grants
from tests.crash.scenarios import RECORD, Scenario
from tests.crash.world_shopify import SHOP, ShopifyWorld, shopify_world

if TYPE_CHECKING:
    from sandbox.testing import Run

_scenario = functools.partial(Scenario, world=shopify_world)


def _read_again(stage: ShopifyWorld, _: Any) -> list[Run]:
    """Come once while the lease of who died may be there, and once after it."""
    early = stage.read()
    stage.advance(grants.LEASE_SECONDS + 1)
    return [early, stage.read()]


RENEWALS = {
    "shopify renewal": _scenario(
        (
            "secretsmanager.ListSecrets",
            "secretsmanager.GetSecretValue",
            "dynamodb.Query",  # where the app was installed
            "secretsmanager.ListSecrets",
            "dynamodb.BatchGetItem",  # which shops let us in
            "dynamodb.UpdateItem",  # the list is this run's
            *("dynamodb.BatchGetItem", "dynamodb.PutItem"),  # the document's tokens are where the table's begin
            "dynamodb.UpdateItem",
            "dynamodb.BatchGetItem",  # the token is over
            "dynamodb.UpdateItem",  # the renewal is this run's
            f"http.POST /shopify/{SHOP}/admin/oauth/access_token",
            "dynamodb.UpdateItem",  # what it gave is kept
            f"http.POST /shopify/{SHOP}/admin/api/2026-10/graphql.json",
            "dynamodb.BatchGetItem",  # what of the page is known
            *RECORD,
            *("dynamodb.UpdateItem",) * 2,  # how far it came, and that this was all
        ),
        lambda stage: stage.sold(),
        lambda stage, _, crash: stage.read(crash),
        _read_again,
    ),
}
