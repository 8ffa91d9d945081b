"""Lambda glue: entry points, logs and metrics, the session for outgoing calls."""
