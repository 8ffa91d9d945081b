"""What `sam build` makes is what ships: our code, its libraries for the right processor, byte code, nothing else."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from sandbox import parent_watch
from tests.infra.reading import PACKAGE, ROOT, functions, snake

pytestmark = pytest.mark.artifact

LIMIT = 60_000_000  # a quarter of what Lambda allows, unzipped


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the stack as it deploys, into a folder of its own."""
    folder = tmp_path_factory.mktemp("build")
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    sam = [ROOT / ".venv-sam" / "bin" / "sam", "build", "--build-dir", folder / "out"]
    done = subprocess.run(
        [sys.executable, "-P", parent_watch.__file__, "--group", *sam],
        cwd=ROOT,
        env=parent_watch.watched({**os.environ, "PATH": path, "SAM_CLI_TELEMETRY": "0"}),
        capture_output=True,
        text=True,
        timeout=170,
    )
    assert done.returncode == 0, done.stderr
    return folder / "out"


@pytest.fixture(scope="module")
def layer(built: Path) -> Path:
    """Return what the layer puts under /opt/python."""
    return built / "CommonLayer" / "python"


@pytest.mark.parametrize("name", sorted(functions()))
def test_a_function_is_its_source_and_nothing_else(built: Path, name: str) -> None:
    source = ROOT / "functions" / snake(name)

    shipped = {str(path.relative_to(built / name)) for path in (built / name).rglob("*") if path.is_file()}

    assert shipped == {str(path.relative_to(source)) for path in source.rglob("*.py")}


def test_no_test_sandbox_or_bench_file_ships(built: Path) -> None:
    unwanted = {
        "tests",
        "test",
        "sandbox",
        "simulators",
        "bench",
        "events",
        "conftest.py",
        "moto",
        "pytest",
        "ministack",
    }

    # The definitions of the AWS service that is called `events` are no sample events.
    models = built / "CommonLayer" / "python" / "countersign" / "aws" / "models"
    found = {path for path in built.rglob("*") if unwanted & set(path.relative_to(built).parts)}
    found = {path for path in found if not path.is_relative_to(models)}

    assert not found


def test_the_layer_holds_the_whole_package(layer: Path) -> None:
    ours = {path.relative_to(PACKAGE) for path in PACKAGE.rglob("*") if path.suffix in (".py", ".typed")}

    assert {path.relative_to(layer / "countersign") for path in (layer / "countersign").rglob("*.py")} == {
        path for path in ours if path.suffix == ".py"
    }


def test_byte_code_survives_the_zip(layer: Path) -> None:
    sources = list(layer.rglob("*.py"))
    compiled = [path.parent / "__pycache__" / f"{path.stem}.cpython-313.pyc" for path in sources]

    # Bits 0 and 1 of the flags: found by hash, hash not checked; a time stamp would not outlive the zip.
    assert sources
    assert {path.read_bytes()[4:8] for path in compiled} == {b"\x01\x00\x00\x00"}


def test_libraries_are_for_the_processor_of_the_template(layer: Path) -> None:
    machines = {path.read_bytes()[18:20] for path in layer.rglob("*.so")}

    assert machines == {(183).to_bytes(2, "little")}  # EM_AARCH64


def test_the_runtime_brings_the_aws_sdk(layer: Path) -> None:
    assert not (layer / "boto3").exists()
    assert not (layer / "botocore").exists()


def test_the_layer_is_small(layer: Path, capsys: pytest.CaptureFixture[str]) -> None:
    size = sum(path.stat().st_size for path in layer.rglob("*") if path.is_file())

    with capsys.disabled():
        print(f"\nlayer: {size / 1e6:.1f} MB unzipped (Lambda allows 250)")
    assert size < LIMIT
