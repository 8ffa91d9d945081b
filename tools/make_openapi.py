"""Write the merchant API's OpenAPI document from the routes of its functions: `python tools/make_openapi.py [--check]`.

One function publishes it and imports none of the others, so it is a file of the layer; a test compares it with what
the routes make.
"""

import json
import os
import re
import sys
from importlib import import_module
from inspect import getdoc
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
TARGET = ROOT / "layers/common/countersign/api/openapi.json"
FUNCTIONS = ("orders_api", "decisions_api", "accounts_api")
UNUSED = {"TABLE_NAME": "none", "EVENT_BUS_NAME": "none", "AWS_DEFAULT_REGION": "us-east-1", "STAGE": "none"}
Json = dict[str, Any]
CASHIERS = "/cashier/{name}/{account}"
PLATFORMS = ROOT / "layers/common/countersign/platforms"
JSON = "application/json"
ACCOUNT = "^[a-z0-9][a-z0-9.-]{0,99}$"
PAYMENT: Json = {
    "type": "object",
    "required": ["order", "client"],
    "properties": {"order": {"type": "object"}, "client": {"type": "object"}},
}

PROBLEM: Json = {
    "type": "object",
    "title": "Problem",
    "description": "Why a request was refused (RFC 9457). `code` and `args` stay; `title` and `detail` are for people.",
    "required": ["type", "title", "status", "code", "args", "detail"],
    "properties": {
        "type": {"type": "string", "format": "uri"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "code": {"type": "string"},
        "args": {"type": "object", "additionalProperties": {"type": ["string", "integer"]}},
        "detail": {"type": "string"},
    },
}
GATEWAY: Json = {
    "type": "object",
    "title": "Gateway",
    "description": "What the gateway itself refuses: a token that it does not take, or one without the scope.",
    "required": ["message"],
    "properties": {"message": {"type": ["string", "null"]}},
}
BY_THE_GATEWAY = ("401",)
BY_BOTH = ("403", "404", "429", "503")
REFUSALS = {
    "400": "the request has not the shape that is needed",
    "401": "no token that the gateway takes",
    "403": "the scope is missing, or a person is needed",
    "404": "no such thing, or not for this token",
    "409": "the order's present state forbids it",
    "413": "more than 64 KB",
    "415": "the body is no JSON, or compressed",
    "422": "an unknown parameter or word, or a contradiction",
    "429": "too many requests",
    "503": "try again later",
}
# What is answered where it is not 200.
ANSWERED = {
    "/refresh": ("202",),
    "/close": ("202",),
    "/settlements": ("202",),
    "/capture": ("202",),
    "/void": ("202",),
    "/cancel": ("202",),
    "/mark-paid": ("202",),
    "/charges/{account}/{charge_id}/retry": ("202",),
    "/accounts/{platform}/{account}/restore": ("202",),
    "/shipments": ("201",),
    "/payment-link": ("201",),
    "/notes": ("201",),
    "/notices/{notice_id}/again": ("202",),
    "/refunds": ("201",),
    "/review/{review_id}/resolve": ("200", "202"),
}
OBJECT: Json = {"content": {JSON: {"schema": {"type": "object", "additionalProperties": True}}}}
TABLE: Json = {
    "description": "as JSON, or as CSV where that is asked for",
    "content": {**OBJECT["content"], "text/csv": {"schema": {"type": "string"}}},
}
# Of operations that choose by themselves what they answer with.
CHOSEN: dict[str, Json] = {
    "list_charges": {"200": TABLE},
    "reconciliation": {"200": TABLE},
    "counts": {
        "200": {"description": "how much waits, and its tag in the header etag", **OBJECT},
        "304": {"description": "it is as the tag in if-none-match says"},
    },
    "list_changes": {
        "200": {"description": "what changed, and the next cursor", **OBJECT},
        "204": {"description": "nothing changed: the next cursor is in the header x-next-cursor"},
    },
}
ONCE: Json = {
    "name": "idempotency-key",
    "in": "header",
    "required": False,
    "schema": {"type": "string", "maxLength": 255},
    "description": "The same key with the same body is answered the same, for a while",
}
BEARER: Json = {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}


def document() -> Json:
    """Return the whole document: routes of every function, their scopes, answers and problems."""
    from countersign import __version__
    from countersign.api.scopes import SCOPES

    paths: Json = {}
    schemas: Json = {"Problem": PROBLEM, "Gateway": GATEWAY}
    for name in FUNCTIONS:
        module = import_module(f"functions.{name}.app")
        part = json.loads(module.api.router.get_openapi_json_schema(title="Countersign", version=__version__))
        for path, operations in part["paths"].items():
            for method, operation in operations.items():
                # The function's own name: a client's method is called so.
                operation["operationId"] = operation["operationId"].removesuffix(_routers_suffix(path, method))
                operation["description"] = getdoc(getattr(module, operation["operationId"]))
                operation["responses"] = CHOSEN.get(operation["operationId"], operation["responses"])
                if method == "post":
                    operation["responses"] = _answers(path, operation["responses"])
                paths.setdefault(path, {})[method] = _finished(operation, SCOPES[f"{method.upper()} {path}"])
        schemas |= part.get("components", {}).get("schemas", {})
    for platform in sorted(path.parent.name for path in PLATFORMS.glob("*/create_payment.py")):
        module = f"countersign.platforms.{platform}.create_payment"
        if not hasattr(import_module(module), "PaymentBody"):
            continue  # a shopper's page asks there, by a proof and without a token
        paths[f"/{platform}/{{account}}/payments"] = {"post": _create(platform, module, schemas)}
    paths[f"{CASHIERS}/payments"] = {"post": _create("cashier", "countersign.cashiers.create_payment", schemas)}
    for platform in sorted(path.parent.name for path in PLATFORMS.glob("*/create_cart.py")):
        paths[f"/{platform}/{{shop}}/carts"] = {"post": _create_cart(platform, schemas)}
    for name in (
        "HTTPValidationError",
        "ResponseValidationError",
        "ValidationError",
    ):  # the router's own, which this API never answers
        schemas.pop(name, None)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Countersign", "version": __version__},
        "paths": dict(sorted(paths.items())),
        "components": {"schemas": dict(sorted(schemas.items())), "securitySchemes": {"bearer": BEARER}},
    }


