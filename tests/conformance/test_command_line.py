"""The kit's commands: what they refuse, print and write."""

import json
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from xml.etree import ElementTree

import pytest

from conformance import cli, keyring
from conformance.platforms import PLATFORMS
from conformance.receivers.reference import Receiver, serving
from conformance.wire import Refused, Target

README = Path(__file__).parents[2] / "conformance" / "README.md"
NOW = 1_795_328_845


@pytest.fixture(scope="module")
def kit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("kit")
    keyring.make(folder, sorted(PLATFORMS))
    return folder


def receiver(kit: Path, name: str, mistake: str = "") -> Receiver:
    return Receiver(name, keyring.read(kit, name).values(), mistake, clock=lambda: float(NOW))


def run(kit: Path, name: str, url: str, *more: str) -> int:
    return cli.main(["run", "--target", url, "--platform", name, "--keys", str(kit), "--now", str(NOW), *more])


def orders(url: str) -> str:
    return url.replace("/notify", "/orders")


def test_a_target_that_is_not_this_machine_is_refused_without_its_host(
    kit: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(kit, "shopify", "https://shop.example.com/notify") == 2
    assert "--i-run-this-target shop.example.com" in capsys.readouterr().err
    with pytest.raises(Refused):
        Target("https://shop.example.com/notify", "example.com")
    with pytest.raises(Refused):
        Target("http://127.0.0.1.example.com/notify")


@pytest.mark.parametrize("url", ["http://127.0.0.1/", "http://localhost:1/", "http://[::1]:8080/x"])
def test_this_machine_needs_no_word(url: str) -> None:
    assert not Target(url).is_remote


def test_a_host_that_was_typed_out_is_asked_five_times_a_second_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    monkeypatch.setattr("conformance.wire.time.monotonic", lambda: 100.0)
    monkeypatch.setattr("conformance.wire.time.sleep", waits.append)
    target = Target("https://shop.invalid/notify", "shop.invalid")

    for _ in range(4):
        target._wait()

    assert [round(wait, 3) for wait in waits] == [0.0, 0.2, 0.4, 0.6]


@pytest.mark.parametrize("name", sorted(PLATFORMS))
def test_no_secret_is_printed_or_reported(
    kit: Path, tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    class Echo(BaseHTTPRequestHandler):
        """Says to everyone everything that the target was configured with."""

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("content-length") or 0))
            self.send_response(200)
            self.send_header("content-length", str(len(told)))
            self.end_headers()
            self.wfile.write(told)

        do_GET = do_POST  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    platform = keyring.read(kit, name)
    told = json.dumps(platform.secrets()).encode()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    files = [tmp_path / "r.json", tmp_path / "r.xml", tmp_path / "r.html"]
    try:
        options = ("--json", str(files[0]), "--junit", str(files[1]), "--html", str(files[2]))
        assert run(kit, name, f"http://127.0.0.1:{server.server_address[1]}/notify", *options) == 1
    finally:
        server.shutdown()
        server.server_close()

    printed = capsys.readouterr()
    everything = [printed.out, printed.err, *(file.read_text(encoding="utf-8") for file in files)]
    for secret in platform.secrets():
        assert not [text for text in everything if secret in text]
    assert "answers.leak" in printed.out


def test_the_curl_of_a_failed_case_gets_the_same_answer(kit: Path, tmp_path: Path) -> None:
    with serving(receiver(kit, "shopify", "prefix compare")) as url:
        report = tmp_path / "r.json"
        assert run(kit, "shopify", url, "--json", str(report), "--only", "forged.") == 1
        told = json.loads(report.read_text(encoding="utf-8"))

        failed = [case for case in told["verdict"]["cases"] if case["outcome"] == "fail"]
        assert [case["id"] for case in failed] == ["forged.short"]
        for kept in told["evidence"][str(failed[0]["number"])]:
            answer = subprocess.run(["sh", "-c", kept["curl"]], capture_output=True, text=True, check=True, timeout=20)
            assert answer.stdout.split()[1] == str(kept["status"]) == "200"
        assert cli.main(["replay", f"{report}#{failed[0]['number']}"]) == 1
    with serving(receiver(kit, "shopify"), int(url.rsplit(":", 1)[1].split("/")[0])):
        assert cli.main(["replay", f"{report}#{failed[0]['number']}"]) == 0


