"""Keys that this project publishes for its tests: whoever has the source has them, so none may be trusted.

They work beside an `api_base` on this machine alone, where no payment is one.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from countersign.signing import digests

_MARKUP = re.compile(r"-----[A-Z ]+-----|\s")
# https://www.rfc-editor.org/rfc/rfc6761#section-6.3 and the loopback addresses as they are written
_LOOPBACK = r"https?://(?:127(?:\.[0-9]{1,3}){3}|localhost|\[::1\])(?:[:/].*)?"
# The first half of SHA-256 over each key without PEM's first and last line and line ends; a test says when it is stale.
_DIGESTS = frozenset(
    {
        "8a947ac359814e4bf470413782609ef4",
        "e3564ecf570d1c99aeb760cf86146471",
        "0960eb970c71058c97a7f92d2e2ff1a4",
        "0dd69c7116853e631d5c063e43c1fe36",
        "0f007385b6f9d4b7eeb2748605afe1a9",
        "13386033e132541a9b717af0cd3a33a9",
        "17033b063f9b25dc0b5f0eecf6072547",
        "1e3c8b1af393507c011ae2adc81c896a",
        "20ab9c60ddb3da9ac0e792e7a9f2406e",
        "2373b184a126489911504afffb56edb9",
        "26319a4012bb72d33394d93b3c56f440",
        "269ab3b9052e153bdf0196b2f4e67b10",
        "3d081490e2aaeb512e33d56b30a0ca93",
        "40789040b52837b5e3001eac0b4d12b2",
        "47eba2e665b78694519ee035c343e7cc",
        "4a69edca895ac2d91d6a78743b66b18b",
        "4ad1bc7cf3cf09f9293fc2d83eb1b5bf",
        "5776cfa30500db14528857cb070f60f3",
        "589b9f9a727ffa485221e2990a6cf29a",
        "5c6080c7e143d9cde3acd0b3d7fd5c77",
        "5f235dc46b546efff0eb32b7d84a3718",
        "7776a5ce5e1a8921b9e1b2a3d2314f78",
        "89f30b01b513e8a04ead2062b4a32d7e",
        "9088035a35d8c9225f57cb40dd159ff0",
        "9327dc3184583cddd1d0becb92faec76",
        "984bd3c1d384f3f7bb59588592516ceb",
        "99b08ab15595aea11f4ce76fae88c876",
        "a1bf4dc2c0cea821798c38e16fcc1667",
        "a65e9948b2420dc6bd97c58fbe51c526",
        "b23967af919367b43df3c43533ff846f",
        "b5d9a51bce4625a3ba4b0475e0e865c3",
        "b66ebe1e1a4d4c934842ef49b72a421b",
        "c121a3e605c2015434d35650e98d92a1",
        "cd93782b7fb95559de14f738b65988af",
        "ce781efc3b31cdf25c3c0594d5140e9d",
        "d6a2bd339c4486f555060ea9c5d9ddbf",
        "d6c42f8604860bd38f222fa5380cce72",
        "d80b7d5b183ce7f627e537910a0b1bbe",
        "db8b8970aba388f95f01027d5e3e2c94",
        "e08cf6d24a940ccc3ef8b8f835918f1e",
        "e27559494773c66f46b61d16a844713d",
        "eac7abd740568b8aab87bbef3ffda410",
        "ebbcbe4ce8fee29045f0cbc1822f5e54",
        "fad5c34d6c00dc1afc8b785ea3858560",
        "fcda5b626ab2e6d497d633ca223e0d9f",
    }
)


def published_key(document: Mapping[str, Any]) -> str:
    """Return where an account document holds a published key without an `api_base` on this machine; else nothing."""
    api_base = document.get("api_base")
    if api_base and re.fullmatch(_LOOPBACK, str(api_base), re.IGNORECASE | re.DOTALL):
        return ""
    return next((name for name, text in texts(document) if is_published(text)), "")


def is_published(text: str) -> bool:
    """Tell whether a text is one of those keys."""
    return fingerprint(text) in _DIGESTS


def fingerprint(text: str) -> str:
    """Return what a key is known by, however a PEM is wrapped."""
    return digests.sha256(_MARKUP.sub("", text).encode("utf-8", "surrogatepass"))[:32]


def texts(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """Yield every text in a document with the name of its field."""
    if isinstance(value, str):
        yield name, value
    elif isinstance(value, Mapping):
        for key, member in value.items():
            yield from texts(member, f"{name}.{key}".lstrip("."))
    elif isinstance(value, list):
        for index, member in enumerate(value):
            yield from texts(member, f"{name}[{index}]")
