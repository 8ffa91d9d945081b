"""The console: what people see and click. A client of the merchant API, with no right on the orders themselves."""

import time
from typing import Any

from countersign.runtime.telemetry import invocation
from countersign_console.routes import Console

console = Console.from_environment()


@invocation
def lambda_handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """Answer what a browser asks."""
    return console.answer(event, now=int(time.time()))
