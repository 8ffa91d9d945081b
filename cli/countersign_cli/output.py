"""What is printed. Standard output holds the answer and nothing else; what is said beside it goes to standard error."""

from __future__ import annotations

import csv
import io
import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import click

from countersign_cli import texts

FORMATS = ("table", "json", "csv", "ids")
# A cell that begins so is a formula to a spreadsheet: shoppers write some of what is printed here.
_FORMULAS = ("=", "+", "-", "@", "\t", "\r")
Row = Mapping[str, Any]


class Column(NamedTuple):
    """A column of a table: what it is called in `texts`, and what it shows of a row."""

    name: str
    of: Callable[[Row], object]


class Output:
    """Prints in one format and one language."""

    def __init__(self, form: str = "table", language: str = texts.ENGLISH) -> None:
        self.form, self.language = form, language

    @property
    def is_for_people(self) -> bool:
        """Whether a person reads what is printed."""
        return self.form == "table"

    def text(self, code: str, /, **arguments: object) -> str:
        """Return a sentence in the language that was asked for."""
        return texts.text(code, self.language, **arguments)

    def note(self, code: str, /, **arguments: object) -> None:
        """Say something beside the answer."""
        click.echo(self.text(code, **arguments), err=True)

    def line(self, text: str, **style: Any) -> None:
        """Print a line for people."""
        click.echo(styled(text, **style))

    def rows(self, rows: Sequence[Row], columns: Sequence[Column], name: Callable[[Row], str]) -> None:
        """Print a list: as a table, as the API's own objects, as a table for a spreadsheet, or the names alone."""
        match self.form:
            case "json":
                self.json(list(rows))
            case "csv":
                file = io.StringIO()
                writer = csv.writer(file, lineterminator="\n")
                writer.writerow([column.name for column in columns])
                writer.writerows([[_cell(column.of(row)) for column in columns] for row in rows])
                click.echo(file.getvalue(), nl=False)
            case "ids":
                for row in rows:
                    click.echo(name(row))
            case _:
                self._table(rows, columns)

    def one(self, row: Row, columns: Sequence[Column], name: Callable[[Row], str]) -> None:
        """Print a single thing: as `rows` does, but a JSON object instead of a list of one."""
        if self.form == "json":
            self.json(row)
        else:
            self.rows([row], columns, name)

    def json(self, value: Any) -> None:
        """Print JSON."""
        click.echo(json.dumps(value, ensure_ascii=False, indent=2))

    def _table(self, rows: Sequence[Row], columns: Sequence[Column]) -> None:
        if not rows:
            self.note("nothing_found")
            return
        from rich import box
        from rich.console import Console
        from rich.table import Table

        terminal = sys.stdout.isatty()
        table = Table(box=box.SIMPLE_HEAD if terminal else None, pad_edge=False, header_style="bold")
        for column in columns:
            table.add_column(self.text(f"column.{column.name}"), overflow="fold")
        for row in rows:
            table.add_row(*(_escaped(column.of(row)) for column in columns))
        file = io.StringIO()
        width = None if terminal else 10_000  # what goes into a pipe is not wrapped
        colour = terminal and wants_colour()
        Console(file=file, width=width or _width(), force_terminal=colour, no_color=not colour, highlight=False).print(
            table
        )
        click.echo("\n".join(line.rstrip() for line in file.getvalue().rstrip().split("\n")))


def wants_colour() -> bool:
    """Tell whether colours are wanted: https://no-color.org."""
    return not os.environ.get("NO_COLOR")


def styled(text: str, **style: Any) -> str:
    """Return a text in a style, where colours are wanted; click takes them out where no terminal reads."""
    return click.style(text, **style) if wants_colour() and style else text


def _cell(value: object) -> str:
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(_FORMULAS) else text


def _escaped(value: object) -> str:
    from rich.markup import escape

    # A terminal obeys control characters, and a shopper may have written them.
    text = "" if value is None else str(value)
    return escape("".join(sign if sign.isprintable() else "�" for sign in text))


def plain(value: object) -> str:
    """Return a text that a terminal shows and does not obey."""
    return "".join(sign if sign.isprintable() or sign == "\n" else "�" for sign in str(value))


def _width() -> int:
    import shutil

    return shutil.get_terminal_size((100, 24)).columns
