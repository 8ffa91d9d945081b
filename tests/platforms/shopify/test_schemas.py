"""Every document that goes out is one that the official schemas of its version have."""

from collections.abc import Mapping
from typing import Any

import pytest

from countersign.platforms.shopify import documents
from countersign.platforms.shopify.settings import VERSION
from tests.platforms.shopify import schemas


def judged(cases: Mapping[tuple[str, str], Mapping[str, Any]]) -> Mapping[tuple[str, str], Mapping[str, Any]]:
    """Return what the schemas say; without them, say plainly that nothing was checked."""
    try:
        return schemas.judged(cases)
    except schemas.NotInstalledError as error:
        pytest.skip(f"{error}: no document was checked against Shopify's official schemas")


def test_every_document_is_one_that_the_official_schemas_have() -> None:
    admin, storefront = ("admin", VERSION), ("storefront-graphql", VERSION)

    said = judged(
        {
            admin: {query: {"query": query} for query in (*documents.ADMIN, "query Wrong { shop { colour } }")},
            storefront: {query: {"query": query} for query in documents.STOREFRONT},
        }
    )

    assert said[admin].pop("query Wrong { shop { colour } }")  # the judge does judge
    assert {query: errors for by_query in said.values() for query, errors in by_query.items() if errors} == {}
    assert said[admin].keys() | said[storefront].keys() == {*documents.ADMIN, *documents.STOREFRONT}
