"""What CloudFormation gets: template.yaml and its nested applications after SAM's transform, as JSON.

Run by an interpreter that has the SAM CLI: `.venv-sam/bin/python tools/transformed.py` prints `{file: template}`;
with `--count` it prints how many resources each stack has, and fails when the root nears CloudFormation's 500.
"""

import json
import logging
import os
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
MOST = 450  # CloudFormation allows 500 in one stack: alarms are an application of their own, the rest is room


def transformed(path: Path) -> dict[str, dict[str, Any]]:
    """Return a template and what is nested in it by file name, each as CloudFormation gets it."""
    os.environ.setdefault("AWS_DEFAULT_REGION", "eu-central-1")
    logging.getLogger("samtranslator.metrics").setLevel(logging.ERROR)  # it counts what a domain takes, for AWS alone
    from samtranslator.parser.parser import Parser
    from samtranslator.translator.translator import Translator
    from samtranslator.yaml_helper import yaml_parse

    template = yaml_parse(path.read_text(encoding="utf-8"))
    found: dict[str, dict[str, Any]] = {}
    for resource in template["Resources"].values():
        properties = resource.get("Properties", {})
        if resource["Type"] == "AWS::Serverless::Application":
            found |= transformed(path.parent / properties["Location"])
        for name in ("CodeUri", "ContentUri", "Location"):  # what `sam deploy` uploads before the transform
            if isinstance(properties.get(name), str):
                properties[name] = "https://bucket.s3.amazonaws.com/key" if name == "Location" else "s3://bucket/key"
    if "Transform" in template:
        template = Translator({}, Parser()).translate(template, parameter_values={})
    return {path.name: template, **found}


def main() -> int:
    """Print the templates, or their counts."""
    templates = transformed(ROOT / "template.yaml")
    if sys.argv[1:] != ["--count"]:
        print(json.dumps(templates))
        return 0
    for name, template in templates.items():
        print(f"{name}: {len(template['Resources'])} resources")
    root = len(templates["template.yaml"]["Resources"])
    if root > MOST:
        print(f"more than {MOST} in the root: move a part into an application of its own", file=sys.stderr)
    return 1 if root > MOST else 0


if __name__ == "__main__":
    sys.exit(main())
