"""What open consoles cost, and how long a page takes: `python bench/console.py [--port 8080] [--cold] [--ms 60]`.

The price is of eight consoles that are open eight hours on each of 22 days and ask as `console.js` does; a share of
the questions is answered with news. Table units are those of `units.json`; how long a question takes is given, not
measured. With `--port` a running sandbox is asked, warm: the list of orders as a page, and its two calls at the same
time beside it, in turn; what a page adds is the difference of two neighbours. With `--cold` a new process of the
console's function answers its first page: its processor time, and what that is at the share of a processor that
Lambda gives to 1024 MB (docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html: one whole at 1769 MB).

Prices are list prices of us-east-1 in USD, as these pages named them in November 2026; they are not fetched:
aws.amazon.com/api-gateway/pricing (HTTP APIs), aws.amazon.com/lambda/pricing (arm64), aws.amazon.com/dynamodb/pricing
(on demand). Logs and data sent are not in it.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlencode, urlsplit

ROOT = Path(__file__).resolve().parent.parent
UNITS = json.loads((ROOT / "bench" / "units.json").read_text(encoding="utf-8"))
SCRIPT = (ROOT / "layers/console/countersign_console/static/console.js").read_text(encoding="utf-8")
CONSOLES, DAYS, HOURS = 8, 22, 8
WAITING, NEWS = 0.05, 0.02  # of the questions: asked by a page that waits for a platform; answered with news
GATEWAY, INVOCATION, GB_SECOND = 1.00e-6, 0.20e-6, 1.33334e-5
READ = 0.125e-6  # a unit
SESSION_READ = 2.0  # units: the session, and whether its person signed out everywhere, consistently, each below 4 kB
GIGABYTES = 1.0  # of both functions
MOST_USD = 1.50
TRIES, STARTS = 40, 12
MOST_ADDED_MS, MOST_COLD_MS = 60, 1500
MEGABYTES, WHOLE = 1024, 1769
ENVIRONMENT = {
    **{"AWS_DEFAULT_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "none", "AWS_SECRET_ACCESS_KEY": "none"},
    **{"STAGE": "bench", "POWERTOOLS_SERVICE_NAME": "bench", "POWERTOOLS_METRICS_NAMESPACE": "Countersign"},
    **{
        "SESSIONS_TABLE": "Sessions",
        "API_URL": "https://api.example.com",
        "CONSOLE_URL": "https://console.example.com",
    },
    **{
        "SIGN_IN_CLIENT": "c",
        "SIGN_IN_URL": "https://i.example.com/a",
        "SIGN_IN_EXCHANGE_URL": "https://i.example.com/t",
    },
    **{"SIGN_IN_REVOKE_URL": "", "SIGN_OUT_URL": "", "SIGN_IN_SCOPES": "orders:read"},
}


def pauses() -> tuple[float, float]:
    """Return the seconds between two questions, usually and while something waits, as the script has them."""
    found = re.search(r"SLOW = (\d+), FAST = (\d+)", SCRIPT)
    assert found, "console.js names its pauses otherwise"
    return int(found[1]) / 1000, int(found[2]) / 1000


def questions() -> float:
    """Return how often all consoles ask in a month."""
    slow, fast = pauses()
    return CONSOLES * DAYS * HOURS * 3600 * ((1 - WAITING) / slow + WAITING / fast)


def price(console_ms: float, api_ms: float) -> dict[str, float]:
    """Return what a month's questions cost, by service."""
    asked = questions()
    calls = asked * (1 + NEWS)  # with news, what waits is counted too
    quiet, moved = UNITS["list: changes, nothing moved"]["read"], UNITS["list: changes, one account moved"]["read"]
    units = SESSION_READ + (1 - NEWS) * quiet + NEWS * (moved + UNITS["list: counts"]["read"])
    return {
        "API Gateway": (asked + calls) * GATEWAY,
        "Lambda, requests": (asked + calls) * INVOCATION,
        "Lambda, time": (asked * console_ms + calls * api_ms) / 1000 * GIGABYTES * GB_SECOND,
        "DynamoDB, reads": asked * units * READ,
    }


def reads_a_second() -> float:
    """Return the reads of the orders' table that eight consoles make."""
    slow, _ = pauses()
    return CONSOLES / slow * UNITS["list: changes, nothing moved"]["read"]


class Asked:
    """One kept connection, and what it was given as cookies."""

    def __init__(self, port: int) -> None:
        self.connection, self.cookies = http.client.HTTPConnection("127.0.0.1", port, timeout=60), dict[str, str]()

    def __call__(self, path: str, headers: dict[str, str] | None = None, form: str = "") -> http.client.HTTPResponse:
        cookie = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        sent = {**({"cookie": cookie} if cookie else {}), **(headers or {})}
        if form:
            sent["content-type"] = "application/x-www-form-urlencoded"
        self.connection.request("POST" if form else "GET", path, form or None, sent)
        reply = self.connection.getresponse()
        self.text = reply.read().decode("utf-8", "replace")
        for one in reply.headers.get_all("set-cookie") or ():
            name, _, value = one.partition(";")[0].partition("=")
            self.cookies[name] = value
        return reply


