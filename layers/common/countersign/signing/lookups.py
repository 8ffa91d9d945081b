"""What a customer says of an order (a phone number, a table), so that the order is found by it and it is kept nowhere.

Only an HMAC under a key of the merchant's own is stored. A phone number has too few digits for a bare digest: whoever
has the table would try them all.
"""

import hashlib
import hmac
import json
import re
import unicodedata
from collections.abc import Sequence

MAX_CHARACTERS = 64
_CHINA = r"(?:\+86|0086)(?=1[0-9]{10}$)"  # before a mobile number, which is the same without it
_BETWEEN = r"[\s()-]+"


def normalised(said: str) -> str:
    """Return what was said as it is compared: full-width as ASCII, without blanks and dashes, China's prefix, case.

    Empty where nothing is left of it.
    """
    plain = re.sub(_BETWEEN, "", unicodedata.normalize("NFKC", said)).casefold()
    return re.sub(f"^{_CHINA}", "", plain)


def fingerprints(keys: Sequence[bytes], platform: str, account: str, said: str) -> list[str]:
    """Return the HMAC of what was said under each key, current first; the account is in it: none is another's."""
    content = json.dumps([platform, account, normalised(said)], ensure_ascii=False).encode()
    return [hmac.new(key, content, hashlib.sha256).hexdigest() for key in keys]
