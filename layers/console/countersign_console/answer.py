"""Answers as API Gateway takes them, each with the headers that keep a browser inside of the console."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

HTML = "text/html; charset=utf-8"
# A phone's camera reads tracking numbers; nothing else of the browser is needed.
HEADERS: Mapping[str, str] = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    # Other sites learn nothing; "no-referrer" would have browsers send `Origin: null` with the console's own forms.
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(self), geolocation=(), microphone=()",
    "strict-transport-security": "max-age=31536000",
    "cache-control": "no-store",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer."""

    status: int
    body: str | bytes = ""
    kind: str = HTML
    headers: Mapping[str, str] = field(default_factory=dict)
    cookies: tuple[str, ...] = ()

    def to_event(self) -> dict[str, Any]:
        """Return API Gateway's response format 2.0."""
        binary = isinstance(self.body, bytes)
        body = base64.b64encode(self.body).decode() if isinstance(self.body, bytes) else self.body
        headers = {**HEADERS, **self.headers, **({"content-type": self.kind} if body else {})}
        event = {"statusCode": self.status, "headers": headers, "body": body, "isBase64Encoded": binary}
        return {**event, "cookies": list(self.cookies)} if self.cookies else event


def go(where: str, *, cookies: tuple[str, ...] = ()) -> Answer:
    """Send the browser on with GET, so that nothing is done a second time by going back."""
    return Answer(303, headers={"location": where}, cookies=cookies)


def cookie(name: str, value: str, *, seconds: int = 0) -> str:
    """Return a cookie of this host alone, which no script reads; without `seconds` it ends with the browser."""
    lives = f"; Max-Age={seconds}" if seconds else ""
    return f"{name}={value}; Path=/; Secure; HttpOnly; SameSite=Lax{lives}"


def no_cookie(name: str) -> str:
    """Return what removes a cookie."""
    return f"{name}=; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=0"
