"""Brings the whole system up, keeps it up, and takes it down so that nothing is left."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

from sandbox import certificates, parent_watch, simulation
from sandbox import control as control_side
from sandbox.clock import Clock
from sandbox.dataplane import Ministack
from sandbox.deployment import Deployer, subscribe
from sandbox.desk.desk import Desk, sender
from sandbox.desk.hands import Wire
from sandbox.desk.seed import sow
from sandbox.inbox import Inbox
from sandbox.provision import Provisioner, make_queue
from sandbox.queues import Queues
from sandbox.signin import SCOPES, SignIn
from sandbox.template import ACCOUNT, OPERATORS_OUTPUTS, Template
from sandbox.tokens import AUDIENCE, ForeignIssuer, Issuer

ROOT = Path(__file__).resolve().parent.parent
STAGE = "sandbox"
TRUST_STORE = ("sandbox-trust", "shopify.pem")


class Supervisor:
    """One running sandbox."""

    def __init__(self, port: int, accounts: Path | None, template: Path, *, foreign: bool = False) -> None:
        self._foreign = foreign
        self._accounts, self._template = accounts, template
        self.port = port
        self._api, self._own, self._internal = _listen(port), _listen(port + 1), _listen(0)
        self._console = _listen(port + 2)  # pages for people
        self._mutual = _listen(port + 3)  # https, for who shows a certificate
        self.api_url, self.control_url = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{port + 1}"
        self.console_url = f"http://127.0.0.1:{port + 2}"
        self.state = ROOT / ".sandbox" / str(port)
        self._runner: subprocess.Popen[bytes] | None = None
        self._ministack: Ministack | None = None

    def start(self) -> dict[str, list[str]]:
        """Start everything; returns the accounts' names per platform once the API answers."""
        shutil.rmtree(self.state, ignore_errors=True)
        self.state.mkdir(parents=True)
        parent_watch.adopt_orphans()
        self._ministack = Ministack(self.state)
        clock = Clock(self.state / "clock")
        inbox = Inbox(clock.now)
        kind = ForeignIssuer if self._foreign else Issuer
        issuer = kind(f"{self.control_url}/issuer", self.state / "issuer.pem")
        self._control = control_side.Control(self.state, clock, inbox, issuer)
        self._control.runner_port = self._internal.getsockname()[1]
        self._control.kill_runner = self._kill_runner
        self._control.certificates = certificates.make(self.state)
        self._control.sign_in = SignIn(issuer, clock.now, f"http://127.0.0.1:{self.port + 2}")
        _background(control_side.serve(self._control, self._own).serve_forever)
        documents = simulation.accounts(self._accounts, self.control_url)
        plane = self._ministack.wait_ready()
        # What the door believes callers by, where a deployed one has it.
        plane.put_object(*TRUST_STORE, (self.state / "mtls-ca.pem").read_bytes())

        parameters = {
            "Stage": STAGE,
            "PublicBaseUrl": self.api_url,
            "JwtIssuer": f"{self.control_url}/issuer",
            "JwtAudience": AUDIENCE,
            "TrustedWebhookOrigins": self.control_url,
            "PaymentsAppDomain": f"127.0.0.1:{self.port + 3}",
            "PaymentsAppTrustStoreBucket": TRUST_STORE[0],
            "PaymentsAppTrustStoreObject": TRUST_STORE[1],
            "ConsoleUrl": self.console_url,
            "ConsoleClientId": "sandbox-console",
            "ConsoleAuthorizeUrl": f"{self.control_url}/issuer/oauth2/authorize",
            "ConsoleExchangeUrl": f"{self.control_url}/issuer/oauth2/token",
            "ConsoleRevokeUrl": f"{self.control_url}/issuer/oauth2/revoke",
            "ConsoleLogoutUrl": f"{self.control_url}/issuer/logout",
            "ConsoleScopes": " ".join(SCOPES),
            **(ForeignIssuer.parameters if self._foreign else {}),
        }
        template = Template(self._template, parameters)
        provisioner = Provisioner(template, plane, "sandbox-", self.api_url)
        provisioner.everything()
        Deployer(template, plane, "sandbox-").deploy().save(self.state / "deployment.json")
        simulation.store(plane, STAGE, documents)
        everything = make_queue(plane, "sandbox-inbox", {})
        for bus in [
            "default",
            *(provisioner.attributes(name)["Ref"] for name in template.resources("AWS::Events::EventBus")),
        ]:
            subscribe(plane, bus, "sandbox-inbox", {"account": [ACCOUNT]}, everything["Arn"])

        self._control.plane = {
            "endpoint": plane.endpoint,
            "stage": STAGE,
            "outputs": {
                output: provisioner.attributes(resource)["Ref"]
                for output, kind, resource in OPERATORS_OUTPUTS
                if resource in template.resources(kind)
            },
        }
        self._control.queues = Queues(plane, clock)
        self._control.simulators = simulation.make(documents, clock, inbox, self.api_url, self.state)
        for simulator in self._control.simulators.values():
            simulator.start()
        _background(self._control.queues.release_for_ever)
        inbox.mails_from(plane)
        _background(inbox.watch, plane, everything["Ref"])
        settings = {"data_plane": plane.endpoint, "queues": f"{self.control_url}/_sqs", "port": self.port}
        (self.state / "settings.json").write_text(json.dumps(settings), encoding="utf-8")
        self.desk = Desk(
            Wire(self.api_url, self.control_url, sender()), documents, f"http://127.0.0.1:{self.port + 2}/"
        )
        self._control.desk = self.desk
        self._start_runner()
        self._wait_for_runner()
        self._control.ready = True
        return {platform: sorted(names) for platform, names in documents.items()}

    def run(self) -> None:
        """Keep the runner alive until a signal ends us."""
        while self._runner and self._ministack:
            try:
                ended = self._runner.wait(timeout=0.5)
            except subprocess.TimeoutExpired:
                pass
            else:
                print(f"the runner ended ({ended}); another one is started", flush=True)
                if ended != -signal.SIGKILL:
                    time.sleep(1)  # it failed by itself and may well do so again
                self._start_runner()
            if self._ministack.process.poll() is not None:
                raise RuntimeError(f"the data plane ended; see {self.state / 'ministack.log'}")
            parent_watch.reap_orphans({self._runner.pid, self._ministack.process.pid})

    def stop(self) -> None:
        """End everything that was started."""
        control = getattr(self, "_control", None)
        for simulator in control.simulators.values() if control else ():
            simulator.stop()
        if self._runner:
            self._runner.kill()
            self._runner.wait()
        if self._ministack:
            self._ministack.stop()
        end = time.monotonic() + 2  # functions die with their runner; as their adopted parent we see that they did
        while time.monotonic() < end and parent_watch.has_children():
            parent_watch.reap_orphans(set())
            time.sleep(0.01)
        shutil.rmtree(self.state / "tmp", ignore_errors=True)

    def _start_runner(self) -> None:
        sockets = tuple(one.fileno() for one in (self._api, self._internal, self._mutual, self._console))
        command = [sys.executable, "-m", "sandbox.runner", str(self.state), *map(str, sockets)]
        self._runner = subprocess.Popen(
            command,
            cwd=ROOT,
            env=parent_watch.watched(),
            stdin=subprocess.DEVNULL,
            pass_fds=sockets,
            process_group=0,
        )

    def _wait_for_runner(self, seconds: float = 20) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end and self._runner and self._runner.poll() is None:
            connection = http.client.HTTPConnection("127.0.0.1", self._control.runner_port, timeout=seconds)
            try:
                connection.request("GET", "/healthz")
                if connection.getresponse().status == 200:
                    return
            except (OSError, http.client.HTTPException):
                time.sleep(0.05)
            finally:
                connection.close()
        raise RuntimeError("the runner did not start")

    def _kill_runner(self) -> int:
        if self._runner is None:
            return 0
        pid = self._runner.pid
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        return pid


