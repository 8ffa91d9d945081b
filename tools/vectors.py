"""Check our own code against a file of vectors that other implementations made: `make vectors FILE=<json>`.

Each vector names its category, or group; `tests/platforms/<name>/vector_checks.py` of each platform that has one, and
`tests/cashiers/vector_checks.py`, say what must hold of their categories. Prints `category: passed/failed` for each. A
category that nobody checks, and one of which nothing was run, fails; the exit status is 1 then.
"""

import json
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
Check = Callable[[Mapping[str, Any]], None]


def checks() -> dict[str, Check]:
    """Return how each category is checked, of all platforms that have such checks."""
    found: dict[str, Check] = {}
    for path in sorted((ROOT / "tests").glob("**/vector_checks.py")):
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        found |= import_module(name).CHECKS
    return found


def category_of(vector: Mapping[str, Any]) -> str:
    """Return the category of a vector; some files call it group."""
    return str(vector.get("category") or vector.get("group"))


def run(document: Mapping[str, Any], known: Mapping[str, Check]) -> Iterator[tuple[str, int, int, list[str]]]:
    """Yield each category with how many of its vectors passed and failed, and what is wrong with those.

    A file may say under `meta.categories` which it has: one of them without a vector is yielded as well.
    """
    vectors: Sequence[Mapping[str, Any]] = document.get("vectors") or ()
    meta = document.get("meta")
    promised = meta.get("categories", ()) if isinstance(meta, Mapping) else ()
    counts = Counter(map(category_of, vectors))
    for category in dict.fromkeys([*counts, *map(str, promised)]):
        check, passed, wrong = known.get(category), 0, []
        for vector in vectors:
            if category_of(vector) != category:
                continue
            fault = "no check of this category is known" if check is None else _fault(check, vector)
            passed += not fault
            wrong += [f"{vector.get('name')}: {fault}"] * bool(fault)
        yield category, passed, counts[category] - passed, wrong


def _fault(check: Check, vector: Mapping[str, Any]) -> str:
    """Return what is wrong; whatever our code raises at a vector is the vector's verdict, and others go on."""
    try:
        check(vector)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return ""


def main(arguments: list[str]) -> int:
    """Print each category's verdict; 1 if anything failed, or nothing was run."""
    if len(arguments) != 1 or not arguments[0]:
        print("usage: make vectors FILE=<json>", file=sys.stderr)
        return 2
    document = json.loads(Path(arguments[0]).read_text(encoding="utf-8"))
    ran, failed = 0, 0
    for category, passed, wrong, faults in run(document, checks()):
        for fault in faults:
            print(f"  {fault}", file=sys.stderr)
        print(f"{category}: {passed} passed, {wrong} failed")
        ran, failed = ran + passed + wrong, failed + wrong + (not passed)
    if not ran:
        print("no vector was run", file=sys.stderr)
    return int(bool(failed) or not ran)


if __name__ == "__main__":
    sys.path[:0] = [str(ROOT), str(ROOT / "layers" / "common")]
    sys.exit(main(sys.argv[1:]))
