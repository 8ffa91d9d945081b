"""The language that a caller wants to read: of `lang=`, else of Accept-Language, else English."""

from countersign.errors import UnprocessableError
from countersign.orders.reasons import because
from countersign.orders.refusals import refusal
from countersign.orders.sentences import ENGLISH, LANGUAGES

MAX_RANGES = 20


def chosen(lang: str, accept_language: str) -> str:
    """Return the language; raises UnprocessableError for a `lang` that there is not."""
    if lang:
        if lang not in LANGUAGES:
            raise refusal(UnprocessableError, because("word_is_one_of", name="lang", words=", ".join(LANGUAGES)))
        return lang
    return accepted(accept_language)


def accepted(header: str) -> str:
    """Return the language that a browser's header likes best (RFC 9110, 12.5.4); English where it names none of ours.

    `zh-Hans-CN` is Chinese; what is said with a quality of nothing is not wanted.
    """
    best, found = 0.0, ENGLISH
    for one in header.split(",")[:MAX_RANGES]:
        name, _, parameter = one.strip().partition(";")
        language = name.strip().lower().partition("-")[0]
        quality = _quality(parameter.strip())
        if language in LANGUAGES and quality > best:
            best, found = quality, language
    return found


def _quality(parameter: str) -> float:
    name, _, value = parameter.partition("=")
    if name.strip() != "q":
        return 1.0
    digits = value.strip()
    return float(digits) if len(digits) <= 5 and digits.replace(".", "", 1).isascii() and _is_number(digits) else 0.0


def _is_number(digits: str) -> bool:
    return digits.replace(".", "", 1).isdigit()
