"""The script of the order confirmation page, and the tag by which a store has it; pure.

Everybody gets the same bytes: what a store sets for itself stands in the tag, and nothing of either is secret.
"""

import html
import json
from collections.abc import Iterable
from importlib.resources import files

from countersign.signing import digests
from countersign.signing.encoding import to_base64

NAME, DESCRIPTION = "Countersign", "Takes the shopper from the order confirmation page to the cashier"
SOURCE = files(__package__).joinpath("script.js").read_text("utf-8")
_DIGEST = digests.sha256(SOURCE.encode())
ETAG = f'"{_DIGEST[:32]}"'
INTEGRITY = f"sha256-{to_base64(bytes.fromhex(_DIGEST))}"
MOST_BYTES = 65_536  # of a tag
# https://developer.bigcommerce.com/docs/rest-management/scripts: one with consent is not run before it is given.
PLACE = {
    "kind": "script_tag",
    "load_method": "default",
    "location": "footer",
    "visibility": "order_confirmation",
    "consent_category": "essential",
    "auto_uninstall": True,
    "enabled": True,
}


def tag(address: str, *, store_hash: str, client_id: str, methods: Iterable[str]) -> str:
    """Return the tag; `address` is where the script is, `methods` are the names of the method that it is for.

    Two of the values are BigCommerce's to fill in (Handlebars): the order's and the customer's number.
    """
    said = {
        "src": address,
        "data-store": store_hash,
        "data-app": client_id,
        "data-methods": json.dumps(list(methods), ensure_ascii=False),
    }
    # Braces of a name are no template.
    ours = " ".join(f'{name}="{html.escape(value).replace("{", "&#123;")}"' for name, value in said.items())
    return f'<script defer {ours} data-order="{{{{checkout.order.id}}}}" data-customer="{{{{customer.id}}}}"></script>'


def wanted(text: str, channel: int) -> dict[str, object]:
    """Return the script as it has to stand in a store's channel, in BigCommerce's words."""
    return {"name": NAME, "description": DESCRIPTION, "html": text, "channel_id": channel, **PLACE}


def differs(script: object, text: str, channel: int) -> bool:
    """Tell whether what a store has is another script than it should be: somebody may have changed or stopped it."""
    if not isinstance(script, dict):
        return True
    return any(script.get(name) != value for name, value in wanted(text, channel).items() if name != "description")
