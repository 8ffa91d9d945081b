"""What is shared by all platforms names none of them: a rule of one platform is a value of its port or its terms."""

import re

import pytest

from tests.infra.reading import PACKAGE, platforms

# Platforms that there are, some that may come, and words that only one of them has.
WORDS = (*platforms(), "shopify", "bigcommerce", "stripe", "openid", "mchid")
NAMES = re.compile("|".join(map(re.escape, WORDS)), re.IGNORECASE)


@pytest.mark.parametrize("part", ["workers", "api", "orders", "store"])
def test_shared_code_names_no_platform(part: str) -> None:
    files = sorted((PACKAGE / part).rglob("*.py"))

    named = [
        f"{path.relative_to(PACKAGE)}:{number}"
        for path in files
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if NAMES.search(line)
    ]

    assert files
    assert named == []
