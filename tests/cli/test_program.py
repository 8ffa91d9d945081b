"""The program as a whole: options anywhere, completion, and how it is installed."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from typing import TYPE_CHECKING, Any

import pytest
from click.shell_completion import ShellComplete

from countersign_cli.main import COMMANDS, cli
from countersign_cli.options import Context
from tests.cli.conftest import Fakes, order
from tests.infra.reading import LAYER, ROOT

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    "arguments",
    [
        ["--sandbox", "explain", "GONE"],
        ["--sandbox=8080", "explain", "GONE"],
        ["--sandbox", "explain", "--sandbox=8080", "GONE"],
        ["explain", "GONE", "--sandbox"],
        ["explain", "--sandbox=8080", "GONE"],
    ],
)
def test_options_stand_before_the_command_or_behind_it(fakes: Fakes, arguments: list[str]) -> None:
    fakes.on("GET /search", {"found": []})

    assert fakes.run(*arguments, sandbox=False).exit_code == 3
    assert {one.url.partition("/search")[0] for one in fakes.calls("GET /search")} == {"http://127.0.0.1:8080"}


def test_another_port_and_another_person_are_the_sandboxs_to_know(fakes: Fakes) -> None:
    fakes.on("GET /search", {"found": []})
    fakes.run("explain", "X", "--sandbox=8760", "--as", "bob", sandbox=False)

    [token] = fakes.calls("POST /token")
    assert token.url == "http://127.0.0.1:8761/token"
    assert token.json["subject"] == "bob"


def test_a_reader_that_has_enough_ends_a_command_quietly() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [sys.executable, "-m", "countersign_cli", "doctor", "--accounts", ROOT / "tests" / "accounts"],
        env={"PYTHONPATH": f"{LAYER}:{ROOT / 'cli'}:{ROOT}", "HOME": "/nonexistent", "LANG": "C.UTF-8"},
        stdout=writer,
        stderr=subprocess.PIPE,
        check=False,
        timeout=60,
    )
    os.close(writer)

    assert (done.returncode, done.stderr) == (0, b"")


class TestCompletion:
    @pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
    def test_a_script_loads_in_its_shell(self, fakes: Fakes, shell: str) -> None:
        script = fakes.run("completion", shell, sandbox=False).stdout

        assert "_COUNTERSIGN_COMPLETE" in script
        found = shutil.which(shell)
        if found is not None:  # zsh and fish are on few machines; bash is on every one that runs this
            subprocess.run([found, "-n"], input=script, text=True, check=True, timeout=60)
        assert shell != "bash" or found is not None

    def test_commands_and_orders_of_the_sandbox_are_completed(self, fakes: Fakes) -> None:
        fakes.on("GET /accounts", {"accounts": [{"account": "wechat/shop"}]})
        fakes.on("GET /orders", {"orders": [order("ORDER-1"), order("ORDER-2"), order("X")], "cursor": None})
        context = Context(transport=fakes.transport, home=fakes.home)
        completer = ShellComplete(cli, {"obj": context}, "countersign", "_COUNTERSIGN_COMPLETE")

        def completed(arguments: list[str], begun: str) -> list[str]:
            return [one.value for one in completer.get_completions(arguments, begun)]

        assert completed([], "ex") == ["explain"]
        assert completed(["--sandbox=8080", "explain"], "OR") == ["ORDER-1", "ORDER-2"]
        assert completed(["--sandbox=8080", "orders", "ship"], "wechat/shop/X") == ["wechat/shop/X"]

    def test_where_nobody_answers_nothing_is_completed(self, fakes: Fakes) -> None:
        fakes.on("GET /accounts", ConnectionRefusedError())
        context = Context(transport=fakes.transport, home=fakes.home)
        completer = ShellComplete(cli, {"obj": context}, "countersign", "_COUNTERSIGN_COMPLETE")

        assert completer.get_completions(["--sandbox=8080", "explain"], "O") == []


class TestInstalled:
    PROJECT: Any = tomllib.loads((ROOT / "cli" / "pyproject.toml").read_text(encoding="utf-8"))

    def test_the_wheel_is_whole(self) -> None:
        held = self.PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]

        assert {(ROOT / "cli" / path).resolve() for path in held} == {
            LAYER / "countersign",
            ROOT / "clients" / "python" / "countersign_client.py",
        }
        assert self.PROJECT["project"]["scripts"] == {"countersign": "countersign_cli.main:run"}

    def test_what_the_wheel_holds_works_where_there_is_no_checkout(self, tmp_path: Path) -> None:
        built = self.PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]
        inside = {ROOT / "cli" / name: name for name in built["packages"]}
        inside |= {ROOT / "cli" / path: name for path, name in built["force-include"].items()}
        for source, name in inside.items():
            target = tmp_path / "site" / name
            target.parent.mkdir(parents=True, exist_ok=True)
            (shutil.copytree if source.is_dir() else shutil.copy)(source, target)
        (tmp_path / "captured.http").write_text("POST /x HTTP/1.1\nContent-Type: text/xml\n\n<xml></xml>", "utf-8")
        account = ROOT / "tests" / "accounts" / "wechat" / "shop.json"
        said = "import importlib, pkgutil, countersign_cli\nfrom countersign_cli.main import run\n"
        said += "for found in pkgutil.walk_packages(countersign_cli.__path__, 'countersign_cli.'):\n"
        said += "    found.name.endswith('__main__') or importlib.import_module(found.name)\n"
        said += f"run(['verify', 'wechat', '--account', {str(account)!r}, '--request', 'captured.http'])"

        done = subprocess.run(
            [sys.executable, "-c", said],
            cwd=tmp_path,
            env={"PYTHONPATH": str(tmp_path / "site"), "LANG": "C.UTF-8"},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

        assert done.returncode == 1, done.stderr
        assert "\n→ InvalidSignatureError (HTTP 401)" in done.stdout

    def test_its_name_is_not_the_one_that_is_somebody_elses(self) -> None:
        assert self.PROJECT["project"]["name"] not in ("countersign", "countersign-cli")
        documents = [
            *ROOT.glob("*.md"),
            *ROOT.glob("docs/*.md"),
            *ROOT.glob("*/README.md"),
            *ROOT.glob("clients/*/*.md"),
        ]
        text = "\n".join(path.read_text(encoding="utf-8") for path in documents)
        assert not re.search(r"(pip|pipx|uvx?)\s+(tool\s+)?(install|run)\s+countersign\b(?!-operator)", text)

    def test_help_imports_neither_a_table_nor_a_cloud_nor_cryptography(self) -> None:
        said = "import sys; from countersign_cli.main import cli; cli.main(['--help'], standalone_mode=False); "
        said += "print([name for name in ('rich', 'boto3', 'cryptography', 'countersign') if name in sys.modules])"
        done = subprocess.run(
            [sys.executable, "-c", said],
            env={"PYTHONPATH": f"{LAYER}:{ROOT / 'cli'}:{ROOT}"},
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )

        assert done.stdout.splitlines()[-1] == "[]"
        assert all(name in done.stdout for name in COMMANDS)

    def test_no_layer_and_no_function_knows_it(self) -> None:
        sources = [*LAYER.rglob("*.py"), *(ROOT / "functions").rglob("*.py")]

        assert not [path for path in sources if "countersign_cli" in path.read_text(encoding="utf-8")]
        assert "click" not in (LAYER / "requirements.txt").read_text(encoding="utf-8")