def _refused(status: str) -> Json:
    ours: Json = {} if status in BY_THE_GATEWAY else {"application/problem+json": {"schema": _ref("Problem")}}
    gateways: Json = {JSON: {"schema": _ref("Gateway")}} if status in (*BY_THE_GATEWAY, *BY_BOTH) else {}
    return ours | gateways


def _routers_suffix(path: str, method: str) -> str:
    return re.sub(r"\W", "_", path) + f"_{method}"


def _finished(operation: Json, scope: str) -> Json:
    refusals = {status: {"description": why, "content": _refused(status)} for status, why in REFUSALS.items()}
    answers = {status: answer for status, answer in operation["responses"].items() if status[0] in "23"}
    return {**operation, "security": [{"bearer": [scope] if scope else []}], "responses": {**answers, **refusals}}


def _answers(path: str, responses: Json) -> Json:
    tail = path.removeprefix("/orders/{platform}/{account}/{order_id}")
    return dict.fromkeys(ANSWERED.get(tail, ("200",)), responses["200"])


def _create(platform: str, module: str, schemas: Json) -> Json:
    """Return the operation that creates a payment on a platform, and put its body's schemas among the others."""
    prefix = platform.capitalize()
    body = import_module(module).PaymentBody
    _add_schema(prefix, body, schemas)
    name = {"name": "name", "in": "path", "required": True, "schema": {"type": "string", "enum": _cashiers()}}
    account = {"name": "account", "in": "path", "required": True, "schema": {"type": "string", "pattern": ACCOUNT}}
    answer = {"description": "the order, and what the front end passes on", "content": {JSON: {"schema": PAYMENT}}}
    return _finished(
        {
            "summary": f"POST {CASHIERS if platform == 'cashier' else f'/{platform}/{{account}}'}/payments",
            "description": "Create a payment: 201, or 200 with fresh parameters for an order of before",
            "operationId": f"create_{platform}_payment",
            "parameters": [*([name] if platform == "cashier" else []), account, ONCE],
            "requestBody": {"required": True, "content": {JSON: {"schema": _ref(f"{prefix}PaymentBody")}}},
            "responses": {"201": answer, "200": answer},
        },
        "payments:write",
    )


def _create_cart(platform: str, schemas: Json) -> Json:
    """Return the operation that makes a cart in a shop, and put its body's schemas among the others."""
    prefix, body = platform.capitalize(), import_module(f"countersign.platforms.{platform}.create_cart").CartBody
    _add_schema(prefix, body, schemas)
    shop = {"name": "shop", "in": "path", "required": True, "schema": {"type": "string", "pattern": ACCOUNT}}
    answer = {"description": "what the front end opens, and what the shop warns of", **OBJECT}
    return _finished(
        {
            "summary": f"POST /{platform}/{{shop}}/carts",
            "description": "Make a cart whose order will have the merchant's reference: no order is made yet",
            "operationId": f"create_{platform}_cart",
            "parameters": [shop, ONCE],
            "requestBody": {"required": True, "content": {JSON: {"schema": _ref(f"{prefix}{body.__name__}")}}},
            "responses": {"201": answer},
        },
        "payments:write",
    )


def _add_schema(prefix: str, body: Any, schemas: Json) -> None:
    schema = body.model_json_schema(ref_template=f"#/components/schemas/{prefix}{{model}}")
    schemas.update({f"{prefix}{name}": part for name, part in schema.pop("$defs", {}).items()})
    schemas[f"{prefix}{body.__name__}"] = schema


def _cashiers() -> list[str]:
    """Return the words that stand for a cashier in the path."""
    return sorted(import_module("countersign.cashiers.registry").LOADS)


def _ref(name: str) -> Json:
    return {"$ref": f"#/components/schemas/{name}"}


def text() -> str:
    """Return the document as it is kept."""
    return json.dumps(document(), indent=1, ensure_ascii=False) + "\n"


def main() -> int:
    """Write the document, or tell whether the one that is kept is old."""
    sys.path[:0] = [str(ROOT), str(ROOT / "layers/common")]
    os.environ.update({name: value for name, value in UNUSED.items() if name not in os.environ})
    made = text()
    if "--check" in sys.argv[1:]:
        return int(TARGET.read_text(encoding="utf-8") != made)
    TARGET.write_text(made, encoding="utf-8")
    print(f"{TARGET.relative_to(ROOT)}: {made.count('operationId')} operations")
    return 0


if __name__ == "__main__":
    sys.exit(main())
