"""The tools agree with each other: lock files, README, CI."""

import re
from pathlib import Path

import pytest
import yaml

from tests.infra.reading import LAYER, ROOT

LOCKS = [
    ROOT / "requirements-dev.txt",
    ROOT / "requirements-sam.txt",
    ROOT / "sandbox" / "requirements-cloud.txt",
    LAYER / "requirements.txt",
]


def pins(lock: Path) -> dict[str, str]:
    return dict(re.findall(r"^([a-z0-9.-]+)==(\S+)", lock.read_text(encoding="utf-8"), re.MULTILINE))


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
def test_a_lock_file_pins_everything_by_hash_and_names_no_registry(lock: Path) -> None:
    text = lock.read_text(encoding="utf-8")
    requirements = re.split(r"\n(?=[a-z])", re.sub(r"^#.*\n", "", text, flags=re.MULTILINE).strip())

    assert len(requirements) == text.count("==") - text.count("'==") - text.count(" == ")
    assert all("--hash=sha256:" in requirement for requirement in requirements)
    assert not re.search(r"://|--(extra-)?index|--find-links|file:", text)


def test_tests_run_on_the_versions_that_ship() -> None:
    tested = pins(ROOT / "requirements-dev.txt")

    assert {name: tested.get(name) for name in pins(LAYER / "requirements.txt")} == pins(LAYER / "requirements.txt")


def test_ci_runs_the_readmes_test_command() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")

    assert len(re.findall(r"^make test\b.*$", readme, re.MULTILINE)) == 1
    assert "README.md" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")


@pytest.mark.parametrize("workflow", sorted((ROOT / ".github" / "workflows").glob("*.yml")), ids=lambda path: path.name)
def test_a_workflow_is_pinned_and_may_only_read(workflow: Path) -> None:
    text = workflow.read_text(encoding="utf-8")
    used = re.findall(r"uses:\s*(\S+)", text)

    assert used
    assert all(re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", action) for action in used)
    assert yaml.safe_load(text)["permissions"] == {"contents": "read"}
