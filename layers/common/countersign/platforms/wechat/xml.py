"""The flat XML of API v2: one root, and below it text-only elements, each named once; and that of message pushes.

That language is regular, so one anchored expression reads all of it. Whatever is not in it (DOCTYPE, entity
declarations, processing instructions, comments, attributes, nesting, a second root) is refused by not matching; no
general parser ever sees it. Messages that are pushed may nest: those are read step by step, each step as strict.
"""

import re
from typing import Any

from countersign.errors import MalformedError

_NAME = r"[A-Za-z_][A-Za-z0-9_.-]*+"
# A root with nothing before it but a declaration, and nothing after it but space.
_DOCUMENT = re.compile(
    r"""(?:<\?xml[ \t\n]++version[ \t\n]*+=[ \t\n]*+(?:"1\.0"|'1\.0')"""
    r"""(?:[ \t\n]++encoding[ \t\n]*+=[ \t\n]*+(?:"[Uu][Tt][Ff]-8"|'[Uu][Tt][Ff]-8'))?+"""
    r"""(?:[ \t\n]++standalone[ \t\n]*+=[ \t\n]*+(?:"(?:yes|no)"|'(?:yes|no)'))?+[ \t\n]*+\?>)?+"""
    rf"[ \t\n]*+<({_NAME})[ \t\n]*+>"
)
# One element: a single CDATA section, or text, or nothing. The last branch takes whatever does not fit, all of it.
# Inside CDATA only the usual spelling of `]]>` may open a second section.
_ELEMENT = re.compile(
    rf"[ \t\n]*+<({_NAME})[ \t\n]*+(?:/>|>(?:"
    r"<!\[CDATA\[([^\]]*+(?:\](?!\]>)[^\]]*+|\]\]><!\[CDATA\[(?<=\]\]\]\]><!\[CDATA\[)(?=>)[^\]]*+)*+)\]\]>"
    r"|([^<\]]*+(?:\](?!\]>)[^<\]]*+)*+)"
    r")</\1[ \t\n]*+>)[ \t\n]*+"
    r"|((?s:.+))"
)
# One step through nested elements: a leaf as above, a branch that opens, or one that closes.
_NODE = re.compile(
    rf"[ \t\n]*+(?:<({_NAME})[ \t\n]*+(?:/>|>(?:"
    r"<!\[CDATA\[([^\]]*+(?:\](?!\]>)[^\]]*+|\]\]><!\[CDATA\[(?<=\]\]\]\]><!\[CDATA\[)(?=>)[^\]]*+)*+)\]\]>"
    r"|([^<\]]*+(?:\](?!\]>)[^<\]]*+)*+)"
    rf")</\1[ \t\n]*+>)|<({_NAME})[ \t\n]*+>|</({_NAME})[ \t\n]*+>)[ \t\n]*+"
)
MAX_DEPTH = 8
MAX_ELEMENTS = 1000
_ENTITY = re.compile(r"&(?:(amp|lt|gt|quot|apos)|#([0-9]{1,7})|#x([0-9A-Fa-f]{1,6}));|&")
_NAMED = {"amp": "&", "lt": "<", "gt": ">", "quot": '"', "apos": "'"}
_SPLIT = "]]]]><![CDATA[>"
# Characters that XML 1.0 does not allow (section 2.2): the control ones, and U+FFFE and U+FFFF as UTF-8.
_CONTROLS = bytes({*range(0x20)} - {0x09, 0x0A, 0x0D})
_NONCHARACTER = re.compile(rb"\xef\xbf[\xbe\xbf]")


def read(document: bytes, root: str = "xml") -> dict[str, str]:
    """Return the elements below the root, values as the sender meant them; anything unusual is MalformedError."""
    text, start, end = _inside(document, root)
    found = _ELEMENT.findall(text, start, end)
    fields = {name: cdata or plain for name, cdata, plain, _ in found}
    if len(fields) != len(found):
        raise MalformedError("XML repeats an element")
    if "" in fields:
        raise MalformedError("XML is not a flat list of text elements")
    if "&" in text or _SPLIT in text:
        fields = {name: cdata.replace(_SPLIT, "]]>") or _unescaped(plain) for name, cdata, plain, _ in found}
    return fields


def _inside(document: bytes, root: str) -> tuple[str, int, int]:
    """Return the document's text, and from where to where its root's content goes."""
    try:
        text = document.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise MalformedError("XML is not UTF-8") from None
    if len(document.translate(None, _CONTROLS)) != len(document) or _NONCHARACTER.search(document):
        raise MalformedError("XML holds a character that XML does not allow")
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")  # XML 1.0, section 2.11
    opening = _DOCUMENT.match(text)
    ending = text.rstrip(" \t\n")
    closing = f"</{root}>"
    if opening is None or opening[1] != root or not ending.endswith(closing):
        raise MalformedError("XML has no root of the expected name")
    return text, opening.end(), len(ending) - len(closing)


def read_nested(document: bytes) -> dict[str, Any]:
    """Return the elements below the root; one with elements inside is a dict of them (message pushes have such).

    A name that is repeated among its neighbours is a list, WeChat's own way to write one: whoever wants one value
    refuses a list as he refuses a number. As strict as `read` otherwise, with bounds on depth and number.
    """
    text, position, end = _inside(document, "xml")
    levels: list[tuple[str, dict[str, Any]]] = [("xml", {})]
    for _ in range(MAX_ELEMENTS):
        if position == end and len(levels) == 1:
            return levels[0][1]
        node = _NODE.match(text, position, end)
        if node is None:
            break
        position = node.end()
        leaf, cdata, plain, branch, closed = node.groups()
        if closed:
            if levels.pop()[0] != closed or not levels:
                break
        elif leaf:
            _add(levels[-1][1], leaf, (cdata or "").replace(_SPLIT, "]]>") or _unescaped(plain or ""))
        elif len(levels) > MAX_DEPTH:
            raise MalformedError("XML is nested too deeply")
        else:
            inner: dict[str, Any] = {}
            _add(levels[-1][1], branch, inner)
            levels.append((branch, inner))
    raise MalformedError("XML is not a list of elements, or one that is too long")


def _add(fields: dict[str, Any], name: str, value: Any) -> None:
    known = fields.get(name)
    if known is None:
        fields[name] = value
    elif isinstance(known, list):
        known.append(value)
    else:
        fields[name] = [known, value]


def _unescaped(text: str) -> str:
    return _ENTITY.sub(_character, text) if "&" in text else text


def _character(match: re.Match[str]) -> str:
    name, decimal, hexadecimal = match.groups()
    if name:
        return _NAMED[name]
    code = int(decimal) if decimal else int(hexadecimal or "0", 16)
    allowed = (
        code in (0x09, 0x0A, 0x0D) or 0x20 <= code <= 0xD7FF or 0xE000 <= code <= 0xFFFD or 0x10000 <= code <= 0x10FFFF
    )
    if not allowed:  # a bare `&` counts as character 0
        raise MalformedError("XML holds an entity that is not predefined")
    return chr(code)
