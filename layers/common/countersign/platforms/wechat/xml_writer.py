"""The XML of API v2 as we send it. What arrives, answers too, is read by the strict reader in `xml` alone.

No callback imports this: a callback reads XML and answers a constant.
"""

import re
from collections.abc import Mapping

import xmltodict

from countersign.errors import UnprocessableError

# Characters that XML 1.0 does not allow (section 2.2), and the carriage return, which a reader makes a line feed of.
_UNSENDABLE = re.compile("[\\x00-\\x08\\x0b-\\x1f\\ud800-\\udfff\\ufffe\\uffff]")


def write(fields: Mapping[str, str], root: str = "xml") -> bytes:
    """Return the document that says `fields`; UnprocessableError for a character that XML cannot hold."""
    if any(_UNSENDABLE.search(value) for value in fields.values()):
        raise UnprocessableError("a control character or a lone surrogate cannot be sent to WeChat")
    document: str = xmltodict.unparse({root: dict(fields)}, full_document=False)
    return document.encode()
