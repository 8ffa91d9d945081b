"""What Shopify's official schemas say of a document: an npm package has them, installed when this runs."""

import atexit
import gzip
import json
import os
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

PACKAGES = ("@shopify/dev-mcp@1.16.0", "graphql@16.15.0")
# graphql-js itself says what is wrong with each document and its variables, under each schema.
JUDGE = """
import { readFileSync } from "node:fs";
import { buildClientSchema, getVariableValues, parse, validate } from "./node_modules/graphql/package/index.mjs";
const wanted = JSON.parse(readFileSync(0, "utf-8")), said = {};
for (const [path, cases] of Object.entries(wanted)) {
  const schema = buildClientSchema(JSON.parse(readFileSync(path, "utf-8")));
  for (const [name, { query, variables }] of Object.entries(cases)) {
    const document = parse(query);
    let errors = validate(schema, document);
    const operation = document.definitions.find((one) => one.kind === "OperationDefinition");
    if (!errors.length && variables)
      errors = getVariableValues(schema, operation.variableDefinitions ?? [], variables).errors ?? [];
    (said[path] ??= {})[name] = errors.map((one) => one.message);
  }
}
console.log(JSON.stringify(said));
"""


class NotInstalledError(Exception):
    """The schemas are not there: npm is missing, or cannot reach its registry."""


@cache
def installed() -> Path:
    """Install the schemas once for this process; raises NotInstalledError."""
    if shutil.which("npm") is None or shutil.which("node") is None:
        raise NotInstalledError("npm or node is missing")
    folder = Path(tempfile.mkdtemp(prefix="schemas-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    # Packed, not installed: nothing of what the packages depend on is needed.
    command = ["npm", "pack", "--silent", "--prefer-offline", "--pack-destination", str(folder), *PACKAGES]
    environment = {**os.environ, "npm_config_update_notifier": "false"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False, env=environment)
    if done.returncode:
        raise NotInstalledError("npm could not fetch the schemas")
    for packed in folder.glob("*.tgz"):
        name = "graphql" if packed.name.startswith("graphql-") else "schemas"
        with tarfile.open(packed) as archive:
            wanted = [one for one in archive if name == "graphql" or "/dist/data/" in one.name]
            archive.extractall(folder / "node_modules" / name, wanted, filter="data")
    (folder / "judge.mjs").write_text(JUDGE, encoding="utf-8")
    return folder


def judged(cases: Mapping[tuple[str, str], Mapping[str, Any]]) -> dict[tuple[str, str], dict[str, Any]]:
    """Return what graphql-js says of each case under each (API, version); raises NotInstalledError."""
    folder = installed()
    wanted: dict[str, Any] = {}
    for (api, version), by_name in cases.items():
        packed = folder / f"node_modules/schemas/package/dist/data/{api}_{version}.json.gz"
        schema = json.loads(gzip.decompress(packed.read_bytes()))
        path = folder / f"{api}_{version}.json"
        path.write_text(json.dumps(schema.get("data", schema)), encoding="utf-8")
        wanted[str(path)] = by_name
    done = subprocess.run(
        ["node", "judge.mjs"],
        cwd=folder,
        input=json.dumps(wanted),
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    said = json.loads(done.stdout)
    return {key: said[str(folder / f"{key[0]}_{key[1]}.json")] for key in cases}
