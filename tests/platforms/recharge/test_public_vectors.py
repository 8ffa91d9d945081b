"""Every public vector of Recharge, made and checked by other implementations."""

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.platforms.recharge.vector_checks import CHECKS, VectorFailedError, check_webhook
from tools import vectors

FILE: dict[str, Any] = json.loads(Path("tests/vectors/recharge_public.json").read_text(encoding="utf-8"))
VECTORS: dict[str, Mapping[str, Any]] = {entry["name"]: entry for entry in FILE["vectors"]}


@pytest.mark.parametrize("name", VECTORS)
def test_public_vector(name: str) -> None:
    CHECKS[VECTORS[name]["category"]](VECTORS[name])


def test_no_category_of_the_public_vectors_is_left_out() -> None:
    counts = Counter(vector["category"] for vector in VECTORS.values())

    assert counts == {"recharge_webhook_legacy": 12, "recharge_webhook_timestamped": 10, "recharge_charge_scan": 7}


def test_a_check_fails_where_the_vector_says_something_else() -> None:
    genuine = VECTORS["rc-wh-pub-01-charge-failed"]
    said = genuine["expect"]["parsed"] | {"attempts": 3}

    with pytest.raises(VectorFailedError, match="attempts is 2, and should be 3"):
        check_webhook({**genuine, "expect": genuine["expect"] | {"parsed": said}})
    with pytest.raises(VectorFailedError, match="taken, and it is not genuine"):
        check_webhook({**genuine, "expect": {"valid": False}})


class TestTheCommand:
    def written(self, tmp_path: Path, content: object) -> str:
        path = tmp_path / "vectors.json"
        path.write_text(json.dumps(content), encoding="utf-8")
        return str(path)

    def test_it_prints_each_category_with_what_passed_and_failed(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert vectors.main(["tests/vectors/recharge_public.json"]) == 0
        assert capsys.readouterr().out.splitlines() == [
            "recharge_webhook_legacy: 12 passed, 0 failed",
            "recharge_webhook_timestamped: 10 passed, 0 failed",
            "recharge_charge_scan: 7 passed, 0 failed",
        ]

    def test_a_category_that_nobody_checks_fails(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        unknown = {"name": "x", "category": "recharge_of_next_year"}

        assert vectors.main([self.written(tmp_path, {"vectors": [*VECTORS.values(), unknown]})]) == 1
        assert "recharge_of_next_year: 0 passed, 1 failed" in capsys.readouterr().out

    def test_a_category_of_which_nothing_is_run_fails(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        content = {"meta": {"categories": ["recharge_charge_scan"]}, "vectors": [VECTORS["rc-ts-pub-01-valid"]]}

        assert vectors.main([self.written(tmp_path, content)]) == 1
        assert "recharge_charge_scan: 0 passed, 0 failed" in capsys.readouterr().out

    def test_a_file_without_vectors_fails(self, tmp_path: Path) -> None:
        assert vectors.main([self.written(tmp_path, {"vectors": []})]) == 1