def test_the_same_seed_gives_the_same_reports_byte_for_byte(
    kit: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    reports, port = [], 0
    for number in range(2):
        files = [tmp_path / f"{number}.{kind}" for kind in ("json", "junit", "html")]
        with serving(receiver(kit, "hc1", "amount unchecked"), port) as url:
            port = int(url.rsplit(":", 1)[1].split("/")[0])
            more = ("--level", "2", "--orders-url", orders(url), "--seed", "7", "--run", "SAME")
            written = [part for file in files for part in (f"--{file.suffix[1:]}", str(file))]
            assert run(kit, "hc1", url, *more, *written) == 1
        told = re.sub(rb'"p95_ms": [0-9]+', b"", files[0].read_bytes())
        reports.append([told, *(file.read_bytes() for file in files[1:])])

    assert reports[0] == reports[1]
    assert b"curl" in reports[0][2]
    capsys.readouterr()
    assert cli.main(["compare", str(tmp_path / "0.json"), str(tmp_path / "1.json")]) == 0
    assert capsys.readouterr().out.startswith("the same verdict: ")


def test_two_reports_that_differ_are_said_to(kit: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for mistake, file in (("", "right.json"), ("prefix compare", "wrong.json")):
        with serving(receiver(kit, "shopify", mistake)) as url:
            run(kit, "shopify", url, "--only", "forged.", "--json", str(tmp_path / file))
    capsys.readouterr()

    assert cli.main(["compare", str(tmp_path / "right.json"), str(tmp_path / "wrong.json")]) == 1
    told = capsys.readouterr().out.splitlines()
    assert [line.partition(":")[0] for line in told[:-1]] == ["forged.short"]
    assert "pass, then fail" in told[0]


def test_another_seed_makes_other_choices(kit: Path, tmp_path: Path) -> None:
    bodies = set()
    for seed in ("1", "2"):
        with serving(receiver(kit, "wechat", "no signature check")) as url:
            report = tmp_path / "r.json"
            run(kit, "wechat", url, "--only", "forged.envelope", "--seed", seed, "--run", "SAME", "--json", str(report))
            bodies.add(json.loads(report.read_text(encoding="utf-8"))["evidence"]["1"][-1]["body"])

    assert len(bodies) == 2


def test_reports_say_what_came_what_a_thief_gains_and_the_platforms_page(
    kit: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with serving(receiver(kit, "shopify", "prefix compare")) as url:
        junit, page = tmp_path / "r.xml", tmp_path / "r.html"
        assert run(kit, "shopify", url, "--junit", str(junit), "--html", str(page)) == 1

    case = next(one for one in cli._every("shopify") if one.id == "forged.short")
    failures = ElementTree.parse(junit).getroot().findall(".//failure")  # noqa: S314 - our own
    assert [failure.get("message") for failure in failures] == [
        f"{case.title.removeprefix('refused: ')} was acknowledged: answered 200"
    ]
    for text in (capsys.readouterr().out, page.read_text("utf-8"), failures[0].text or ""):
        assert case.gain in text
        assert PLATFORMS["shopify"].page in text
        assert "curl" in text


def test_nobody_there_is_no_grade(kit: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/notify"
    assert run(kit, "stripe", url, "--only", "genuine.") == 2


def test_keys_are_made_once_and_are_for_their_owner_alone(tmp_path: Path) -> None:
    keyring.make(tmp_path, ["hc1"])
    first = (tmp_path / "hc1.keys.json").read_bytes()

    keyring.make(tmp_path, ["hc1"])

    assert (tmp_path / "hc1.keys.json").read_bytes() == first
    assert {file.stat().st_mode & 0o777 for file in tmp_path.iterdir()} == {0o600}


def test_every_case_can_be_explained(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["list"]) == 0
    names = [line.split()[0] for line in capsys.readouterr().out.splitlines()]
    assert len(names) == len(set(names)) > 250
    assert cli.main(["explain", "wechat.forged.merchant"]) == 0
    assert "what a thief gains" in capsys.readouterr().out
    assert cli.main(["explain", "wechat.no.such"]) == 2


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@pytest.mark.parametrize(
    ("language", "name", "command"), [("python", "stripe", sys.executable), ("js", "shopify", "node")]
)
def test_the_examples_of_the_readme_get_the_grade_that_it_prints(
    kit: Path, tmp_path: Path, language: str, name: str, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    if not shutil.which(command):
        pytest.skip("there is no Node on this machine")
    text = README.read_text(encoding="utf-8")
    source = re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)[0]
    expected = re.findall(r"\n\n((?:    .*\n)+)", text.split(source)[1])[0]
    file, port = tmp_path / ("shop.py" if language == "python" else "shop.mjs"), _free_port()
    file.write_text(source, encoding="utf-8")
    process = subprocess.Popen([command, file, kit / f"{name}.configure.json", str(port)], stderr=subprocess.DEVNULL)
    try:
        end = time.monotonic() + 60
        while time.monotonic() < end:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                time.sleep(0.05)
        base = f"http://127.0.0.1:{port}"
        cli.main(
            ["run", "--target", f"{base}/notify", "--platform", name, "--keys", str(kit), "--level", "2",
             "--orders-url", f"{base}/orders", "--settle", "2"]
        )  # fmt: skip
    finally:
        process.kill()
        process.wait()

    printed = capsys.readouterr().out.splitlines()
    assert [line.removeprefix("    ") for line in expected.splitlines()] == [
        line for line in printed[-4:] if line.startswith((PLATFORMS[name].title + ": ", "  F because"))
    ]
