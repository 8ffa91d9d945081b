"""What ships and with which keys: no test key works in the cloud, no dependency is anything but what was pinned."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from countersign.errors import KeysUnavailableError
from countersign.platforms.wechat import settings
from countersign_cli.examining.documents import lint
from tests.infra.reading import LAYER, ROOT, shipped
from tests.platforms.wechat.support import document

NOW = 1_795_328_845
WECHATS_SAMPLE = "192006250b4c09247ec02edce69f6a2d"
DOCUMENTS = sorted((ROOT / "tests" / "accounts").rglob("*.json"))


@pytest.mark.parametrize("stage", ["dev", "prod"])
@pytest.mark.parametrize("field", ["api_v2_keys", "api_v3_keys"])
def test_H6_a_platforms_sample_key_is_refused_in_every_stage(
    monkeypatch: pytest.MonkeyPatch, stage: str, field: str
) -> None:
    monkeypatch.setenv("STAGE", stage)
    whole = {**document(), "api": field[4:6]}

    with pytest.raises(KeysUnavailableError, match="the sample that the platform publishes"):
        settings.load({**whole, field: [WECHATS_SAMPLE, *whole[field]]})


@pytest.mark.parametrize("field", ["api_v2_keys", "api_v3_keys"])
def test_H6_a_platforms_sample_key_beside_a_good_one_is_never_used(field: str) -> None:
    whole = {**document(), "api": field[4:6]}

    loaded = settings.load({**whole, field: [*whole[field], WECHATS_SAMPLE]})

    assert [key.reveal() for key in getattr(loaded, field)] == whole[field]
    assert any("the sample that the platform publishes" in warning for warning in loaded.warnings)


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.stem)
def test_H6_the_keys_of_our_own_tests_are_found_before_they_are_deployed(tmp_path: Path, path: Path) -> None:
    target = (tmp_path / path.relative_to(ROOT / "tests" / "accounts")).with_name("main.json")
    target.parent.mkdir(parents=True)
    target.write_bytes(path.read_bytes())

    errors = [finding.what for finding in lint(tmp_path, NOW) if finding.level == "error"]

    assert [what for what in errors if "everybody knows it" in what]


def test_H6_nothing_that_ships_holds_a_key_of_the_tests() -> None:
    keys = {key for path in DOCUMENTS for key in secrets(json.loads(path.read_bytes()))}
    sources = [*shipped().values(), ROOT / "template.yaml", ROOT / "samconfig.toml"]

    assert len(keys) > 5
    for path in sources:
        text = path.read_text(encoding="utf-8")
        assert not [path for key in keys if key in text]
        assert not re.search(r"-----BEGIN [A-Z ]*PRIVATE KEY-----\s*\\?n?[A-Za-z0-9+/]{16}", text), path


def secrets(content: Any) -> set[str]:
    """Return the texts of an account document that nobody else may know."""
    listed = [
        value for name, values in content.items() if name.endswith(("_keys", "salts", "tokens")) for value in values
    ]
    single = [value for name, value in content.items() if name.endswith(("_secret", "private_key_pem"))]
    return {value for value in [*listed, *single] if isinstance(value, str) and "PUBLIC KEY" not in value}


def named(pattern: str) -> list[Path]:
    """Return the project's own files of that name."""
    folders = [path for path in ROOT.iterdir() if path.is_dir() and not path.name.startswith(".")]
    return sorted([*ROOT.glob(pattern), *(path for folder in folders for path in folder.rglob(pattern))])


LOCKS = named("requirements*.txt")


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: str(path.relative_to(ROOT)))
def test_H7_every_requirement_is_one_version_with_its_hashes(lock: Path) -> None:
    text = re.sub(r"^\s*#.*\n", "", lock.read_text(encoding="utf-8"), flags=re.MULTILINE)
    entries = re.split(r"\n(?=\S)", text.strip())

    assert entries
    for entry in entries:
        assert re.match(r"[a-z0-9][a-z0-9.-]*==[0-9][0-9a-z.+]*( ; .*)? \\\n", entry), entry
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", entry), entry
        assert not re.search(r"git\+|://|@ |^-", entry, re.MULTILINE), entry


def test_H7_what_is_asked_for_is_locked() -> None:
    asked = named("requirements*.in")

    assert len(asked) == len(LOCKS)
    for path in asked:
        locked = set(
            re.findall(r"^([a-z0-9.-]+)==", path.with_suffix(".txt").read_text(encoding="utf-8"), re.MULTILINE)
        )
        lines = path.read_text(encoding="utf-8").splitlines()
        names = {match[0].lower() for line in lines if (match := re.match(r"[A-Za-z0-9_.-]+", line)) and line[0] != "-"}
        assert names
        assert {name.replace("_", "-") for name in names} <= locked


def test_H7_installing_checks_hashes_everywhere_and_the_layer_runs_no_setup_script() -> None:
    layer = (LAYER / "Makefile").read_text(encoding="utf-8")
    project = (ROOT / "Makefile").read_text(encoding="utf-8")
    installs = re.findall(r"pip install(?:[^\n\\]|\\\n)*", layer) + re.findall(r"pip install[^\n]*", project)

    # The layer, the environments, an old botocore to try, what drives a browser; and our own command line.
    ours = [line for line in installs if "--no-deps --no-index" in line and line.endswith(" ./cli")]
    assert (len(installs), len(ours)) == (5, 1)
    assert all("--require-hashes" in line or "$(PIP_FLAGS)" in line for line in installs if line not in ours)
    assert "--require-hashes" in re.findall(r"^PIP_FLAGS := (.*)$", project, re.MULTILINE)[0]
    assert "--only-binary=:all:" in installs[0]
