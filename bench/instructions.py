"""What a callback and a start cost in instructions, counted by valgrind: the same on a busy machine as on a quiet one.

User space only: what the kernel does for each request is left out, which favours whoever makes more of them.
`python instructions.py FOLDER EVENTS` is the process that is counted.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cloud
from callback import CONTEXT, OURS, PEER, load, seed
from cloud import HERE, ROOT
from vectors import ACCOUNT, Vectors

if TYPE_CHECKING:
    from collections.abc import Callable

FEW, MANY = 5, 35
VALGRIND = ("valgrind", "--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null")
_COUNT = re.compile(r"I\s+refs:\s+([0-9,]+)")


def main() -> dict[str, dict[str, float]]:
    """Return for each build the millions of instructions of one fresh callback, and of a start with its first one."""
    builds = {
        OURS: (ROOT / "functions" / "wechat_notify", f"/wechat/{ACCOUNT}/notify"),
        PEER: (HERE / "peers" / "powertools", "/wechat/notify"),
    }
    made = Vectors()
    with tempfile.TemporaryDirectory() as name, cloud.running(made, Path(name), tls=True) as stub:
        environment = stub.environment(made)
        cloud.adopt(environment)
        seed([made.notice(number).order_id for number in range(MANY)])
        return count(stub, Path(name), builds, environment, lambda number, path: made.notice(number).event(path))


def count(
    stub: cloud.Cloud,
    folder: Path,
    builds: dict[str, tuple[Path, str]],
    environment: dict[str, str],
    event: Callable[[int, str], dict[str, Any]],
) -> dict[str, dict[str, float]]:
    """Return the same for other builds, of the events that `event` makes; nothing where valgrind is missing."""
    figures: dict[str, dict[str, float]] = {}
    if shutil.which(VALGRIND[0]) is None:
        return figures
    stub.control("/keep")
    events = folder / "events.json"
    for build, (code, path) in builds.items():
        counts = []
        for most in (FEW, MANY):
            stub.control("/restore")
            events.write_text(json.dumps([event(number, path) for number in range(most)]))
            counts.append(_counted(code, events, environment))
        each = (counts[1] - counts[0]) / (MANY - FEW)
        figures[build] = {"callback": each / 1e6, "start": (counts[0] - each * (FEW - 1)) / 1e6}
    return figures


def _counted(folder: Path, events: Path, environment: dict[str, str]) -> int:
    ended = subprocess.run(
        [*VALGRIND, sys.executable, __file__, str(folder), str(events)],
        env={**environment, "PYTHONHASHSEED": "0", "BENCH_ROOT": str(ROOT)},
        check=True,
        capture_output=True,
        text=True,
    )
    found = _COUNT.search(ended.stderr)
    assert found is not None, ended.stderr[-500:]
    return int(found[1].replace(",", ""))


def _run(folder: Path, events: list[dict[str, Any]]) -> None:
    sys.path.insert(0, str(ROOT / "layers" / "common"))
    if folder.is_relative_to(ROOT / "functions"):
        from countersign.aws import transport

        # Valgrind is forty times slower than the time-outs allow for.
        transport.CONNECT_SECONDS = transport.READ_SECONDS = 60.0
    handler = load(folder / "app.py", "counted")
    for event in events:
        answer = handler(event, CONTEXT)
        assert answer["statusCode"] in (200, 204), answer


if __name__ == "__main__":
    _run(Path(sys.argv[1]), json.loads(Path(sys.argv[2]).read_text()))
