"""The v2 document format: one flat `<xml>` of text fields."""

from __future__ import annotations

from xml.etree import ElementTree

from conformance.signers import wechat as signer


class XmlError(ValueError):
    """Not the flat document that v2 speaks."""


def read(body: bytes, root: str = "xml") -> dict[str, str]:
    """Read a flat document strictly; anything WeChat would not write is refused."""
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise XmlError("NOT_UTF8") from error
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise XmlError("XML_FORMAT_ERROR")
    try:
        document = ElementTree.fromstring(text)  # noqa: S314 - no document type, so no entities, gets this far
    except (ElementTree.ParseError, ValueError) as error:
        raise XmlError("XML_FORMAT_ERROR") from error
    if document.tag != root or document.attrib:
        raise XmlError("XML_FORMAT_ERROR")
    fields: dict[str, str] = {}
    for element in document:
        if len(element) or element.attrib or element.tag in fields:
            raise XmlError("XML_FORMAT_ERROR")
        fields[element.tag] = element.text or ""
    return fields


write = signer.xml  # the kit writes it too
