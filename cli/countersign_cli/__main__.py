"""`python -m countersign_cli`."""

from countersign_cli.main import run

run()
