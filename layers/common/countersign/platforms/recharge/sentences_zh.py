"""What Recharge is called, and its own problems, to a person in Chinese."""

from collections.abc import Mapping

SENTENCES: Mapping[str, str] = {
    "recharge.name": "Recharge",
}
