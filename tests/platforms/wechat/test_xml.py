"""The flat XML reader: what WeChat sends is read, everything else is refused."""

import contextlib
import time
import tracemalloc

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from countersign.errors import MalformedError, UnprocessableError
from countersign.platforms.wechat import xml, xml_writer
from tests.platforms.wechat.support import expat_read

GENUINE = {
    b"<xml><a>1</a></xml>": {"a": "1"},
    b"<xml><a><![CDATA[1]]></a><b><![CDATA[]]></b><c></c><d/><e /></xml>": {
        "a": "1",
        "b": "",
        "c": "",
        "d": "",
        "e": "",
    },
    b'\xef\xbb\xbf<?xml version="1.0" encoding="UTF-8"?>\r\n<xml>\r\n  <a>1</a>\r\n</xml>\r\n': {"a": "1"},
    b"<?xml version='1.0' encoding='utf-8' standalone='yes' ?>\n<xml ><a >1</a ></xml>": {"a": "1"},
    b'<?xml version="1.0"?><xml>\t<a>1</a>\n\n</xml>\n\n': {"a": "1"},
    b"  \n<xml><a>1</a></xml>": {"a": "1"},
    b"<xml><a> 1 </a><b><![CDATA[ 2\n]]></b></xml>": {"a": " 1 ", "b": " 2\n"},
    b"<xml><a>1\r\n2\r3</a><b><![CDATA[1\r\n2]]></b></xml>": {"a": "1\n2\n3", "b": "1\n2"},
    b"<xml><a>&lt;b&gt; &amp;amp; &quot;&apos;</a></xml>": {"a": "<b> &amp; \"'"},
    b"<xml><a>&#22902;&#x8336;&#13;&#x1F375;</a></xml>": {"a": "奶茶\r🍵"},
    b"<xml><a><![CDATA[&lt; <b> ]] ] > ]]></a></xml>": {"a": "&lt; <b> ]] ] > "},
    b"<xml><a><![CDATA[x]]]]><![CDATA[>y]]></a></xml>": {"a": "x]]>y"},
    b"<xml><a>] ]] > ]]&gt;</a></xml>": {"a": "] ]] > ]]>"},
    "<xml><a>奶茶 🍵</a></xml>".encode(): {"a": "奶茶 🍵"},
    b"<xml><coupon_fee_10>4</coupon_fee_10><A.b-c>5</A.b-c></xml>": {"coupon_fee_10": "4", "A.b-c": "5"},
    b"<xml></xml>": {},
}


@pytest.mark.parametrize("document", GENUINE)
def test_what_platforms_write_is_read_as_expat_reads_it(document: bytes) -> None:
    assert xml.read(document) == GENUINE[document] == expat_read(document)


