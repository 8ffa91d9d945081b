"""Every document that goes out is one that the official schemas of its version have."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from countersign.orders.sessions import Session
from countersign.platforms.shopify import answering, documents, mutations
from countersign.platforms.shopify.settings import VERSION
from tests.platforms.shopify import schemas

PENDING = "NETWORK_ACTION_REQUIRED"


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


def test_every_answer_to_a_session_is_one_that_each_supported_version_has() -> None:
    gid = "gid://shopify/PaymentSession/1"
    reason = {"code": answering.PROCESSING_ERROR, "merchantMessage": "no"}
    arguments = {"id": gid, "reason": reason, "pendingExpiresAt": "2026-12-01T00:00:00Z", "ready": True}
    asked = Session("payment.1", "open", "payment", gid, "pay", None, "", 0, 0)
    special = {
        "paymentSessionPending": {"reason": PENDING},
        "paymentSessionModal": json.loads(answering.modal(asked, "weixin://wxpay/x", at=0, ends=60).arguments),
    }
    cases = {
        name: {"query": query, "variables": arguments | special.get(name, {})}
        for name, query in mutations.DOCUMENTS.items()
    }
    words = {
        word: {"query": mutations.DOCUMENTS["paymentSessionReject"], "variables": {"id": gid, "reason": {"code": word}}}
        for new, _ in [*answering.FINAL_WORDS.values(), answering.OVER, answering.FAILED_LATE]
        for word in [new]
    }
    older = {
        word: {"query": mutations.DOCUMENTS["paymentSessionReject"], "variables": {"id": gid, "reason": {"code": word}}}
        for _, word in [*answering.FINAL_WORDS.values(), answering.OVER, answering.FAILED_LATE]
    }

    said = judged(
        {
            ("payments-apps", "2026-01"): {**cases, **older},
            ("payments-apps", "2026-04"): {**cases, **words},
            ("payments-apps", VERSION): {**cases, **words},
        }
    )

    assert {name: errors for by_name in said.values() for name, errors in by_name.items() if errors} == {}
