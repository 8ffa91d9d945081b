"""`python -m conformance` in a checkout, `countersign-conformance` where it is installed."""

import sys

from .cli import main

if __name__ == "__main__":
    sys.exit(main())
