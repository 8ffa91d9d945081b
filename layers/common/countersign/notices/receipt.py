"""What a printed notice says: an order's template, laid out for the width of the paper."""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from countersign.errors import KeysUnavailableError
from countersign.money import Money
from countersign.notices import content
from countersign.notices.content import Facts
from countersign.orders.state import Order
from countersign.printers.paper import Line, plain, spread, wrap

# `# ` begins a title, `---` draws a rule, a tab sends the rest to the right end, and a line of which every placeholder
# is empty is left out.
DEFAULT = """\
# {event_zh}
---
订单号：{order_id}
下单时间：{created_at}
支付时间：{paid_at}
---
{items}
---
合计\t{amount}
优惠\t{discount}
实付\t{paid}
退款\t{refund_amount}
原因：{reason}
备注：{metadata.remark}
"""
ITEMS = "{items}"
MAX_COPIES = 5
_PLACEHOLDER = re.compile(r"\{[^{}]*\}")


class PrintSettings(NamedTuple):
    """A printed notice: which printers (all of the account's where empty), in the order they are tried in."""

    printers: tuple[str, ...] = ()
    title: str = ""  # the shop's name
    template: str = DEFAULT
    copies: int = 1


def load(document: Mapping[str, Any]) -> PrintSettings:
    """Type a printed notice; KeysUnavailableError names the field and the reason."""
    printers = document.get("printers") or []
    if not isinstance(printers, list) or not all(isinstance(name, str) and name for name in printers):
        raise KeysUnavailableError("printers is not a list of names")
    title, template = document.get("title") or "", document.get("template") or DEFAULT
    if not isinstance(title, str) or not isinstance(template, str):
        raise KeysUnavailableError("title or template is not text")
    copies = document.get("copies", 1)
    if type(copies) is not int or not 1 <= copies <= MAX_COPIES:
        raise KeysUnavailableError(f"copies is not a number from 1 to {MAX_COPIES}")
    return PrintSettings(tuple(printers), title, content.require_known(template, "template"), copies)


def render(settings: PrintSettings, facts: Facts, columns: int) -> list[Line]:
    """Lay the receipt out."""
    values = {name: plain(value) for name, value in content.values(facts).items()}
    # Half the characters fit into a line of double width.
    lines = [Line(row, is_title=True) for row in wrap(plain(settings.title), columns // 2) if row]
    for row in settings.template.splitlines():
        if row.strip() == ITEMS:
            lines += _items(facts.order, values, columns)
        elif not _is_empty(row, values):
            lines += _rows(row, values, columns)
    return lines


def _is_empty(row: str, values: Mapping[str, str]) -> bool:
    wanted = _PLACEHOLDER.findall(row)
    return bool(wanted) and not any(values.get(name[1:-1]) for name in wanted)


def _rows(row: str, values: Mapping[str, str], columns: int) -> list[Line]:
    if row.startswith("---"):
        return [Line("-" * columns)]
    if row.startswith("# "):
        return [Line(part, is_title=True) for part in wrap(_filled(row[2:], values), columns // 2)]
    left, tab, right = row.partition("\t")
    left, right = _filled(left, values), _filled(right, values)
    return [Line(part) for part in (spread(left, right, columns) if tab else wrap(left, columns))]


def _filled(row: str, values: Mapping[str, str]) -> str:
    # The merchant's own words too: a tag in a template would be one printer's only.
    return plain(content.fill(row, values))


def _items(order: Order | None, values: Mapping[str, str], columns: int) -> list[Line]:
    if order is None or not order.terms.lines:
        told = values.get("description", "")
        return [Line(row, is_item=True) for row in wrap(told, columns)] if told else []
    found = []
    for line in order.terms.lines:
        amount = content.money(Money(line.minor * line.quantity, order.terms.amount.currency))
        right = f"x{line.quantity} {amount}"
        found += [Line(row, is_item=True) for row in spread(plain(line.title), right, columns)]
    return found
