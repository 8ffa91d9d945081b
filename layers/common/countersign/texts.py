"""Texts that a person or shopper gives: what must not travel on to a platform, a printer or a log."""

import re

# C0 and C1 controls, Unicode's line separators, and what XML 1.0 cannot hold: https://www.w3.org/TR/xml/#charsets
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufffe\uffff]")
_CONTROL_BUT_LINES = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufffe\uffff]")


def one_line(text: str) -> str:
    """Return a text that holds no control character; raises ValueError otherwise.

    A platform refuses such a text for good (WeChat's API v2 is XML), so it is refused when it is given, not days later
    when a worker sends it.
    """
    if _CONTROL.search(text):
        raise ValueError("control characters are not allowed")
    return text


def lines(text: str) -> str:
    """Return a text that holds no control character but line feeds; raises ValueError otherwise."""
    if _CONTROL_BUT_LINES.search(text):
        raise ValueError("control characters are not allowed")
    return text
