"""Texts that a person or shopper gives: what must not travel on to a platform, a printer or a log."""

import re

# C0 and C1 controls, Unicode's line separators, and what XML 1.0 cannot hold: https://www.w3.org/TR/xml/#charsets
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufffe\uffff]")
_CONTROL_BUT_LINES = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufffe\uffff]")

# Every kind of white space (no-break and full-width too), zero-width characters, direction marks, byte order mark.
_EDGES = (
    "\t\n\v\f\r\x1c\x1d\x1e\x1f \x85\xa0\u1680\u180e\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u200b\u200c\u200d\u200e\u200f\u2028\u2029\u202a\u202b\u202c\u202d\u202e\u202f\u205f\u2060\u2066\u2067\u2068\u2069"
    "\u3000\ufeff"
)


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


def trimmed(text: str) -> str:
    """Return a number or code without the blanks, line breaks and invisible marks that pasting or scanning added."""
    return text.strip(_EDGES)