def _background(work: object, *arguments: object) -> None:
    threading.Thread(target=work, args=arguments, daemon=True).start()  # type: ignore[arg-type]


def _listen(port: int) -> socket.socket:
    try:
        return socket.create_server(("127.0.0.1", port), backlog=512)
    except (OSError, OverflowError) as error:
        reason = error.strerror if isinstance(error, OSError) else "there is no such port"
        sys.exit(f"port {port} of 127.0.0.1 cannot be used: {reason}. Choose another with PORT=...")


def _end(*_: object) -> None:
    raise KeyboardInterrupt


def run(
    port: int, accounts: Path | None, template: Path, *, quiet: bool, foreign: bool = False, seed: bool = False
) -> int:
    """Run a sandbox until Ctrl-C or SIGTERM."""
    signal.signal(signal.SIGTERM, _end)
    signal.signal(signal.SIGINT, _end)
    supervisor = Supervisor(port, accounts, template, foreign=foreign)
    try:
        names = supervisor.start()
        if not quiet:
            _greet(supervisor, names)
        if seed:
            _background(lambda: print(sow(supervisor.desk), flush=True))
        supervisor.run()
    except KeyboardInterrupt:
        return 0
    except RuntimeError as error:
        print(error, file=sys.stderr)
        return 1
    else:
        return 0
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        supervisor.stop()


def _greet(supervisor: Supervisor, names: dict[str, list[str]]) -> None:
    print(f"Open {supervisor.control_url}/  — buy something, break something, watch it be explained")
    print(f"API          {supervisor.api_url}")
    print(f"console      {supervisor.console_url}   (pages for people)")
    print(f"control      {supervisor.control_url}   (/healthz /clock /token /inbox /faults /calls /kill)")
    print(f"mTLS         https://127.0.0.1:{supervisor.port + 3}   (certificates: GET /mtls of control)")
    for platform, accounts in names.items():
        if accounts:
            print(f"{platform:12} {supervisor.control_url}/{platform}   accounts: {', '.join(accounts)}")
    if others := [platform for platform, accounts in names.items() if not accounts]:
        print(f"also         {', '.join(others)}   (they belong to the accounts above)")
    print(f"logs         {supervisor.state.relative_to(ROOT) / 'logs'}")
    print("Ctrl-C ends it.", flush=True)
