"""What `sam build` makes is what ships: our code, its libraries for the right processor, byte code, nothing else.

And it deploys: two stages side by side into the local cloud, one of them moved to a restored table afterwards.
"""

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import botocore.session
import pytest
import yaml

from sandbox import parent_watch
from sandbox.dataplane import free_port
from tests.infra.reading import PACKAGE, ROOT, events, functions, nested, resources, snake, template
from tools import check_processor

# Building and deploying takes what the machine gives it.
pytestmark = [pytest.mark.artifact, pytest.mark.timeout(1800)]

LIMIT = 60_000_000  # a quarter of what Lambda allows, unzipped
# A payments app has a domain or is not deployed.
ROOTS_OWN = functions().keys() & {name for name, one in template()["Resources"].items() if "Condition" not in one}


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
        timeout=900,
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
    [folder] = (one for one in (built / name, *built.glob(f"*/{name}")) if one.is_dir())  # or an application's own

    shipped = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}

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

    # The definitions of the AWS service that is called `events` are no sample events, nor is what Stripe's package has.
    models = built / "CommonLayer" / "python" / "countersign" / "aws" / "models"
    stripe = built / "StripeLayer" / "python" / "stripe"
    found = {path for path in built.rglob("*") if unwanted & set(path.relative_to(built).parts)}
    found = {path for path in found if not path.is_relative_to(models) and not path.is_relative_to(stripe)}

    assert not found


def test_the_layer_holds_the_whole_package(layer: Path) -> None:
    ours = {path.relative_to(PACKAGE) for path in PACKAGE.rglob("*") if path.suffix in (".py", ".typed")}

    assert {path.relative_to(layer / "countersign") for path in (layer / "countersign").rglob("*.py")} == {
        path for path in ours if path.suffix == ".py"
    }


def test_the_consoles_pages_are_compiled_in_its_layer_and_nowhere_else(built: Path) -> None:
    source = ROOT / "layers" / "console" / "countersign_console"
    (layer,) = built.rglob("python/countersign_console")

    assert len(list((layer / "compiled").glob("*.py"))) == len(list((source / "templates").glob("*.html")))
    assert not (source / "compiled").exists()  # a checkout would go on showing the pages of that moment


def test_byte_code_survives_the_zip(layer: Path) -> None:
    sources = list(layer.rglob("*.py"))
    compiled = [path.parent / "__pycache__" / f"{path.stem}.cpython-313.pyc" for path in sources]

    # Bits 0 and 1 of the flags: found by hash, hash not checked; a time stamp would not outlive the zip.
    assert sources
    assert {path.read_bytes()[4:8] for path in compiled} == {b"\x01\x00\x00\x00"}


def test_libraries_are_for_the_processor_of_the_template(built: Path, layer: Path) -> None:
    arch = template()["Parameters"]["Arch"]

    assert list(layer.rglob("*.so"))
    assert check_processor.strangers(layer, arch["Default"]) == {}
    assert arch["AllowedValues"] == [arch["Default"]]  # so no deployment can want another
    assert (built / "template.yaml").read_text(encoding="utf-8").count("!Ref Arch") + (
        built / "template.yaml"
    ).read_text(encoding="utf-8").count("Ref: Arch") >= 3


def test_a_library_for_another_processor_fails_the_build(layer: Path, tmp_path: Path) -> None:
    library = next(iter(layer.rglob("*.so")))
    shutil.copy(library, tmp_path)
    tool = [sys.executable, ROOT / "tools" / "check_processor.py"]

    wrong = subprocess.run([*tool, "x86_64", tmp_path], capture_output=True, text=True, check=False)
    unknown = subprocess.run([*tool, "mips", tmp_path], capture_output=True, text=True, check=False)

    assert (wrong.returncode, unknown.returncode) == (1, 1)
    assert f"{library.name} is for arm64; template.yaml wants x86_64" in wrong.stderr
    assert subprocess.run([*tool, "arm64", tmp_path], check=False).returncode == 0


def test_the_layers_build_asks_the_template_for_the_processor() -> None:
    makefile = (ROOT / "layers" / "common" / "Makefile").read_text(encoding="utf-8")

    assert "../../template.yaml" in makefile
    assert "check_processor.py" in makefile
    assert not [name for name in check_processor.MACHINES if f"ARCH := {name}" in makefile]


def test_the_runtime_brings_the_aws_sdk(layer: Path) -> None:
    assert not (layer / "boto3").exists()
    assert not (layer / "botocore").exists()


