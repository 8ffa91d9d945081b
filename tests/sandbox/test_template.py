"""What the sandbox reads from a template, and what it makes of account folders."""

import json
from pathlib import Path

import pytest

from sandbox.template import Template, TemplateError
from sandbox.testing import ROOT, LocalCloud, running_sandbox

TEMPLATE = Path(__file__).with_name("template.yaml")

TEXT = """
Parameters:
  Name: { Type: String, Default: plain }
  Names: { Type: CommaDelimitedList, Default: "a, b" }
Conditions:
  Plain: !Equals [!Ref Name, plain]
  Other: !Not [!Condition Plain]
  Either: !Or [!Condition Plain, !Condition Other]
Mappings:
  Sizes: { eu: { big: 9 } }
Globals:
  Function: { Timeout: 4, Environment: { Variables: { SHARED: yes-please } } }
Resources:
  Thing: { Type: AWS::SQS::Queue }
  Absent: { Type: AWS::SQS::Queue, Condition: Other }
  Worker:
    Type: AWS::Serverless::Function
    Properties: { CodeUri: here, Environment: { Variables: { OWN: !Ref Name } } }
"""


@pytest.fixture
def template(tmp_path: Path) -> Template:
    path = tmp_path / "template.yaml"
    path.write_text(TEXT)
    return Template(path, {})


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"Ref": "Name"}, "plain"),
        ({"Ref": "Names"}, ["a", "b"]),
        ({"Ref": "AWS::Partition"}, "aws"),
        ({"Fn::Sub": "${Name}-${AWS::Region}-${!QuarantinedMessage}"}, "plain-us-east-1-${QuarantinedMessage}"),
        ({"Fn::Sub": ["${x}/${Thing.Arn}", {"x": {"Ref": "Name"}}]}, "plain/Thing.Arn"),
        ({"Fn::If": ["Plain", 1, 2]}, 1),
        ({"Fn::If": ["Other", 1, 2]}, 2),
        ({"Fn::Join": ["-", ["a", {"Ref": "Name"}]]}, "a-plain"),
        ({"Fn::Select": [1, {"Fn::Split": [",", "a,b"]}]}, "b"),
        ({"Fn::FindInMap": ["Sizes", "eu", "big"]}, 9),
        ({"Fn::GetAtt": ["Thing", "Arn"]}, "Thing.Arn"),
        ({"a": {"Ref": "AWS::NoValue"}, "b": [{"Ref": "AWS::NoValue"}, 1]}, {"b": [1]}),
        ({"Fn::And": [{"Condition": "Plain"}, {"Condition": "Either"}]}, True),
    ],
)
def test_functions_of_the_template_are_resolved(template: Template, value: object, expected: object) -> None:
    assert template.resolve(value) == expected


def test_what_is_unknown_is_named(template: Template) -> None:
    with pytest.raises(TemplateError, match="Fn::Cidr"):
        template.resolve({"Fn::Cidr": ["10.0.0.0/16"]})
    with pytest.raises(TemplateError, match="declares no Nothing"):
        template.resolve({"Fn::GetAtt": ["Nothing", "Arn"]})


def test_conditions_decide_which_resources_exist(template: Template) -> None:
    assert set(template.resources("AWS::SQS::Queue")) == {"Thing"}


def test_globals_are_merged_into_functions(template: Template) -> None:
    worker = template.resolve(template.resources("AWS::Serverless::Function")["Worker"])

    assert worker["Timeout"] == 4
    assert worker["Environment"]["Variables"] == {"SHARED": "yes-please", "OWN": "plain"}


def test_a_nested_application_is_read_from_its_own_file(tmp_path: Path) -> None:
    (tmp_path / "inner.yaml").write_text(
        "Parameters: { Size: { Type: Number } }\n"
        "Resources: { Thing: { Type: AWS::SQS::Queue } }\n"
        "Outputs: { Name: { Value: !Sub 'inner-${Size}' } }\n"
    )
    (tmp_path / "outer.yaml").write_text(
        "Parameters: { Size: { Type: Number, Default: 3 }, With: { Type: String, Default: yes-please } }\n"
        "Conditions: { Has: !Equals [!Ref With, yes-please] }\n"
        "Resources:\n"
        "  Inner:\n"
        "    Type: AWS::Serverless::Application\n"
        "    Condition: Has\n"
        "    Properties: { Location: inner.yaml, Parameters: { Size: !Ref Size } }\n"
    )
    outer = Template(tmp_path / "outer.yaml", {})

    assert outer.resolve({"Fn::GetAtt": ["Inner", "Outputs.Name"]}) == "inner-3"
    assert set(outer.applications()["Inner"].resources("AWS::SQS::Queue")) == {"Thing"}
    assert Template(tmp_path / "outer.yaml", {"With": "no"}).applications() == {}


