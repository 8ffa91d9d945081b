"""Try the published contract: requests are made of the OpenAPI document, and the sandbox's answers held against it.

`make contract` runs it, with schemathesis in an environment of its own (`.venv-contract`). Each operation is called
with what its schemas allow and with what they do not; no answer may be a server's error, or have a status, a content
type or a shape that the document does not have. Without schemathesis nothing was tried: it says so and fails.
"""

import argparse
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT)]

from sandbox.testing import Sandbox, running_sandbox  # noqa: E402

DOCUMENT = ROOT / "layers/common/countersign/api/openapi.json"
SCHEMATHESIS = ROOT / ".venv-contract/bin/schemathesis"
SCOPES = ("payments:write", "orders:read", "orders:ship", "refunds:request", "refunds:approve", "evidence:read",
          "payments:link", "operate")  # fmt: skip
CHECKS = ("not_a_server_error", "status_code_conformance", "content_type_conformance", "response_schema_conformance")
EXAMPLES = 10  # of each operation, beside one for each edge of its schemas
HOURS = 12  # that the token lives: longer than the slowest machine takes


def arguments(sandbox: Sandbox, examples: int) -> list[str]:
    """Return what schemathesis is told: the same requests each time, by a person who may do everything."""
    token = sandbox.token(*SCOPES, subject="anna", expires_in=HOURS * 3600)
    return [
        *("run", str(DOCUMENT), "--url", sandbox.base_url, "--header", f"Authorization: Bearer {token}"),
        *("--checks", ",".join(CHECKS), "--phases", "coverage,fuzzing", "--max-examples", str(examples)),
        *("--generation-deterministic", "--continue-on-failure", "--warnings", "off"),
    ]


def main(given: list[str] | None = None) -> int:
    """Try it; returns 0 where every answer is as the document says, 2 where schemathesis is absent."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--examples", type=int, default=EXAMPLES, help="of each operation (default: %(default)s)")
    examples = parser.parse_args(given).examples
    if not SCHEMATHESIS.exists():
        print(f"{SCHEMATHESIS.relative_to(ROOT)} is absent: the contract was not tried. `make contract` installs it.")
        return 2
    with running_sandbox(accounts=ROOT / "tests" / "accounts") as sandbox:
        run = [str(SCHEMATHESIS), *arguments(sandbox, examples)]
        return subprocess.run(run, check=False).returncode  # noqa: S603 - our own tool, by its path


if __name__ == "__main__":
    sys.exit(main())
