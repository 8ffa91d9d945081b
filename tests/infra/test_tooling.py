"""The tools agree with each other: lock files, README, CI, the table of properties."""

import ast
import hashlib
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.infra.reading import LAYER, ROOT
from tools import properties, try_contract, vendor_htmx

LOCKS = [
    ROOT / "requirements-dev.txt",
    ROOT / "requirements-sam.txt",
    ROOT / "requirements-contract.txt",
    ROOT / "sandbox" / "requirements-cloud.txt",
    LAYER / "requirements.txt",
    ROOT / "layers" / "console" / "requirements.txt",
    ROOT / "tests" / "aws" / "botocore-oldest.txt",
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


def test_what_ends_with_make_is_makes_own_child() -> None:
    # Its parent must be make: behind a shell that stays, it takes its starter for ended and ends before it begins.
    recipes = (ROOT / "Makefile").read_text(encoding="utf-8")
    lines = [line for line in recipes.splitlines() if "$(ENDS_WITH_MAKE)" in line]

    assert len(lines) >= 7
    assert [line for line in lines if not re.search(r"\$\(ENDS_WITH_MAKE\) exec [^&|;]*$", line)] == []


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


class TestTableOfProperties:
    def test_every_property_is_held_by_a_test_or_says_why_not(self) -> None:
        assert len(properties.IDS) == 104
        assert properties.problems(properties.covered(ROOT / "tests"), properties.NOT_YET) == []

    def test_what_does_not_agree_is_said(self) -> None:
        held = {name: ["t"] for name in properties.IDS if name not in ("A1", "B2")}

        assert properties.problems({**held, "Z9": ["t"]}, {"B2": "why", "C3": "why"}) == [
            "A1: no test holds it and no reason is given",
            "C3: a test holds it, so its reason must go",
            "Z9: there is no such property",
        ]

    def test_a_property_is_named_by_a_test_its_docstring_its_class_or_its_file(self) -> None:
        source = """
'''Races: D2, F5.'''
def test_A1_A5_both(): ...
class TestB:
    '''Holds (B4).'''
    def test_C1(self): ...
    def test_C2_two(self):
        '''Also H3.'''
def helper_A9_is_no_test(): ...
"""

        assert list(properties.claims(ast.parse(source), "f.py")) == [
            ("f.py", {"D2", "F5"}),
            ("f.py::test_A1_A5_both", {"A1", "A5"}),
            ("f.py::TestB", {"B4"}),
            ("f.py::TestB::test_C1", set()),
            ("f.py::TestB::test_C2_two", {"C2", "H3"}),
        ]

    def test_the_table_names_each_property_once_and_its_status_says_whether_it_is_whole(self) -> None:
        done = subprocess.run(
            [sys.executable, ROOT / "tools" / "properties.py"], capture_output=True, text=True, timeout=60, check=False
        )
        ids = [line.split()[0] for line in done.stdout.splitlines() if re.match(r"[A-H][0-9]", line)]

        assert (done.returncode, done.stderr) == (0, "")
        assert ids == properties.IDS
        assert done.stdout.splitlines()[-1].endswith(" of 104 properties are held by tests")


def test_htmx_is_the_file_whose_digest_is_written_down_and_its_licence_stands_beside_it() -> None:
    shipped = (vendor_htmx.STATIC / "htmx.js").read_bytes()

    assert hashlib.sha256(shipped).hexdigest() == vendor_htmx.SHA256
    assert b"Zero-Clause BSD" in (vendor_htmx.STATIC / "LICENSE.htmx").read_bytes()


def test_nothing_that_is_built_needs_node() -> None:
    for makefile in sorted((ROOT / "layers").glob("*/Makefile")):
        recipes = [line for line in makefile.read_text(encoding="utf-8").splitlines() if line.startswith("\t")]
        assert recipes
        assert not [line for line in recipes if re.search(r"\b(node|npm|npx|yarn)\b", line)]
    assert not list((ROOT / "layers").rglob("package.json"))


def test_a_contract_that_was_not_tried_is_no_success_and_is_said_to_be_untried(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(try_contract, "ROOT", tmp_path)
    monkeypatch.setattr(try_contract, "SCHEMATHESIS", tmp_path / "schemathesis")

    assert try_contract.main([]) == 2
    assert "the contract was not tried" in capsys.readouterr().out
