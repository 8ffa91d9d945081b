"""Logs and metrics: one JSON line each, as CloudWatch reads them.

Powertools' Logger and Metrics write the same lines; a callback needs only a counter and, when something is refused, one
line, and its CPU and cold start are budgeted (docs/decisions.md).
"""

import json
import os
import time
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any

SERVICE = os.environ.get("POWERTOOLS_SERVICE_NAME", "countersign")
NAMESPACE = os.environ.get("POWERTOOLS_METRICS_NAMESPACE", "Countersign")
_LEVELS = {"DEBUG": 10, "INFO": 20, "WARNING": 30, "ERROR": 40}
_THRESHOLD = _LEVELS.get(os.environ.get("POWERTOOLS_LOG_LEVEL", "INFO").upper(), 20)
_written = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode

Handler = Callable[[Any, Any], Any]


class _Invocation:
    """What the current invocation has counted, and what names it."""

    def __init__(self) -> None:
        self.function = ""
        self.request_id = ""
        self.values: dict[str, float] = {}
        self.units: dict[str, str] = {}


_current = _Invocation()


class Logger:
    """Writes one JSON line for each message; `extra` holds names, reasons and order numbers, never payloads."""

    def info(self, message: str, *, extra: Mapping[str, Any] | None = None) -> None:
        """Write what is worth knowing later."""
        _write("INFO", message, extra)

    def warning(self, message: str, *, extra: Mapping[str, Any] | None = None) -> None:
        """Write what a caller did wrong."""
        _write("WARNING", message, extra)

    def error(self, message: str, *, extra: Mapping[str, Any] | None = None) -> None:
        """Write what we, or somebody we depend on, did wrong."""
        _write("ERROR", message, extra)


logger = Logger()


def count(name: str, value: int = 1) -> None:
    """Count an outcome under its own name."""
    _current.values[name] = _current.values.get(name, 0) + value
    _current.units[name] = "Count"


def seconds(name: str, value: float) -> None:
    """Record a duration or an age; the largest of an invocation counts."""
    _current.values[name] = max(_current.values.get(name, value), value)
    _current.units[name] = "Seconds"


def invocation(handler: Handler) -> Handler:
    """Give a Lambda handler a fresh set of counts, and write them when it ends, however it ends."""

    @wraps(handler)
    def measured(event: Any, context: Any) -> Any:
        _current.function, _current.request_id = context.function_name, context.aws_request_id
        _current.values, _current.units = {}, {}
        try:
            return handler(event, context)
        finally:
            _flush()

    return measured


def _flush() -> None:
    # https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
    if not _current.values:
        return
    metrics = [{"Name": name, "Unit": unit} for name, unit in _current.units.items()]
    described = {"Namespace": NAMESPACE, "Dimensions": [["service"]], "Metrics": metrics}
    head = {"Timestamp": time.time_ns() // 1_000_000, "CloudWatchMetrics": [described]}
    _line({"_aws": head, "service": SERVICE, "request_id": _current.request_id, **_current.values})


def _write(level: str, message: str, extra: Mapping[str, Any] | None) -> None:
    if _LEVELS[level] < _THRESHOLD:
        return
    names = {"service": SERVICE, "function": _current.function, "request_id": _current.request_id}
    stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    _line({"level": level, "message": message, "timestamp": stamp, **names, **(extra or {})})


def _line(content: Mapping[str, Any]) -> None:
    print(_written(content))  # noqa: T201 - a Lambda's log is its output
