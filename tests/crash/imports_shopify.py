"""A shop's long history, imported from a file that the shop writes, killed at each of the external calls."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from countersign.store import imports
from tests.crash.scenarios import RECORD, Scenario
from tests.crash.world_shopify import SHOP, ShopifyWorld, import_world

if TYPE_CHECKING:
    from sandbox.testing import Run

GRAPHQL = f"http.POST /shopify/{SHOP}/admin/api/2026-10/graphql.json"


def _import_again(stage: ShopifyWorld, _: Any) -> list[Run]:
    """Come once while the lease of who died is there, and once after it."""
    early = stage.import_file()
    stage.advance(imports.LEASE_SECONDS + 1)
    return [early, stage.import_file()]


IMPORTS = {
    "shopify import": Scenario(
        (
            "secretsmanager.ListSecrets",
            "secretsmanager.GetSecretValue",
            "dynamodb.Query",  # where the app was installed
            "secretsmanager.ListSecrets",
            "dynamodb.BatchGetItem",  # which shops let us in
            "dynamodb.UpdateItem",  # the import is this run's
            *("dynamodb.BatchGetItem", "dynamodb.PutItem"),  # the document's tokens are where the table's begin
            "dynamodb.BatchGetItem",
            GRAPHQL,  # no file was asked for before
            "dynamodb.BatchGetItem",  # the token, as before each call
            GRAPHQL,  # one is asked for
            "dynamodb.UpdateItem",  # and noted
            "dynamodb.BatchGetItem",
            GRAPHQL,  # it is written
            f"http.GET /shopify/{SHOP}/bulk/1.jsonl",
            "dynamodb.BatchGetItem",  # what of it is known
            *RECORD,
            "dynamodb.UpdateItem",  # how far it came
            "dynamodb.UpdateItem",  # that it was whole
            "dynamodb.UpdateItem",  # and that the list goes on from there
        ),
        lambda stage: stage.asked(),
        lambda stage, _, crash: stage.import_file(crash),
        _import_again,
        world=import_world,
    ),
}