def signed_in(port: int) -> Asked:
    """Sign in as Ann, as a browser does."""
    console, issuer = Asked(port + 2), Asked(port + 1)
    console("/")
    where = urlsplit(str(console("/").headers["location"]))
    query = dict(pair.split("=", 1) for pair in where.query.split("&"))
    issuer(f"{where.path}?{where.query}")
    fields = dict(re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)"', issuer.text))
    answer = issuer(where.path, {"origin": f"http://127.0.0.1:{port + 1}"}, urlencode({**fields, "person": "ann"}))
    assert answer.status == 303, (answer.status, sorted(query))
    back = urlsplit(str(answer.headers["location"]))
    console(f"{back.path}?{back.query}")
    return console


def warm(port: int) -> list[tuple[float, float]]:
    """Return the milliseconds of a page and of its two calls of the API at once, turn by turn.

    Turns are neighbours, so that what else the machine does weighs on both alike.
    """
    console, control = signed_in(port), Asked(port + 1)
    control.connection.request("POST", "/token", json.dumps({"scopes": ["orders:read"]}))
    token = json.loads(control.connection.getresponse().read())["access_token"]
    bearer = {"authorization": f"Bearer {token}"}
    asked = [
        (Asked(port), path)
        for path in ("/orders?account=wechat/shop&sort=-updated&limit=30", "/counts?account=wechat/shop")
    ]

    def called(one: tuple[Asked, str]) -> None:
        api, path = one
        assert api(path, bearer).status == 200

    turns = list[tuple[float, float]]()
    with ThreadPoolExecutor(len(asked)) as pool:
        for _ in range(TRIES + 3):
            began = time.perf_counter()
            assert console("/orders?account=wechat%2Fshop").status == 200
            page = time.perf_counter() - began
            began = time.perf_counter()
            list(pool.map(called, asked))
            turns.append((page * 1000, (time.perf_counter() - began) * 1000))
    return turns[3:]


def cold() -> list[float]:
    """Return the milliseconds of processor that new processes of the function take to their first page."""
    with tempfile.TemporaryDirectory() as folder:
        layer = Path(folder, "python")
        shutil.copytree(ROOT / "layers/console/countersign_console", layer / "countersign_console")
        shutil.copytree(ROOT / "layers/common/countersign", layer / "countersign")
        shutil.copy(ROOT / "functions/console/app.py", layer)
        environment = {"PATH": os.environ.get("PATH", ""), "PYTHONPATH": str(layer), **ENVIRONMENT}
        options = {"cwd": folder, "env": environment, "check": True, "capture_output": True, "text": True}
        subprocess.run([sys.executable, "-P", "-m", "countersign_console.drawing"], **options)
        compiling = ["-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash", str(layer)]
        subprocess.run([sys.executable, *compiling], **options)
        first_page = [sys.executable, "-P", str(ROOT / "bench" / "console_first_page.py")]
        runs = [
            subprocess.run(first_page, **options) for _ in range(STARTS + 1)
        ]  # the first one fills the disk's cache
        return [float(run.stderr.splitlines()[-1]) for run in runs[1:]]


def main() -> int:
    """Print what it costs; with a sandbox, what a page adds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="of a running sandbox")
    parser.add_argument("--cold", action="store_true", help="start the console's function anew, again and again")
    parser.add_argument("--ms", type=float, default=40, help="what the console's function takes for a question, warm")
    parser.add_argument("--api-ms", type=float, default=20, help="what the API's takes for it")
    options = parser.parse_args()
    parts = price(options.ms, options.api_ms)
    for name, usd in parts.items():
        print(f"{name:20} {usd:6.2f} USD")
    total = sum(parts.values())
    print(f"{CONSOLES} consoles, {DAYS} days of {HOURS} h: {total:.2f} USD (at most {MOST_USD:.2f})")
    print(f"reads of the orders' table: {reads_a_second():.2f} units/s")
    missed = total > MOST_USD
    if options.port:
        turns = warm(options.port)
        added = [page - calls for page, calls in turns]
        best = sorted(turns, key=sum)[0]
        print(
            f"warm, list of orders, median of {TRIES}: page {statistics.median(page for page, _ in turns):.0f} ms, "
            f"its two calls {statistics.median(calls for _, calls in turns):.0f} ms, added "
            f"{statistics.median(added):.0f} ms; least of all: {best[0]:.0f} and {best[1]:.0f} ms, added "
            f"{best[0] - best[1]:.0f} ms (at most {MOST_ADDED_MS})"
        )
        missed |= best[0] - best[1] > MOST_ADDED_MS
    if options.cold:
        starts = cold()
        share = MEGABYTES / WHOLE
        print(
            f"cold, list of orders, median of {STARTS}: {statistics.median(starts):.0f} ms of processor, "
            f"{statistics.median(starts) / share:.0f} ms at {MEGABYTES} MB; least: {min(starts):.0f}, "
            f"{min(starts) / share:.0f} ms (at most {MOST_COLD_MS})"
        )
        missed |= min(starts) / share > MOST_COLD_MS
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
