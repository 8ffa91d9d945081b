"""Write the typed Python client from the OpenAPI document, and what the command line knows of what is deployed.

`python tools/make_client.py [--check]`.

It is one module without dependencies (`clients/python/countersign_client.py`), made of what `tools/make_openapi.py`
writes: a method for each operation, a TypedDict for each body, and below them the few lines that speak HTTP.
"""

import json
import keyword
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
DOCUMENT = ROOT / "layers/common/countersign/api/openapi.json"
TARGET = ROOT / "clients/python/countersign_client.py"
DEPLOYED = ROOT / "cli/countersign_cli/deployed.py"
TRANSPORT = ROOT / "clients/python/transport.py.txt"
PLAIN = {"string": "str", "integer": "int", "number": "float", "boolean": "bool", "null": "None"}
NO_BODIES = frozenset({"Problem", "Gateway"})
NO_PARAMETERS = frozenset({"accept"})  # headers that a parameter of the query does better
Json = dict[str, Any]


def client() -> str:
    """Return the module."""
    document = json.loads(DOCUMENT.read_text(encoding="utf-8"))
    bodies = [
        _body(name, schema) for name, schema in document["components"]["schemas"].items() if name not in NO_BODIES
    ]
    methods = [
        _method(verb, path, operation)
        for path, operations in document["paths"].items()
        for verb, operation in operations.items()
    ]
    head = TRANSPORT.read_text(encoding="utf-8")
    made = head.replace("# BODIES\n", "\n\n".join(bodies) + "\n").replace("    # METHODS\n", "\n".join(methods))
    return _formatted(made)


def _formatted(text: str) -> str:
    run = [sys.executable, "-m", "ruff"]
    where = ["--stdin-filename", str(TARGET)]
    return subprocess.run(  # noqa: S603 - our own tool on our own text
        [*run, "format", *where, "-"], input=text, capture_output=True, text=True, check=True, cwd=ROOT
    ).stdout


def _body(name: str, schema: Json) -> str:
    required, members = schema.get("required", []), schema.get("properties", {})
    if any(map(keyword.iskeyword, members)):  # `from` can be no attribute of a class
        kinds = {member: _type(of) for member, of in members.items()}
        fields = ", ".join(
            f'"{member}": {f"Required[{kind}]" if member in required else kind}' for member, kind in kinds.items()
        )
        return f'# {_first_line(schema, name)}\n{name} = TypedDict("{name}", {{{fields}}}, total=False)\n'
    lines = [f"class {name}(TypedDict, total=False):", f'    """{_first_line(schema, name)}"""', ""]
    for member, of in members.items():
        kind = _type(of)
        lines.append(f"    {member}: {f'Required[{kind}]' if member in required else kind}")
    return "\n".join(lines) + "\n"


def _first_line(of: Json, otherwise: str) -> str:
    text = str(of.get("description") or otherwise).split("\n\n")[0].replace("\n", " ").replace("\\", "\\\\")
    return text if text.endswith((".", "?", "!")) else f"{text}."


def _type(schema: Json) -> str:
    if "$ref" in schema:
        return str(schema["$ref"].rsplit("/", 1)[1])
    if "anyOf" in schema:
        return " | ".join(dict.fromkeys(_type(one) for one in schema["anyOf"]))
    if "enum" in schema or "const" in schema:
        words = schema.get("enum") or [schema["const"]]
        return f"Literal[{', '.join(map(json.dumps, words))}]"
    match schema.get("type"):
        case "array":
            return f"list[{_type(schema.get('items', {}))}]"
        case "object":
            further = schema.get("additionalProperties")
            return f"dict[str, {_type(further) if isinstance(further, dict) else 'Any'}]"
        case str() as plain:
            return PLAIN[plain]
    return "Any"


def _method(verb: str, path: str, operation: Json) -> str:
    parameters = [one for one in operation.get("parameters", []) if one["name"] not in NO_PARAMETERS]
    names = [one["name"] for one in parameters if one["in"] == "path"]
    further = sorted((one for one in parameters if one["in"] != "path"), key=lambda one: not one["required"])
    body = operation.get("requestBody")
    arguments = ["self", *(f"{name}: str" for name in names)]
    if body:
        kind = _type(body["content"]["application/json"]["schema"])
        arguments.append(f"body: {kind}" if body.get("required") else f"body: {_or_none(kind)} = None")
    if further:
        arguments.append("*")
    for one in further:
        kind = _type(one["schema"])
        arguments.append(f"{_name(one['name'])}: {kind if one['required'] else _or_none(kind) + ' = None'}")
    filled = path
    for name in names:
        filled = filled.replace("{" + name + "}", "{_part(" + name + ")}")
    queries = {one["name"]: _name(one["name"]) for one in further if one["in"] == "query"}
    headers = {one["name"]: _name(one["name"]) for one in further if one["in"] == "header"}
    said = [f'"{verb.upper()}"', f'{"f" if names else ""}"{filled}"']
    said += ["body=body"] if body else []
    said += [f"{kind}={{{', '.join(f'{json.dumps(name)}: {given}' for name, given in some.items())}}}"
             for kind, some in (("query", queries), ("headers", headers)) if some]  # fmt: skip
    scope = "".join(operation["security"][0]["bearer"]) or "any token"
    return (
        f"    def {operation['operationId']}({', '.join(arguments)}) -> Reply:\n"
        f'        """{_first_line(operation, operation["operationId"])}\n\n        Needs {scope}.\n        """\n'
        f"        return self.request({', '.join(said)})\n"
    )


def _name(name: str) -> str:
    plain = name.replace("-", "_")
    return f"{plain}_" if keyword.iskeyword(plain) else plain


def _or_none(kind: str) -> str:
    return kind if "None" in kind.split(" | ") else f"{kind} | None"


def deployed() -> str:
    """Return what the command line must know of the functions, which are not there where it is installed."""
    apps = {path.parent.name: path.read_text(encoding="utf-8") for path in ROOT.glob("functions/*/app.py")}
    owners = {
        literal[1] if (literal := re.search(r'DueList\.from_environment\("(\w+)"\)', source)) else name
        for name, source in apps.items()
        if "DueList.from_environment(" in source
    }
    platforms = {name.removesuffix("_redrive") for name in apps if name.endswith("_redrive")}
    return _formatted(
        '"""What is deployed, written by tools/make_client.py from functions/."""\n\n'
        f"# Whose shards of the due list there are.\nOWNERS = {tuple(sorted(owners))!r}\n"
        f"# Whose quarantined news can be taken in again.\nREDRIVEN = {tuple(sorted(platforms))!r}\n"
    )


def main() -> int:
    """Write both, or tell whether one that is kept is old."""
    written = {TARGET: client(), DEPLOYED: deployed()}
    if "--check" in sys.argv[1:]:
        return int(any(path.read_text(encoding="utf-8") != made for path, made in written.items()))
    for path, text in written.items():
        path.write_text(text, encoding="utf-8")
    made = written[TARGET]
    print(f"{TARGET.relative_to(ROOT)}: {made.count('-> Reply:') - 1} operations")
    return 0


if __name__ == "__main__":
    sys.exit(main())
