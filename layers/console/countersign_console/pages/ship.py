"""S6 Ship: one parcel after the other on a phone, with a scanner or by hand; and many lines at once."""

import csv
import io
import re
from functools import cache
from typing import Any

from countersign_console.answer import Answer
from countersign_console.api import get, order_path, post
from countersign_console.outside import Reply
from countersign_console.view import View

PAGE = "20"
MOST_LINES = 100
OFFERED = 6  # carriers to tap; the others are in a list
# What numbers look like, by the codes that platforms have for the same carrier.
LOOKS_LIKE = (
    (re.compile(r"SF\d{10,}"), ("SF", "shunfeng")),
    (re.compile(r"YT\d{13}"), ("YTO", "yuantong")),
    (re.compile(r"JT\d{13}"), ("JTSD", "jtexpress")),
    (re.compile(r"JD[A-Z0-9]{8,}"), ("JD", "jd")),
    (re.compile(r"DPK\d{9,}"), ("DBL", "debangkuaidi")),
    (re.compile(r"7[358]\d{12}"), ("ZTO", "zhongtong")),
    (re.compile(r"77\d{13}"), ("STO", "shentong")),
    (re.compile(r"4[36]\d{13}"), ("YD", "yunda")),
    (re.compile(r"E[A-Z]\d{9}CN"), ("EMS", "ems")),
    (re.compile(r"9\d{12}"), ("YZPY", "youzhengguonei")),
)
CONTACT = re.compile(r".*[0-9]{4}")  # the end of a phone number
Json = dict[str, Any]


def bare(number: str) -> str:
    """Return a tracking number as it is compared: scanners and people add blanks, and people small letters."""
    return re.sub(r"\s+", "", number).upper()


def guessed(number: str, known: list[str]) -> str:
    """Return the carrier that a number looks like, of those that the platform knows; empty where none fits."""
    for looks, codes in LOOKS_LIKE:
        if looks.fullmatch(bare(number)):
            return next((code for code in codes if code in known), "")
    return ""


@cache
def patterns() -> list[Json]:
    """Return the same for the script, which marks the carrier while somebody types."""
    return [{"looks": looks.pattern, "codes": list(codes)} for looks, codes in LOOKS_LIKE]


def with_contact(carriers: Reply) -> list[str]:
    """Return the carriers whose parcels the platform takes only with digits of the receiver's phone number."""
    return [one["code"] for one in carriers.json.get("carriers", ()) if one["contact"]] if carriers.is_good else []


def ship(view: View, status: int = 200, problem: str = "", failed: str = "") -> Answer:
    """Show what waits to be sent, longest waiting first: the first one is open."""
    if not view.account:
        return view.page(
            "ship.html",
            rows=[],
            carriers=[],
            problem="",
            failed="",
            done_code="",
            with_contact=[],
            patterns=[],
            offered=OFFERED,
            more=False,
        )
    listed, carriers = view.api.at_once(
        get("/orders", account=view.account, work="to_ship", sort="updated", limit=PAGE),
        get("/carriers", platform=_platform(view)),
    )
    rows = [
        one for one in view.good(listed)["orders"] if one["actions"]["ship"]["allowed"] or not view.may("orders:ship")
    ]
    if first := failed or view.query.get("first", ""):  # what was just refused stands first, as it was typed
        rows.sort(key=lambda one: one["order_id"] != first)
    return view.page(
        "ship.html",
        status,
        rows=rows,
        carriers=carriers.json.get("carriers", []) if carriers.is_good else [],
        with_contact=with_contact(carriers),
        problem=problem,
        failed=failed,
        done_code=view.query.get("done", ""),
        patterns=patterns(),
        offered=OFFERED,
        more=len(rows) == int(PAGE),
    )


def send(view: View) -> Answer:
    """Record one parcel; a refusal is shown on its own card."""
    platform, _, account = view.form.get("account", "").partition("/")
    key = {"platform": platform, "account": account, "order_id": view.form.get("id", "")}
    number = bare(view.form.get("tracking_no", ""))
    known = view.form.get("carriers", "").split(",")
    carrier = view.form.get("carrier", "").strip() or guessed(number, known)
    body: Json = {"tracking_no": number, "carrier": carrier, "method": "express"}
    contact = view.form.get("contact", "").strip()
    if contact:
        body["contact"] = contact
    if not number or not carrier:
        return ship(
            view, 422, view.text("ship.problem.number" if not number else "ship.problem.carrier"), key["order_id"]
        )
    if carrier in view.form.get("with_contact", "").split(",") and not CONTACT.fullmatch(contact):
        # The API would record it and the platform refuse it later, when nobody stands at the parcel any more.
        return ship(view, 422, view.text("ship.problem.contact", carrier=carrier), key["order_id"])
    reply = view.api.call(post(order_path(key, "shipments"), body, once=view.form.get("once", "")))
    if not reply.is_good:
        return ship(view, reply.status, view.problem(reply), key["order_id"])
    if view.form.get("from") == "order":
        return view.order(key, done="sent")
    return view.go("/ship", done=key["order_id"])


def many(view: View, status: int = 200, problem: str = "") -> Answer:
    """Show the field for many lines."""
    asked = with_contact(view.api.call(get("/carriers", platform=_platform(view)))) if view.account else []
    lines = view.form.get("lines", "")
    return view.page("ship_many.html", status, results=None, lines=lines, problem=problem, with_contact=asked)


def send_many(view: View) -> Answer:
    """Record a line each of `order, carrier, number`, and digits of a phone where wanted; each stands by itself."""
    rows = read_lines(view.form.get("lines", ""))
    if not rows or len(rows) > MOST_LINES or any(len(row) not in (3, 4) for row in rows):
        return many(view, 422, view.text("ship.problem.lines", n=MOST_LINES))
    asked = view.form.get("with_contact", "").split(",")
    for row in rows:
        if row[1] in asked and not CONTACT.fullmatch(row[3] if len(row) == 4 else ""):
            problem = view.text("ship.problem.contact", carrier=row[1])
            return many(view, 422, f"{row[0]}: {problem}")
    platform, _, account = view.account.partition("/")
    shipments = [
        {
            "platform": platform,
            "account": account,
            "order_id": row[0],
            "carrier": row[1],
            "tracking_no": bare(row[2]),
            "method": "express",
            **({"contact": row[3]} if len(row) == 4 else {}),
        }
        for row in rows
    ]
    reply = view.api.call(post("/shipments/batch", {"shipments": shipments}, once=view.form.get("once", "")))
    if not reply.is_good:
        return many(view, reply.status, view.problem(reply))
    results = [{**one, "line": row} for one, row in zip(reply.json["results"], rows, strict=False)]
    left = "\n".join(", ".join(one["line"]) for one in results if one["status"] != 201)
    return view.page("ship_many.html", results=results, lines=left, problem="", with_contact=asked)


def _platform(view: View) -> str:
    return view.account.partition("/")[0]


def read_lines(text: str) -> list[list[str]]:
    """Read lines as spreadsheets copy them (tabs), as files have them (commas) or as people type them (blanks)."""
    found = []
    for line in text.splitlines():
        if not line.strip():
            continue
        separator = "\t" if "\t" in line else ("," if "," in line.replace("，", ",") else " ")
        cells = next(csv.reader(io.StringIO(line.replace("，", ",")), delimiter=separator, skipinitialspace=True))
        found.append([cell.strip() for cell in cells if cell.strip()])
    return found


ROUTES = {
    ("GET", "/ship"): ship,
    ("POST", "/ship"): send,
    ("GET", "/ship/many"): many,
    ("POST", "/ship/many"): send_many,
}
