"""The console over HTTP, as it is deployed: signing in, an order's page, a note, signing out."""

import re
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from html import unescape
from http import HTTPStatus
from urllib.parse import urlencode, urlsplit

from tests.e2e.conftest import Shop

PATIENCE = 60


class Browser:
    """A browser without scripts; it keeps its cookies and follows nothing by itself."""

    def __init__(self) -> None:
        self.cookies: dict[str, str] = {}

    def looks(self, url: str) -> tuple[int, str, str]:
        """Return the same of a page, once functions that nobody has called yet are there."""
        end = time.monotonic() + PATIENCE
        while (answer := self.asks(url))[0] == HTTPStatus.SERVICE_UNAVAILABLE and time.monotonic() < end:
            time.sleep(0.2)
        return answer

    def asks(self, url: str, form: dict[str, str] | None = None) -> tuple[int, str, str]:
        """Return the status, where it leads, and the page."""
        origin = "{0.scheme}://{0.netloc}".format(urlsplit(url))
        headers = {"cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())}
        headers |= {"origin": origin, "sec-fetch-site": "same-origin"} if form is not None else {}
        body = urlencode(form).encode() if form is not None else None
        opener = urllib.request.build_opener(_Stays)
        try:
            with opener.open(urllib.request.Request(url, body, headers), timeout=60) as reply:  # noqa: S310
                status, said, page = reply.status, reply.headers, reply.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                status, said, page = error.code, error.headers, error.read().decode()
        for cookie in said.get_all("set-cookie") or []:
            name, _, rest = cookie.partition("=")
            self.cookies[name] = rest.partition(";")[0]
        return status, said.get("location", ""), page


class _Stays(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:
        return None


def soon(look: Callable[[], int], wanted: int) -> None:
    end = time.monotonic() + PATIENCE
    while look() != wanted and time.monotonic() < end:
        time.sleep(0.2)
    assert look() == wanted


def fields(page: str, action: str) -> dict[str, str]:
    form = re.search(rf'<form[^>]*action="{action}"[^>]*>(.*?)</form>', page, re.DOTALL)
    assert form is not None, page
    found = re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)"', form[1])
    return {unescape(name): unescape(value) for name, value in found}


def test_a_person_signs_in_reads_an_order_leaves_a_note_and_signs_out(shop: Shop) -> None:
    assert shop.create("CONSOLE-1").status == HTTPStatus.CREATED
    port = int(shop.sandbox.base_url.rpartition(":")[2])
    console, order = f"http://127.0.0.1:{port + 2}", "/order?account=wechat%2Fshop&id=CONSOLE-1"
    sue = Browser()
    for path in ("/me", "/accounts"):  # a code is good once: who signs in finds the API at work
        soon(lambda path=path: shop.sandbox.api("GET", path, token=shop.token).status, HTTPStatus.OK)

    status, sign_in, _ = sue.looks(console + order)
    assert status == HTTPStatus.SEE_OTHER
    shop.sandbox.control("POST", "/issuer/next", {"person": "sue"})
    status, back, _ = sue.asks(sign_in)
    assert status in (HTTPStatus.FOUND, HTTPStatus.SEE_OTHER)
    status, where, _ = sue.asks(back)
    assert (status, where) == (HTTPStatus.SEE_OTHER, order)

    status, _, page = sue.looks(console + order)
    assert status == HTTPStatus.OK, page
    assert "CONSOLE-1" in page
    status, where, _ = sue.asks(f"{console}/order/note", {**fields(page, "/order/note"), "note": "asked by phone"})
    assert (status, where) == (HTTPStatus.SEE_OTHER, f"{order}&done=noted")
    status, _, everything = sue.looks(console + order.replace("/order", "/order/timeline"))
    assert "asked by phone" in everything

    status, _, _ = sue.asks(f"{console}/sign-out", fields(page, "/sign-out"))
    assert status == HTTPStatus.SEE_OTHER
    assert sue.looks(console + order)[0] == HTTPStatus.SEE_OTHER
