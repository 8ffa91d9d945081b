"""The reader of nested XML: as strict as the flat one, but for elements inside elements, which it bounds."""

import contextlib
import time
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from countersign.errors import MalformedError
from countersign.platforms.wechat import xml
from tests.platforms.wechat.test_xml import GENUINE, HOSTILE, LARGE, PIECES, VALUES

LISTS = {"duplicate", "duplicate, equal", "duplicate, empty"}
NESTING = {"nested", "depth"}


def etree_read(document: bytes) -> dict[str, Any]:
    """Read a document that is known to be harmless, with a general parser."""

    def content(element: ElementTree.Element) -> Any:
        return {child.tag: content(child) for child in element} if len(element) else element.text or ""

    return {child.tag: content(child) for child in ElementTree.fromstring(document)}  # noqa: S314 - our own text


@pytest.mark.parametrize("document", GENUINE)
def test_a_flat_document_is_read_as_by_the_flat_reader(document: bytes) -> None:
    assert xml.read_nested(document) == GENUINE[document]


@pytest.mark.parametrize("case", sorted(HOSTILE.keys() - NESTING - LISTS))
def test_C1_C3_C4_C11_what_the_flat_reader_refuses_is_refused(case: str) -> None:
    with pytest.raises(MalformedError):
        xml.read_nested(HOSTILE[case])


def test_elements_inside_elements_are_read() -> None:
    document = b"<xml><a>1</a>\n<b> <c><![CDATA[<2>]]></c><d><e>&amp;</e></d>\r\n</b><f/><g></g><h> </h></xml>\n"

    assert xml.read_nested(document) == {
        "a": "1",
        "b": {"c": "<2>", "d": {"e": "&"}},
        "f": "",
        "g": "",
        "h": " ",
    }


@pytest.mark.parametrize(
    "document",
    [
        b"<xml><a>1<b>2</b></a></xml>",
        b"<xml><a><b>2</b>1</a></xml>",
        b"<xml><a><b>1</a></b></xml>",
        b"<xml><a><b>1</b></xml>",
        b"<xml></xml><xml></xml>",
        b"<xml><a><b>1</b></a></a></xml>",
        b"<xml></a><a></xml>",
        b"<xml><a><![CDATA[1]]><b>1</b></a></xml>",
        b"<xml><a x='1'><b>1</b></a></xml>",
        b"<xml><a><!-- --><b>1</b></a></xml>",
        b"<xml><a><!DOCTYPE a><b>1</b></a></xml>",
    ],
)
def test_C3_what_is_mixed_or_crossed_is_refused(document: bytes) -> None:
    with pytest.raises(MalformedError):
        xml.read_nested(document)


@pytest.mark.parametrize(
    ("document", "fields"),
    [
        (b"<xml><a><b>1</b><b>2</b><b/></a></xml>", {"a": {"b": ["1", "2", ""]}}),
        (b"<xml><a><b>1</b></a><a><b>2</b></a></xml>", {"a": [{"b": "1"}, {"b": "2"}]}),
        (b"<xml><a/><a><b>1</b></a><c>3</c><a>2</a></xml>", {"a": ["", {"b": "1"}, "2"], "c": "3"}),
    ],
)
def test_a_repeated_name_is_a_list_as_wechat_writes_them(document: bytes, fields: dict[str, object]) -> None:
    assert xml.read_nested(document) == fields


def test_C2_depth_and_number_are_bounded() -> None:
    def nested(depth: int) -> bytes:
        return b"<xml>" + b"<a>" * depth + b"<b/>" + b"</a>" * depth + b"</xml>"

    def many(number: int) -> bytes:
        return b"<xml>" + b"".join(b"<a%d/>" % each for each in range(number)) + b"</xml>"

    assert xml.read_nested(nested(xml.MAX_DEPTH))
    assert len(xml.read_nested(many(xml.MAX_ELEMENTS - 1))) == xml.MAX_ELEMENTS - 1
    for document in (nested(xml.MAX_DEPTH + 1), nested(10_000), many(xml.MAX_ELEMENTS + 1)):
        with pytest.raises(MalformedError):
            xml.read_nested(document)


@pytest.mark.parametrize("case", LARGE)
def test_C2_a_large_hostile_document_costs_little(case: str) -> None:
    document = LARGE[case][: 64 * 1024]
    with pytest.raises(MalformedError):
        xml.read_nested(document)

    plain = b"<xml>" + b"".join(b"<a%d>x</a%d>" % (n, n) for n in range(900)) + b"</xml>"
    assert _cost(document) < 20 * _cost(plain)


@given(st.lists(PIECES, max_size=16))
@example(["<xml>", "<a>", "<b>", "1", "</b>", "</a>", "</xml>"])
def test_no_document_is_read_otherwise_than_by_a_general_parser(pieces: list[str]) -> None:
    document = "".join(pieces).encode()

    try:
        fields = xml.read_nested(document)
    except MalformedError:
        return
    assert fields == etree_read(document)


NAMES = st.from_regex(r"[a-z_]{1,8}", fullmatch=True)
INNER = st.recursive(VALUES, lambda inner: st.dictionaries(NAMES, inner, min_size=1, max_size=3), max_leaves=8)
TREES = st.dictionaries(NAMES, INNER, max_size=4)


@given(TREES)
def test_whatever_nests_is_read_back(tree: dict[str, Any]) -> None:
    def written(node: Any) -> str:
        if isinstance(node, str):
            return f"<![CDATA[{node.replace(']]>', ']]]]><![CDATA[>')}]]>"
        return "".join(f"<{name}>{written(inner)}</{name}>" for name, inner in node.items())

    def depth(node: Any) -> int:
        return 0 if isinstance(node, str) else 1 + max((depth(inner) for inner in node.values()), default=0)

    document = f"<xml>{written(tree)}</xml>".encode()
    if depth(tree) > xml.MAX_DEPTH + 1:
        return
    assert xml.read_nested(document) == tree


def _cost(document: bytes) -> float:
    spent = []
    for _ in range(3):
        started = time.thread_time()
        with contextlib.suppress(MalformedError):
            xml.read_nested(document)
        spent.append(time.thread_time() - started)
    return min(spent)
