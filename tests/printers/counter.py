"""A shop's counter for tests: printers of both makers, their clouds, and a line to them that can break."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from countersign.errors import PlatformUnavailableError
from countersign.money import Money
from countersign.notices.channels import printer
from countersign.notices.channels.printer import PrinterReach
from countersign.notices.content import Facts
from countersign.notices.outcome import Outcome
from countersign.notices.receipt import PrintSettings
from countersign.orders.changes import Change, Line, Operator, OrderCreated, OrderKey, Paid, Terms, Verified
from countersign.orders.decide import decide
from countersign.orders.state import Order
from countersign.store import OrderStore
from sandbox.simulators.printers import Simulator

NOW = 1_795_330_860
KEY = OrderKey("wechat", "shop", "A-1")
FEIE = {"kind": "feie", "name": "kitchen", "sn": "316500010", "user": "shop@example.com", "ukey": "NEKuBO5vqHub3umy"}
YILIANYUN = {
    "kind": "yilianyun",
    "name": "bar",
    "machine_code": "4004600001",
    "client_id": "1098765432",
    "client_secret": "0cc175b9c0f1b6a831c399e269772661",
}


def order(
    lines: tuple[Line, ...] = (Line("珍珠奶茶（大杯）", 2, 3000), Line("Egg tart", 4, 700)), **terms: Any
) -> Order:
    """Return a paid order."""
    members: dict[str, Any] = {"description": "Tea", "metadata": (("remark", "少冰"),), "lines": lines, **terms}
    wanted = Terms(Money(8800, "CNY"), "v3", "jsapi", "d", NOW - 600, NOW + 7200, **members)
    opened = decide(None, Change(KEY, OrderCreated(wanted), Operator("m"), "api", "1900000001", "v3")).order
    paid = Paid("4200", Money(8800, "CNY"), NOW - 60)
    after = decide(opened, Change(KEY, paid, Verified("k"), "notice", "1900000001", "v3")).order
    assert after is not None
    return after


def facts(found: Order | None = None) -> Facts:
    """Return what there is to print of a paid order."""
    return Facts(KEY, "order.paid", NOW, found or order())


class PowerCutError(BaseException):
    """The process ends here, as by SIGKILL: no handler of ours runs on it."""


class Table:
    """A client of the table whose process can end at a write, before or after it."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self.writes: list[str] = []
        self.cut: tuple[int, bool] = (0, False)  # the number of the write, and whether it is done
        self.is_down = False

    def __getattr__(self, name: str) -> Any:
        operation = getattr(self._client, name)
        if name not in ("update_item", "put_item"):
            return operation
        return lambda **arguments: self.write(name, lambda: operation(**arguments))

    def write(self, name: str, write: Callable[[], Any]) -> Any:
        """Do a write, unless the process ended: what comes after that, such as `finally`, does not happen."""
        self.writes.append(name)
        wanted, is_done = self.cut
        if self.is_down or (len(self.writes) == wanted and not is_done):
            self.is_down = True
            raise PowerCutError
        answer = write()
        if len(self.writes) == wanted:
            self.is_down = True
            raise PowerCutError
        return answer


@dataclass
class Counter:
    """Two printers and the line to them.

    `lose` are calls whose answer is lost, `dead` calls that do not even arrive, `cut` calls at which the process ends;
    each as `name:number`, the first time being 1.
    """

    client: Any
    documents: list[dict[str, Any]] = field(default_factory=lambda: [FEIE, YILIANYUN])
    table_name: str = "Orders"
    patience: float = 0.3
    budget: float = 12.0
    clock: SimpleNamespace = field(default_factory=lambda: SimpleNamespace(at=NOW))

    def __post_init__(self) -> None:
        self.table = Table(self.client)
        self.entries: list[tuple[str, dict[str, Any]]] = []
        self.calls: list[str] = []
        self.delays: dict[str, int] = {}  # seconds that a call takes
        self.lose: set[str] = set()
        self.dead: set[str] = set()
        self.cut: set[str] = set()
        ticking = SimpleNamespace(now=lambda: self.clock.at)
        inbox = SimpleNamespace(add=lambda kind, entry: self.entries.append((kind, entry)))
        account = Simulator.prepare_account({"printers": self.documents}, "https://printers.example.com")
        self.printers = account["printers"]
        self.cloud: Any = Simulator(ticking, {"wechat": {"shop": account}}, inbox, "", None)  # type: ignore[arg-type]
        self.memos: dict[str, Mapping[str, str]] = {}

    def request(
        self, method: str, url: str, *, data: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Any:
        """Carry a call to the clouds."""
        body = data or b""
        path = urlsplit(url).path
        name = dict(parse_qsl(body.decode())).get("apiname", path.rpartition("/")[2])
        self.calls.append(name)
        self.clock.at += self.delays.get(name, 0)
        call = f"{name}:{self.calls.count(name)}"
        if call in self.dead:
            raise PlatformUnavailableError("no answer: ConnectTimeout")
        status, _, content = self.cloud.handle(method, path, "", dict(headers or {}), body)
        if call in self.cut:
            self.table.is_down = True
            raise PowerCutError
        if call in self.lose:
            raise PlatformUnavailableError("no answer: ReadTimeout")
        return SimpleNamespace(status_code=status, content=content)

    def send(self, notice: str = "n1", settings: PrintSettings | None = None, *, said: str = "") -> Outcome:
        """Make one attempt to print a notice, as the worker does; `said` is the buyer's remark."""
        self.table.is_down = False
        store = OrderStore(self.table, self.table_name)
        job = printer.job_of(notice)
        reach = PrinterReach(store, self, self.printers, job, lambda: self.clock.at, self.patience, self.budget)
        memo = self.memos.get(notice, {})

        def remember(kept: Mapping[str, str]) -> None:
            self.table.write("memo", lambda: self.memos.update({notice: dict(kept)}))

        return printer.send(
            settings or PrintSettings(),
            facts(order(metadata=(("remark", said or "少冰"),))),
            memo,
            remember,
            reach=reach,
            now=self.clock.at,
        )

    def receipts(self, printer: str = "") -> list[str]:
        """Return the paper."""
        return [
            entry["text"]
            for kind, entry in self.entries
            if kind == "receipt" and printer in ("", entry["printer"]) and "别的系统" not in entry["text"]
        ]

    def control(self, call: str, **body: Any) -> None:
        """Let something happen in the shop."""
        status, answer = self.cloud.control(call, body)
        assert status == 200, answer

    def books(self) -> dict[str, Any]:
        """Return what the table holds of each printer."""
        items = self.client.scan(TableName=self.table_name)["Items"]
        return {item["pk"]["S"]: json.loads(item["jobs"]["S"]) for item in items if item["sk"]["S"] == "PRINTER"}