def test_a_route_of_two_apis_cannot_share_the_sandboxs_port(tmp_path: Path, cloud: LocalCloud) -> None:
    path = tmp_path / "template.yaml"
    path.write_text(
        "Resources:\n"
        "  A: { Type: AWS::Serverless::HttpApi }\n"
        "  B: { Type: AWS::Serverless::HttpApi }\n"
        "  F:\n"
        "    Type: AWS::Serverless::Function\n"
        "    Properties:\n"
        "      CodeUri: here\n"
        "      Handler: app.handler\n"
        "      Events:\n"
        "        One: { Type: HttpApi, Properties: { ApiId: !Ref A, Method: GET, Path: /x } }\n"
        "        Two: { Type: HttpApi, Properties: { ApiId: !Ref B, Method: GET, Path: /x } }\n"
    )

    with pytest.raises(TemplateError, match="two APIs serve GET /x"):
        cloud.stack(path)


def test_the_real_template_has_its_identity_where_no_issuer_is_given() -> None:
    own = Template(ROOT / "template.yaml", {"Stage": "test"})

    identity = own.applications()["Identity"]
    (api,) = [auth for auth in own.resources("AWS::Serverless::HttpApi").values() if "Auth" in auth]
    jwt = own.resolve(api["Auth"])["Authorizers"]["Jwt"]["JwtConfiguration"]

    assert set(identity.resources("AWS::Cognito::UserPoolClient")) == {"MachineClient", "PeopleClient"}
    assert jwt["issuer"].startswith("https://cognito-idp.us-east-1.amazonaws.com/")
    assert jwt["audience"] == ["MachineClient", "PeopleClient"]
    assert Template(ROOT / "template.yaml", {"Stage": "test", "JwtIssuer": "other"}).applications().keys() == {"Shops"}


def test_the_real_template_comes_up_whole(cloud: LocalCloud) -> None:
    stack = cloud.stack()

    for function in stack.functions.values():
        assert Path(function.folder, "app.py").is_file()
        assert stack.environment(function.name)["TABLE_NAME"] == stack.refs["OrdersTable"]
    described = stack.plane.call("dynamodb", "DescribeTable", TableName=stack.refs["OrdersTable"])["Table"]
    assert {index["IndexName"] for index in described["GlobalSecondaryIndexes"]} >= {"due", "by_account"}


def test_the_real_functions_start() -> None:
    with running_sandbox() as sandbox:
        answer = sandbox.api("GET", "/openapi.json")

        assert answer.status == 200, answer.body
        assert answer.json()["openapi"].startswith("3.1")


def test_accounts_of_a_folder_are_completed_and_stored(tmp_path: Path) -> None:
    (tmp_path / "wechat").mkdir()
    (tmp_path / "elsewhere" / "deep").mkdir(parents=True)
    (tmp_path / "wechat" / "shop-1.json").write_text('{"mchid": "1900000001", "appid": "wx0", "note": "kept"}')
    (tmp_path / "elsewhere" / "deep" / "er.json").write_text('{"as": "it is"}')

    with running_sandbox(tmp_path, TEMPLATE) as sandbox:
        plane = sandbox.data_plane()

        def secret(name: str) -> dict[str, object]:
            found = plane.call("secretsmanager", "GetSecretValue", SecretId=f"countersign/sandbox/{name}")
            return json.loads(found["SecretString"])

        assert secret("elsewhere/deep/er") == {"as": "it is"}
        document = secret("wechat/shop-1")
        assert document["note"] == "kept"
        assert document["api_base"] == f"{sandbox.control_url}/wechat"
        assert "accounts: shop-1" in sandbox.output.read_text()


def test_an_account_that_is_not_json_is_named_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "wechat").mkdir()
    (tmp_path / "wechat" / "shop.json").write_text("{")

    with pytest.raises(AssertionError, match=r"shop\.json is not JSON"), running_sandbox(tmp_path, TEMPLATE):
        pass


def test_everything_listens_on_loopback_only() -> None:
    import socket

    with running_sandbox(template=TEMPLATE) as sandbox:
        ports = {sandbox.port, sandbox.port + 1, int(sandbox.data_plane().endpoint.rpartition(":")[2])}
        for port in ports:
            other = socket.socket()
            other.settimeout(1)
            with other:
                assert other.connect_ex(("127.0.0.2", port)) != 0


@pytest.mark.parametrize("module", ["deployment", "gateway", "provision", "runner", "supervisor", "control"])
def test_no_route_function_or_table_is_listed_twice(module: str) -> None:
    text = (ROOT / "sandbox" / f"{module}.py").read_text()

    assert not [name for name in ("/wechat", "/orders", "Wechat", "OrdersTable", "OrdersApi") if name in text]
