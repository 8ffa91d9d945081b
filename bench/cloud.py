"""The stub as a process of its own, and the environment in which a function talks to it."""

import contextlib
import http.client
import json
import os
import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import botocore

sys.path.append(str(Path(__file__).resolve().parent.parent))
from vectors import ACCOUNT, APPID, KEY_ID, MCHID, Vectors, self_signed

from sandbox import parent_watch

HERE = Path(__file__).resolve().parent
# The project's code; another checkout can be measured by naming its root.
ROOT = Path(os.environ.get("BENCH_ROOT", HERE.parent)).resolve()
STUB_CPU, CODE_CPU = 0, 1
REGION = "ap-southeast-1"


class Cloud:
    """A running stub."""

    def __init__(self, port: int, certificate: Path | None) -> None:
        self.port = port
        self.certificate = certificate
        self.url = f"https://localhost:{port}" if certificate else f"http://127.0.0.1:{port}"

    def control(self, path: str, content: Any = None) -> Any:
        """Ask the stub itself; its counters come back."""
        context = ssl.create_default_context(cafile=str(self.certificate)) if self.certificate else None
        connection = (
            http.client.HTTPSConnection("localhost", self.port, context=context)
            if context
            else http.client.HTTPConnection("127.0.0.1", self.port)
        )
        with contextlib.closing(connection):
            connection.request("POST", path, json.dumps(content))
            return json.loads(connection.getresponse().read())

    def environment(self, vectors: Vectors) -> dict[str, str]:
        """Return what Lambda and the template give a function, ours and the peer alike."""
        bundle = {"AWS_CA_BUNDLE": str(self.certificate)} if self.certificate else {}
        return {
            "PATH": os.environ.get("PATH", ""),
            "LANG": "en_US.UTF-8",
            "TZ": ":UTC",
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ACCESS_KEY_ID": "ASIAIOSFODNN7EXAMPLE",
            "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
            "AWS_SESSION_TOKEN": "T" * 360,  # Lambda always has one; it makes each request longer
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_EXECUTION_ENV": f"AWS_Lambda_python{sys.version_info[0]}.{sys.version_info[1]}",
            "AWS_LAMBDA_FUNCTION_NAME": "wechat-notify",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1024",
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
            "AWS_ENDPOINT_URL": self.url,
            **bundle,
            "STAGE": "bench",
            "TABLE_NAME": "Orders",
            "PUBLIC_BASE_URL": "",
            "POWERTOOLS_SERVICE_NAME": "countersign-bench",
            "POWERTOOLS_METRICS_NAMESPACE": "Countersign",
            "POWERTOOLS_LOG_LEVEL": "INFO",
            "MCHID": MCHID,
            "APPID": APPID,
            "API_V3_KEY": vectors.api_v3_key,
            "MERCHANT_PRIVATE_KEY": vectors.merchant_private_pem,
            "WECHATPAY_PUBLIC_KEY": vectors.wechat_public_pem,
            "WECHATPAY_PUBLIC_KEY_ID": KEY_ID,
        }


@contextlib.contextmanager
def running(vectors: Vectors, folder: Path, *, tls: bool) -> Iterator[Cloud]:
    """Start the stub with the account's document in it; end it afterwards."""
    arguments, certificate = [], None
    if tls:
        pem, key = self_signed(vectors.wechat_key, "localhost")
        own, private = folder / "stub.pem", folder / "stub.key"
        own.write_text(pem)
        private.write_text(key)
        # A real bundle behind the stub's own root: loading it is part of every first connection to AWS.
        certificate = folder / "bundle.pem"
        certificate.write_text(pem + (Path(botocore.__file__).parent / "cacert.pem").read_text())
        arguments = [str(own), str(private)]
    process = subprocess.Popen(
        [sys.executable, "-P", parent_watch.__file__, str(HERE / "stub.py"), *arguments],
        env=parent_watch.watched(),
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=_on_stub_cpu,
    )
    try:
        assert process.stdout is not None
        cloud = Cloud(int(process.stdout.readline()), certificate)
        cloud.control("/secret", {f"countersign/bench/wechat/{ACCOUNT}": json.dumps(vectors.document)})
        yield cloud
    finally:
        process.kill()
        process.wait()


def adopt(environment: dict[str, str]) -> None:
    """Let this process import and run the function's code as Lambda would."""
    os.environ.update(environment)
    layer = str(ROOT / "layers" / "common")
    if layer not in sys.path:
        sys.path.insert(0, layer)


def pin(cpu: int) -> None:
    """Keep this process on one CPU, where the system can and has it."""
    if hasattr(os, "sched_setaffinity") and cpu in os.sched_getaffinity(0):
        os.sched_setaffinity(0, {cpu})


def _on_stub_cpu() -> None:
    pin(STUB_CPU)