HOSTILE = {
    "doctype": b"<!DOCTYPE xml><xml><a>1</a></xml>",
    "doctype after the declaration": b'<?xml version="1.0"?><!DOCTYPE xml><xml><a>1</a></xml>',
    "external entity": b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/hostname">]><xml><a>&e;</a></xml>',
    "external dtd": b'<!DOCTYPE xml SYSTEM "http://127.0.0.1:9/x.dtd"><xml><a>1</a></xml>',
    "parameter entity": b'<!DOCTYPE x [<!ENTITY % p SYSTEM "file:///etc/passwd"> %p;]><xml><a>1</a></xml>',
    "entity declaration inside": b'<xml><!ENTITY e "x"><a>&e;</a></xml>',
    "doctype in lower case": b"<!doctype xml><xml><a>1</a></xml>",
    "doctype at the end": b"<xml><a>1</a></xml><!DOCTYPE xml>",
    "unknown entity": b"<xml><a>&e;</a></xml>",
    "bare ampersand": b"<xml><a>1 & 2</a></xml>",
    "ampersand without end": b"<xml><a>&amp</a></xml>",
    "entity of NUL": b"<xml><a>&#0;</a></xml>",
    "entity of a control character": b"<xml><a>&#8;</a></xml>",
    "entity of a surrogate": b"<xml><a>&#xD800;</a></xml>",
    "entity beyond Unicode": b"<xml><a>&#x110000;</a></xml>",
    "entity with a huge number": b"<xml><a>&#99999999999999999999;</a></xml>",
    "processing instruction": b"<xml><?php 1?><a>1</a></xml>",
    "processing instruction in front": b"<?xml-stylesheet href='x'?><xml><a>1</a></xml>",
    "second declaration": b'<?xml version="1.0"?><?xml version="1.0"?><xml><a>1</a></xml>',
    "declaration after space": b' <?xml version="1.0"?><xml><a>1</a></xml>',
    "version 1.1": b'<?xml version="1.1"?><xml><a>1</a></xml>',
    "comment": b"<xml><!-- --><a>1</a></xml>",
    "comment in a value": b"<xml><a>1<!-- -->2</a></xml>",
    "comment in front": b"<!-- --><xml><a>1</a></xml>",
    "comment behind": b"<xml><a>1</a></xml><!-- -->",
    "CDATA beside text": b"<xml><a>1<![CDATA[2]]></a></xml>",
    "text beside CDATA": b"<xml><a><![CDATA[1]]>2</a></xml>",
    "space beside CDATA": b"<xml><a> <![CDATA[1]]></a></xml>",
    "split CDATA": b"<xml><a><![CDATA[1]]><![CDATA[2]]></a></xml>",
    "split CDATA of another kind": b"<xml><a><![CDATA[1]]]]><![CDATA[2]]></a></xml>",
    "CDATA end in text": b"<xml><a>1]]>2</a></xml>",
    "CDATA between elements": b"<xml><![CDATA[ ]]><a>1</a></xml>",
    "CDATA without end": b"<xml><a><![CDATA[1</a></xml>",
    "duplicate": b"<xml><total_fee>1</total_fee><total_fee>2</total_fee></xml>",
    "duplicate, equal": b"<xml><a>1</a><a>1</a></xml>",
    "duplicate, empty": b"<xml><a>1</a><a/></xml>",
    "nested": b"<xml><a><b>1</b></a></xml>",
    "mixed": b"<xml><a>1<b>2</b></a></xml>",
    "text in the root": b"<xml>1<a>1</a></xml>",
    "text at the root's end": b"<xml><a>1</a>1</xml>",
    "attribute": b'<xml><a b="1">1</a></xml>',
    "attribute of the root": b'<xml b="1"><a>1</a></xml>',
    "namespace": b'<xml xmlns:x="y"><x:a>1</x:a></xml>',
    "prefix": b"<xml><x:a>1</x:a></xml>",
    "second root": b"<xml><a>1</a></xml><xml><b>1</b></xml>",
    "other root": b"<root><a>1</a></root>",
    "root in upper case": b"<XML><a>1</a></XML>",
    "closing of the root only": b"<a>1</a></xml>",
    "no end": b"<xml><a>1</a>",
    "no end of an element": b"<xml><a>1</xml>",
    "crossed": b"<xml><a>1</b></xml>",
    "name with a digit in front": b"<xml><1>1</1></xml>",
    "name with a space in front": b"<xml>< a>1</a></xml>",
    "name outside ASCII": "<xml><é>1</é></xml>".encode(),
    "junk behind": b"<xml><a>1</a></xml>x",
    "NUL": b"<xml><a>1\0</a></xml>",
    "NUL between": b"<xml>\0<a>1</a></xml>",
    "control character": b"<xml><a>\x08</a></xml>",
    "form feed between": b"<xml>\x0c<a>1</a></xml>",
    "U+FFFF": "<xml><a>\uffff</a></xml>".encode(),
    "other space between": "<xml>\u00a0<a>1</a></xml>".encode(),
    "invalid UTF-8": b"<xml><a>\xff</a></xml>",
    "overlong UTF-8": b"<xml><a>\xc0\x80</a></xml>",
    "surrogate in UTF-8": b"<xml><a>\xed\xa0\x80</a></xml>",
    "Latin-1": "<xml><a>é</a></xml>".encode("latin-1"),
    "GBK": "<?xml version='1.0' encoding='GBK'?><xml><a>奶茶</a></xml>".encode("gbk"),
    "GBK, declared": b"<?xml version='1.0' encoding='GBK'?><xml><a>1</a></xml>",
    "UTF-16, declared": b"<?xml version='1.0' encoding='UTF-16'?><xml><a>1</a></xml>",
    "UTF-7, declared": b"<?xml version='1.0' encoding='UTF-7'?><xml><a>1</a></xml>",
    "UTF-16": "<xml><a>1</a></xml>".encode("utf-16"),
    "UTF-16 without mark": "<!DOCTYPE x><xml><a>1</a></xml>".encode("utf-16-be"),
    "UTF-32": "<xml><a>1</a></xml>".encode("utf-32"),
    "two marks": b"\xef\xbb\xbf\xef\xbb\xbf<xml><a>1</a></xml>",
    "empty": b"",
    "JSON": b'{"a":1}',
    "empty root": b"<xml/>",
}


