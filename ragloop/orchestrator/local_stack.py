"""A Prefect server, a worker and the deployments of prefect.yaml on this machine, for as long as they are wanted.

Prefect runs as processes and is spoken to over HTTP: the core does not import it. Its state lies under the ragloop
home, away from the Prefect that a person may use otherwise.
"""

import logging
import os
import shlex
import socket
import sys
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from ragloop.config import Settings
from ragloop.errors import NotFoundError, UnavailableError, UsageError
from ragloop.orchestrator import access, automations, deployments
from ragloop.orchestrator.names import Names
from ragloop.orchestrator.prefect_api import PrefectApi, without_proxy
from ragloop.orchestrator.processes import Processes
from ragloop.orchestrator.project import prefect_file, project_root

log = logging.getLogger(__name__)
HOST = "127.0.0.1"
START_TIMEOUT_S = 180.0
_AUTH = "PREFECT_SERVER_API_AUTH_STRING"
_HANDED_ON = (
    "PREFECT_LOGGING_",
    # What protects a server, and how its services work: settings of an operator, that name no other Prefect.
    "PREFECT_SERVER_CSRF_",
    "PREFECT_SERVER_API_CSRF_",
    "PREFECT_SERVER_CORS_",
    "PREFECT_SERVER_API_CORS_",
    "PREFECT_SERVER_SERVICES_",
    "PREFECT_SERVER_EVENTS_RETENTION_PERIOD",
    "PREFECT_EVENTS_RETENTION_PERIOD",
)
_TERMINAL = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")


@dataclass(frozen=True)
class FlowRun:
    """Where a flow run stands. `state_type` is one of Prefect's, `message` what the flow reports."""

    run_id: str
    name: str
    state_type: str
    state_name: str
    message: str
    url: str

    @property
    def ended(self) -> bool:
        return self.state_type in _TERMINAL


