"""What BigCommerce is called, and its own problems, to a person in Chinese."""

from collections.abc import Mapping

SENTENCES: Mapping[str, str] = {
    "bigcommerce.name": "BigCommerce",
}