@pytest.mark.parametrize("case", HOSTILE)
def test_C1_C3_C4_C11_anything_but_flat_text_in_utf_8_is_refused(case: str) -> None:
    with pytest.raises(MalformedError):
        xml.read(HOSTILE[case])


LAUGHS = b"<!DOCTYPE x [<!ENTITY a0 'ha'>%b]><xml><a>&a9;</a></xml>" % b"".join(
    b"<!ENTITY a%d '%b'>" % (level, b"&a%d;" % (level - 1) * 10) for level in range(1, 10)
)
LARGE = {
    "billion laughs": LAUGHS,
    "quadratic": b"<!DOCTYPE x [<!ENTITY a '%b'>]><xml><a>%b</a></xml>" % (b"x" * 20_000, b"&a;" * 10_000),
    "depth": b"<xml>" + b"<a>" * 16_000 + b"</a>" * 1 + b"</xml>",
    "open tags": b"<xml>" + b"<a>" * 20_000 + b"</xml>",
    "brackets": b"<xml><a>" + b"]" * 60_000 + b"</xml>",
    "brackets in CDATA": b"<xml><a><![CDATA[" + b"]]" * 30_000 + b"</xml>",
    "CDATA splits": b"<xml><a><![CDATA[" + b"]]]]><![CDATA[>" * 4_000 + b"</xml>",
    "space": b"<xml>" + b" " * 60_000 + b"</xml>x",
    "space in an element": b"<xml><a" + b" " * 60_000 + b"</xml>",
    "space in the declaration": b"<?xml " + b" " * 60_000 + b"?><xml></xml>",
    "a long name": b"<xml><" + b"a" * 60_000 + b"></xml>",
    "ampersands": b"<xml><a>" + b"&" * 60_000 + b"</a></xml>",
    "one element after another": b"<xml>" + b"<a/>" * 16_000 + b"</xml>",
}


@pytest.mark.parametrize("case", LARGE)
def test_C2_a_large_hostile_document_costs_little(case: str) -> None:
    document = LARGE[case][: 64 * 1024]
    tracemalloc.start()
    try:
        with pytest.raises(MalformedError):
            xml.read(document)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert peak < 20_000_000
    # No slower than in proportion: against a plain document of the same length, the best of three runs each.
    plain = b"<xml>" + b"".join(b"<a%d>x</a%d>" % (n, n) for n in range(len(document) // 16)) + b"</xml>"
    assert _cost(document) < 20 * _cost(plain)


PIECES = st.sampled_from(
    ["<xml>", "</xml>", "<a>", "</a>", "<b>", "</b>", "<c/>", "<![CDATA[", "]]>", "]", ">", "<", "&amp;", "&#65;", "&",
     "1", " ", "\n", "\r\n", "奶", "<?xml version='1.0'?>", "<!--", "-->", "<!DOCTYPE xml>", "\x01", "\ufffe", "a='1'"]
)  # fmt: skip


@given(st.lists(PIECES, max_size=14))
@example(["<xml>", "<a>", "<![CDATA[", "]", "]", "]]>", "<![CDATA[", ">", "]]>", "</a>", "</xml>"])
def test_no_document_is_read_otherwise_than_by_expat(pieces: list[str]) -> None:
    document = "".join(pieces).encode()

    try:
        fields = xml.read(document)
    except MalformedError:
        return
    assert fields == expat_read(document)


VALUES = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff"))


@given(st.dictionaries(st.from_regex(r"[a-z_]{1,12}", fullmatch=True), VALUES, max_size=8))
@example({"a": "]]>", "b": "]]]]><![CDATA[>", "c": "&amp;", "d": "</xml>"})
def test_what_is_written_is_read_back_by_both_readers(fields: dict[str, str]) -> None:
    assert xml.read(xml_writer.write(fields)) == expat_read(xml_writer.write(fields)) == fields


@pytest.mark.parametrize("value", ["\0", "a\x08", "a\rb", "\ud800"])
def test_what_xml_cannot_hold_is_not_written(value: str) -> None:
    with pytest.raises(UnprocessableError):
        xml_writer.write({"body": value})


def test_another_root_is_read_where_it_is_expected() -> None:
    assert xml.read(b"<root><a>1</a></root>", root="root") == {"a": "1"}


def _cost(document: bytes) -> float:
    spent = []
    for _ in range(3):
        started = time.thread_time()
        with contextlib.suppress(MalformedError):
            xml.read(document)
        spent.append(time.thread_time() - started)
    return min(spent)