def test_the_layer_is_small(layer: Path, capsys: pytest.CaptureFixture[str]) -> None:
    size = sum(path.stat().st_size for path in layer.rglob("*") if path.is_file())

    with capsys.disabled():
        print(f"\nlayer: {size / 1e6:.1f} MB unzipped (Lambda allows 250)")
    assert size < LIMIT


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Run a local cloud that knows SAM's transform; its URL."""
    folder, port = tmp_path_factory.mktemp("cloud"), free_port()
    translator = next((ROOT / ".venv-sam" / "lib").glob("python3*/site-packages"))
    # Behind ministack's own packages: it pins a botocore of its own.
    start = (
        f"import runpy, sys; sys.path.append({str(translator)!r}); runpy.run_module('ministack', run_name='__main__')"
    )
    server = subprocess.Popen(
        [ROOT / ".venv-cloud" / "bin" / "python", "-c", start],
        cwd=folder,
        env={
            **{"PATH": os.environ["PATH"], "HOME": str(folder), "TMPDIR": str(folder)},
            **{"BIND_HOST": "127.0.0.1", "GATEWAY_PORT": str(port), "LOG_LEVEL": "WARNING"},
            **{"IOT_MTLS_ENABLED": "0", "SFTP_ENABLED": "0"},
            # What is deployed is not run: it is for another processor, and two stages' schedules would be a load.
            "LAMBDA_STRICT": "1",
        },
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    url = f"http://127.0.0.1:{port}"
    try:
        while server.poll() is None:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            time.sleep(0.05)
        yield url
    finally:
        server.kill()
        server.wait()


@pytest.fixture(scope="module")
def aws(cloud: str) -> Callable[[str], Any]:
    """Return clients of the local cloud."""
    return lambda service: botocore.session.get_session().create_client(service, endpoint_url=cloud)


def _transform(path: Path) -> None:
    """Write an application as CloudFormation gets it, its functions still where they were built."""
    written = yaml.safe_load(path.read_text(encoding="utf-8"))["Resources"]
    program = "import json, pathlib, sys; from tools.transformed import transformed; "
    program += "print(json.dumps(transformed(pathlib.Path(sys.argv[1]))['template.yaml']))"
    python = ROOT / ".venv-sam" / "bin" / "python"
    done = subprocess.run([python, "-c", program, path], cwd=ROOT, capture_output=True, text=True, check=True)
    made = json.loads(done.stdout)
    for name, one in made["Resources"].items():
        if one["Type"] == "AWS::Lambda::Function":
            one["Properties"]["Code"] = written[name]["Properties"]["CodeUri"]
    path.write_text(json.dumps(made), encoding="utf-8")


@pytest.fixture(scope="module")
def deploy(
    built: Path, cloud: str, aws: Callable[[str], Any], tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., None]:
    """Deploy a stage as the README says, but for two things that the local cloud does not know.

    These are alarms over several metrics, and SAM's transform of what is nested, which is done here.
    """
    alarms = built / "MoreAlarms" / "template.yaml"
    template = yaml.safe_load(alarms.read_text(encoding="utf-8"))
    resources_of = template["Resources"]
    template["Resources"] = {name: one for name, one in resources_of.items() if "Metrics" not in one["Properties"]}
    assert len(resources_of) - len(template["Resources"]) == 1  # BigCommerce's share of deliveries that are taken
    alarms.write_text(yaml.safe_dump(template), encoding="utf-8")
    _transform(built / "Shops" / "template.yaml")
    home = tmp_path_factory.mktemp("home")
    sam = [ROOT / ".venv-sam" / "bin" / "sam", "deploy", "--template-file", built / "template.yaml"]
    sam += ["--config-file", ROOT / "samconfig.toml", "--no-confirm-changeset", "--no-progressbar"]

    def run(stage: str, *overrides: str) -> None:
        # A stack that changes would be looked at every half minute: its change is executed and waited for here.
        options = ["--no-execute-changeset", "--parameter-overrides", *overrides] if overrides else []
        own = {"HOME": str(home), "AWS_ENDPOINT_URL": cloud, "SAM_CLI_TELEMETRY": "0", "SAM_CLI_POLL_DELAY": "0.5"}
        done = subprocess.run(
            [*sam, "--config-env", stage, *options],
            cwd=home,
            env={**os.environ, **own},
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        if done.returncode:
            stacks = [
                one["StackId"] for one in aws("cloudformation").list_stacks()["StackSummaries"]
            ]  # nested ones too
            told = [one for name in stacks for one in _events(aws, name) if "FAILED" in one["ResourceStatus"]]
            why = [f"{one['LogicalResourceId']}: {one.get('ResourceStatusReason')}" for one in told]
            pytest.fail("\n".join([*why, done.stderr[-3000:]]))
        if overrides:
            name, client = f"countersign-{stage}", aws("cloudformation")
            changes = client.list_change_sets(StackName=name)["Summaries"]
            newest = max(changes, key=lambda change: change["CreationTime"])
            client.execute_change_set(ChangeSetName=newest["ChangeSetId"], StackName=name)
            client.get_waiter("stack_update_complete").wait(StackName=name, WaiterConfig={"Delay": 1})

    return run


def _events(aws: Callable[[str], Any], stack: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = aws("cloudformation").describe_stack_events(StackName=stack)["StackEvents"]
    return found


@pytest.fixture(scope="module")
def stages(deploy: Callable[..., None], aws: Callable[[str], Any]) -> dict[str, dict[str, str]]:
    """Deploy two stages side by side; what became of each logical id."""
    found = {}
    for stage in ("dev", "prod"):
        deploy(stage)
        listed = aws("cloudformation").describe_stack_resources(StackName=f"countersign-{stage}")["StackResources"]
        found[stage] = {one["LogicalResourceId"]: one["PhysicalResourceId"] for one in listed}
    return found


def test_two_stages_live_side_by_side_in_one_account(
    stages: dict[str, dict[str, str]], aws: Callable[[str], Any]
) -> None:
    dev, prod = stages["dev"], stages["prod"]

    assert ROOTS_OWN <= dev.keys() <= prod.keys()
    # An API's stage is known within its API only.
    assert set(dev.values()) & set(prod.values()) == {"$default"}
    more = {name for name in prod.keys() - dev.keys() if not name.endswith("Alarm")}
    assert more == {"MoreAlarms"}  # Alarms=all
    always = ROOTS_OWN | nested()["Shops"]["Resources"].keys()
    scheduled = [name for name, _ in events("ScheduleV2") if name in always]
    assert len(aws("scheduler").list_schedules()["Schedules"]) == 2 * len(scheduled)
    for stage, resources_of in stages.items():
        inner = aws("cloudformation").describe_stack_resources(StackName=resources_of["Identity"])["StackResources"]
        asked_for = {"HasConsole", "HasSignInDomain"}  # and neither was
        wanted = {
            name for name, one in nested()["Identity"]["Resources"].items() if one.get("Condition") not in asked_for
        }
        assert {one["LogicalResourceId"] for one in inner} == wanted
        outputs = aws("cloudformation").describe_stacks(StackName=f"countersign-{stage}")["Stacks"][0]["Outputs"]
        assert {"UserPoolId", "SignInUrl", "CallbackUrl"} <= {one["OutputKey"] for one in outputs}


def test_a_stack_moves_to_a_restored_table(
    stages: dict[str, dict[str, str]], deploy: Callable[..., None], aws: Callable[[str], Any]
) -> None:
    """The drill of docs/operations.md, as far as the local cloud goes."""
    dynamodb, old = aws("dynamodb"), stages["dev"]["OrdersTable"]
    row = {"pk": {"S": "ORDER#wechat#shop#A-1"}, "sk": {"S": "ORDER"}}
    dynamodb.put_item(TableName=old, Item=row)
    dynamodb.restore_table_to_point_in_time(
        SourceTableName=old, TargetTableName="restored", UseLatestRestorableTime=True
    )
    wanted = resources("AWS::DynamoDB::Table")["OrdersTable"]
    dynamodb.update_table(
        TableName="restored",
        StreamSpecification={"StreamEnabled": True, **wanted["StreamSpecification"]},
        DeletionProtectionEnabled=True,
    )
    table = dynamodb.describe_table(TableName="restored")["Table"]

    deploy(
        "dev", "Stage=dev", f"OrdersTableArn={table['TableArn']}", f"OrdersTableStreamArn={table['LatestStreamArn']}"
    )

    configured = {
        name: aws("lambda").get_function_configuration(FunctionName=stages["dev"][name])["Environment"]["Variables"]
        for name in ROOTS_OWN
    }
    assert {name: variables["TABLE_NAME"] for name, variables in configured.items()} == dict.fromkeys(
        ROOTS_OWN, "restored"
    )
    mappings = aws("lambda").list_event_source_mappings(FunctionName=stages["dev"]["Publish"])["EventSourceMappings"]
    assert [mapping["EventSourceArn"] for mapping in mappings] == [table["LatestStreamArn"]]
    # The stack lets the old table go without deleting it, and the other stage keeps its own.
    assert dynamodb.get_item(TableName=old, Key=row)["Item"] == row
    assert dynamodb.get_item(TableName="restored", Key=row)["Item"] == row
    for index in wanted["GlobalSecondaryIndexes"]:
        assert index["IndexName"] in {one["IndexName"] for one in table["GlobalSecondaryIndexes"]}