class LocalStack:
    """Server, worker and deployments of one home, up inside the `with` block.

    `config` is the file that the settings were read from. `port` 0 chooses a free one. Raises UsageError where the port
    is taken, NotFoundError where prefect.yaml is not there, UnavailableError where Prefect does not come up.
    """

    def __init__(self, settings: Settings, *, config: Path | None = None, port: int = 0) -> None:
        self.project = project_root()
        self._prefect_file = prefect_file(self.project, config)
        self.home, self.names, self._notify = (
            settings.home.expanduser().resolve(),
            Names.of(settings),
            settings.notify.block,
        )
        self._settings = settings
        self._port = _free_port() if port == 0 else _unused(port)
        self._auth = os.environ.get(_AUTH) or access.kept_string(self.home) or access.new_string()
        self.api = PrefectApi(self.api_url, authorization=access.basic(self._auth))
        # The worker here takes trainings too, whoever does so on other servers.
        own_pool = {"RAGLOOP_PREFECT__TRAINING_POOL": self.names.pool}
        self._variables = {**deployments.variables(settings, config), **own_pool}
        self._environment = self._make_environment()
        self.processes = Processes()
        self._claim: IO[str] | None = None

    @property
    def ui_url(self) -> str:
        return f"http://{HOST}:{self._port}"

    @property
    def api_url(self) -> str:
        return f"{self.ui_url}/api"

    @property
    def login(self) -> str:
        """How a person logs in to the UI, without the string itself: what is said may be kept in a log."""
        return f"log in to the UI with the line in {access.string_file(self.home)}"

    @property
    def exports(self) -> str:
        """The lines that let Prefect's own commands speak to this server; the shell reads the string from its file."""
        file = shlex.quote(str(access.string_file(self.home)))
        return f'export PREFECT_API_URL={self.api_url}\nexport PREFECT_API_AUTH_STRING="$(cat {file})"'

    @property
    def client_environment(self) -> dict[str, str]:
        """The variables of a process that speaks to this server."""
        return dict(self._environment)

    def _make_environment(self) -> dict[str, str]:
        """Return the variables of this process without those that name another Prefect."""
        inherited = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith("PREFECT_") or name.startswith(_HANDED_ON)
        }
        ours = {
            **{name: value for name, value in self._variables.items() if value},
            **without_proxy(os.environ),
            "PREFECT_HOME": str(self.home / "prefect"),
            "PREFECT_API_URL": self.api_url,
            # Without it the UI calls the default port, whatever port the server listens on.
            "PREFECT_UI_URL": self.ui_url,
            _AUTH: self._auth,
            "PREFECT_API_AUTH_STRING": self._auth,
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "DO_NOT_TRACK": "1",
            "PREFECT_CLI_PROMPT": "false",
            "PREFECT_WORKER_QUERY_SECONDS": "2",
            "PYTHONUNBUFFERED": "1",
        }
        # Flows work in the folder of prefect.yaml, where a relative place would be another one.
        cache = inherited.get("RAGLOOP_CACHE")
        named = {"RAGLOOP_CACHE": str(Path(cache).expanduser().resolve())} if cache else {}
        quiet = {"PREFECT_LOGGING_LEVEL": "INFO", "PREFECT_LOGGING_COLORS": "false"}
        # By the older of their names: Prefect prefers the newer one, by which an operator may have set them otherwise.
        protected = {
            "PREFECT_SERVER_CSRF_PROTECTION_ENABLED": "true",
            "PREFECT_SERVER_CORS_ALLOWED_ORIGINS": f"{self.ui_url},http://localhost:{self._port}",
        }
        return {**quiet, **protected, **inherited, **ours, **named}

    # --- up and down ---------------------------------------------------------------------------------------------

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self._stop()
            raise
        return self

    def _stop(self) -> None:
        self.processes.stop()
        if self._claim is not None:
            self._claim.close()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    def _start(self) -> None:
        deployments.must_have_prefect()
        deployments.flows_of(self._prefect_file)  # what is wrong with it is said before anything is started
        self._claim = access.claim(self.home, self.api_url)
        access.keep_string(self.home, self._auth)
        log.info("starting a Prefect server on %s", self.ui_url)
        server = ("server", "start", "--host", HOST, "--port", str(self._port))
        self.processes.start("server", _prefect(*server), self._environment, self.project, aloud=False)
        self._until(lambda: self.api.answers("/health"), "the Prefect server did not answer")
        log.info("deploying prefect.yaml and starting a worker")
        deployments.make_pool(self.api, self.names.pool)
        self._bury()
        worker = ("worker", "start", "--pool", self.names.pool, "--name", self.names.pool, "--type", "process")
        self.processes.start("worker", _prefect(*worker), self._environment, self.project)
        self.deploy()
        self._until(self._worker_is_online, "the worker did not report")

    def _bury(self) -> None:
        """Crash runs of this home that were under way when its last server ended: they would hold their slots."""
        states = {"type": {"any_": ["PENDING", "RUNNING", "PAUSED", "CANCELLING"]}}
        # Of others that use this server, a process may have outlived it.
        under_way = {"flow_runs": {"state": states, "tags": {"all_": [self.names.tag]}}}
        message = "The process of this run ended together with the Prefect server that it reported to."
        crashed = {"state": {"type": "CRASHED", "name": "Crashed", "message": message}, "force": True}
        for run in self.api.call("POST", "/flow_runs/filter", under_way):
            self.api.call("POST", f"/flow_runs/{run['id']}/set_state", crashed)

    def deploy(self) -> None:
        """Apply prefect.yaml and the automations that it cannot hold; again, it changes nothing."""
        flows = deployments.flows_of(self._prefect_file)
        # The database of a home that was moved names the place where it was.
        deployments.must_be_free(self.api, self._settings, flows, take_over=True)
        environment, command = {**self._environment, **self._variables}, deployments.command(self._prefect_file)
        deploying = self.processes.start("deploy", command, environment, self.project, aloud=False)
        self._create_automations()
        self.processes.wait(deploying, deployments.DEPLOY_TIMEOUT_S)

    def watch(self) -> None:
        """Start the watcher of the sources, which rings for their changes."""
        main = "from ragloop.cli.main import main; main()"
        # Where `up` was started, so that it finds the same configuration.
        self.processes.start("watch", [sys.executable, "-c", main, "watch"], self._environment, Path.cwd())

    def serve(self) -> None:
        """Start the service, which says its address: at the port of the settings, or at a free one where that is
        taken."""
        main = "from ragloop.cli.main import main; main()"
        command = [sys.executable, "-c", main, "serve", "--port", str(self._port_of_service())]
        self.processes.start("service", command, self._environment, Path.cwd())

    def _port_of_service(self) -> int:
        port = self._settings.service.port
        with socket.socket() as probe:
            probe.settimeout(1)
            return 0 if probe.connect_ex((HOST, port)) == 0 else port

    def _until(self, true: Callable[[], bool], otherwise: str) -> None:
        deadline = time.monotonic() + START_TIMEOUT_S
        while not true():
            self.processes.check()
            if time.monotonic() > deadline:
                raise UnavailableError(f"{otherwise} within {START_TIMEOUT_S:g} s; the machine may be busy: try again")
            time.sleep(0.2)

    def _create_automations(self) -> None:
        wanted = automations.wanted(self.project, self.names)
        try:
            automations.apply(self.api, self.names, wanted, self._notify)
        except NotFoundError as error:
            # Blocks are made on a server that runs: the first start of one has none yet.
            log.warning("%s", error)
            automations.apply(self.api, self.names, wanted)

    def _worker_is_online(self) -> bool:
        workers = self.api.call("POST", f"/work_pools/{self.names.pool}/workers/filter", {})
        return any(one["status"] == "ONLINE" for one in workers)

    # --- what runs there -----------------------------------------------------------------------------------------

    def run_deployment(
        self, flow: str, parameters: Mapping[str, Any] | None = None, timeout_s: float = 1800
    ) -> FlowRun:
        """Run the deployment of a flow, such as sync-index, on the worker and wait for its end, whatever it is.

        Raises NotFoundError for an unknown flow, UnavailableError where it does not end in time.
        """
        # The key keeps a request that is sent again from making a second run.
        body = {"parameters": dict(parameters or {}), "idempotency_key": uuid.uuid4().hex}
        made = self.api.call("POST", f"/deployments/{self.deployment_id(flow)}/create_flow_run", body)
        return self.wait(made["id"], timeout_s)

    def wait(self, run_id: str, timeout_s: float = 1800) -> FlowRun:
        """Wait until the flow run has ended. Raises UnavailableError where that takes longer or a process has died."""
        deadline = time.monotonic() + timeout_s
        while not (run := self._flow_run(self.api.call("GET", f"/flow_runs/{run_id}"))).ended:
            self.processes.check()
            if time.monotonic() > deadline:
                raise UnavailableError(f"flow run {run.name} is {run.state_name} after {timeout_s:g} s; see {run.url}")
            time.sleep(0.3)
        return run

    def flow_runs(self, flow: str) -> list[FlowRun]:
        """Return the runs of the deployment of a flow that were due until now, newest first."""
        wanted = {"deployments": {"id": {"any_": [self.deployment_id(flow)]}}, "sort": "EXPECTED_START_TIME_DESC"}
        wanted["flow_runs"] = {"expected_start_time": {"before_": datetime.now(UTC).isoformat()}}
        return [self._flow_run(one) for one in self.api.call("POST", "/flow_runs/filter", wanted)]

    def deployment_id(self, flow: str) -> str:
        """Return the id of the deployment of a flow for this home. Raises NotFoundError."""
        try:
            return str(self.api.call("GET", f"/deployments/name/{self.names.deployment(flow)}")["id"])
        except NotFoundError:
            raise NotFoundError(f"found no deployment of {flow}; prefect.yaml lists them") from None

    def _flow_run(self, row: Mapping[str, Any]) -> FlowRun:
        state = row.get("state") or {}
        return FlowRun(
            row["id"],
            row["name"],
            row["state_type"] or "PENDING",
            row["state_name"] or "Pending",
            state.get("message") or "",
            f"{self.ui_url}/runs/flow-run/{row['id']}",
        )


def _prefect(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "prefect", *arguments]


def _unused(port: int) -> int:
    with socket.socket() as probe:
        probe.settimeout(1)
        if probe.connect_ex((HOST, port)) == 0:
            raise UsageError(
                f"something answers on port {port} already; choose another with --port, or 0 for a free one"
            )
    return port


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])
