"""The only logger and the only metrics."""

import logging

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

logger = Logger(log_uncaught_exceptions=False)
metrics = Metrics()

# botocore logs whole requests at debug level: never below warning, whatever the function's own level.
logging.getLogger("botocore").setLevel(logging.WARNING)


def count(name: str, value: int = 1) -> None:
    """Count an outcome under its own name."""
    metrics.add_metric(name=name, unit=MetricUnit.Count, value=value)


def seconds(name: str, value: float) -> None:
    """Record a duration or an age."""
    metrics.add_metric(name=name, unit=MetricUnit.Seconds, value=value)
