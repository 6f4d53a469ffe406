"""What no test here can run, read: the image, compose.yaml and what is for Kubernetes.

Files are held against the schemas that packages carry, and against the code: commands, settings, versions, paths.
"""

import json
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import yaml

from ragloop.config import load_settings
from ragloop.orchestrator.names import Names

REPOSITORY = Path(__file__).parents[2]
INFRA = REPOSITORY / "infra"
DOCKERFILE = (INFRA / "docker" / "Dockerfile").read_text(encoding="utf-8")
COMPOSE = yaml.safe_load((INFRA / "compose.yaml").read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
TEMPLATE = json.loads((INFRA / "kubernetes" / "base-job-template.json").read_text(encoding="utf-8"))
VALUES = {
    name: yaml.safe_load((INFRA / "kubernetes" / f"prefect-{name}-values.yaml").read_text(encoding="utf-8"))
    for name in ("server", "worker")
}
BASE = INFRA / "kubernetes" / "base"
KUSTOMIZATION = yaml.safe_load((BASE / "kustomization.yaml").read_text(encoding="utf-8"))
OVERLAY = INFRA / "kubernetes" / "overlays" / "production"
OBJECTS = [one for name in KUSTOMIZATION["resources"] for one in yaml.safe_load_all((BASE / name).read_text("utf-8"))]
PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
OURS = f"ragloop:{PROJECT['version']}"
PREFECT_REDIS = {f"PREFECT_REDIS_MESSAGING_{name}" for name in ("HOST", "PORT", "DB", "USERNAME", "PASSWORD")}
"""Settings of the package prefect-redis, which is in Prefect's image and not installed here."""


def texts() -> dict[str, str]:
    files = [path for path in INFRA.rglob("*") if path.is_file() and "terraform" not in path.parts]
    return {str(path.relative_to(INFRA)): path.read_text(encoding="utf-8") for path in files}


# ---- commands and settings are real -------------------------------------------------------------------------------


def named_pods() -> dict[str, dict[str, Any]]:
    """The pods of Deployments, by what their name says after `ragloop-`."""
    return {
        one["metadata"]["name"].removeprefix("ragloop-"): one["spec"]["template"]["spec"]
        for one in OBJECTS
        if one["kind"] == "Deployment"
    }


def pods() -> list[dict[str, Any]]:
    return list(named_pods().values())


def pods_that_speak_to_prefect() -> list[dict[str, Any]]:
    return [named_pods()["worker"], named_pods()["watcher"]]


def the_object(kind: str, name: str) -> dict[str, Any]:
    (found,) = [one for one in OBJECTS if (one["kind"], one["metadata"]["name"]) == (kind, name)]
    return found


def commands() -> list[list[str]]:
    """Every call of prefect or ragloop in the image and in compose.yaml."""
    listed = [json.loads(found) for found in re.findall(r"^(?:  )?CMD (\[.*\])$", DOCKERFILE, re.MULTILINE)]
    listed += [one["command"] for one in SERVICES.values() if "command" in one]
    listed += [one["args"] for pod in pods() for one in pod["containers"]]
    scripts = [command[-1] for command in listed if command[0] == "sh"]
    scripts += re.findall(r"&& (ragloop .*)$", DOCKERFILE, re.MULTILINE)
    parts = [part for script in scripts for part in re.split(r"\|\||&&|\n|>\s*\S+", script)]
    return [words for words in [*listed, *map(shlex.split, parts)] if words and words[0] in ("prefect", "ragloop")]


@pytest.mark.parametrize("words", [words for words in commands() if words[0] == "prefect"], ids=" ".join)
def test_every_call_of_prefect_is_one_that_it_takes(words: list[str]) -> None:
    from prefect.cli._app import _app as app

    wanted = [word for word in words[1:] if word != "--no-prompt"]
    app.parse_args(wanted, exit_on_error=False, print_error=False)


@pytest.mark.parametrize("words", [words for words in commands() if words[0] == "ragloop"], ids=" ".join)
def test_every_call_of_ragloop_is_one_that_it_takes(words: list[str]) -> None:
    import click
    from typer.main import get_command

    from ragloop.cli.main import app

    command, rest = get_command(app), words[1:]
    while hasattr(command, "resolve_command"):
        context = click.Context(command)
        _, found, rest = command.resolve_command(context, rest)
        assert found is not None
        command = found
    command.make_context(words[-1], rest)


def test_the_calls_are_found() -> None:
    assert len(commands()) >= 8


def test_every_setting_of_prefect_that_is_named_exists() -> None:
    from prefect.settings import Settings
    from prefect.settings.legacy import _get_valid_setting_names

    known = {name.upper() for name in _get_valid_setting_names(Settings)} | PREFECT_REDIS
    ours = {"PREFECT_PUBLIC_URL", "PREFECT_AUTH_STRING"}  # of compose.yaml itself
    named = {name for text in texts().values() for name in re.findall(r"\bPREFECT_[A-Z0-9_]+\b", text)}
    assert named - known - ours == set()


def test_what_containers_are_configured_with_is_a_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in re.findall(r"\b(RAGLOOP_[A-Z_]+)=(\S+)", DOCKERFILE):
        monkeypatch.setenv(name, value)
    settings = load_settings(INFRA / "docker" / "ragloop.toml")
    assert settings.home == Path("/srv/ragloop")
    mounted = [volume.split(":")[-2] for volume in SERVICES["worker"]["volumes"] if volume.endswith(":ro")]
    assert settings.sources[0].uri in mounted
    assert "/etc/ragloop/ragloop.toml" in mounted


# ---- the image ------------------------------------------------------------------------------------------------------


def test_a_change_of_the_code_reaches_only_the_last_layers_of_the_image() -> None:
    packages, rest = DOCKERFILE.split("\nFROM packages AS models")
    assert re.findall(r"^COPY (.+) \./$", packages, re.MULTILINE) == [
        "pyproject.toml requirements.lock requirements-nodeps.lock"
    ]
    run = rest.split(" AS run\n")[1]
    layers = re.findall(r"^(COPY --from=\w+|RUN --mount=type=bind,from=\w+)", run, re.MULTILINE)
    assert layers == ["COPY --from=packages", "COPY --from=models", "RUN --mount=type=bind,from=wheel"]


def test_hadolint_finds_nothing() -> None:
    tool = Path(sys.executable).with_name("hadolint")
    found = subprocess.run([tool, INFRA / "docker" / "Dockerfile"], capture_output=True, text=True)
    assert found.returncode == 0, found.stdout + found.stderr


def test_what_the_image_is_made_of_is_there() -> None:
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE, re.MULTILINE)
    for name in " ".join(copied).split():
        assert (REPOSITORY / name).exists(), name
    let_in = re.findall(r"^!(\S+)$", (INFRA / "docker" / "Dockerfile.dockerignore").read_text(), re.MULTILINE)
    assert [name for name in let_in if not (REPOSITORY / name).exists()] == []
    assert {"ragloop", "flows", "tasks", "prefect.yaml", "setup.py", *copied[0].split()} <= set(let_in)
    extras = re.findall(r"--extra (\S+)", DOCKERFILE)
    assert extras
    assert set(extras) <= set(PROJECT["optional-dependencies"])
    locked = (REPOSITORY / "requirements.lock").read_text()
    for name in re.findall(r"grep '\^([a-z]+)=='", DOCKERFILE):
        assert re.search(rf"^{name}==\S+$", locked, re.MULTILINE), name


def test_the_image_runs_as_nobody_in_particular() -> None:
    _, last = DOCKERFILE.rsplit("\nFROM ", 1)
    assert re.findall(r"^USER (.+)$", last, re.MULTILINE) == ["1001:1001"]
    assert "HEALTHCHECK" in last


# ---- compose.yaml ---------------------------------------------------------------------------------------------------


def test_compose_is_of_the_schema_of_its_specification() -> None:
    tool = Path(sys.executable).with_name("check-jsonschema")
    asked = [tool, "--builtin-schema", "vendor.compose-spec", INFRA / "compose.yaml"]
    found = subprocess.run(asked, capture_output=True, text=True)
    assert found.returncode == 0, found.stdout + found.stderr


def test_every_image_is_pinned_and_prefect_is_the_one_that_is_tested() -> None:
    images = {one["image"] for one in SERVICES.values()}
    images |= set(re.findall(r"^ARG PYTHON_IMAGE=(\S+)$", DOCKERFILE, re.MULTILINE))
    images |= {one["image"] for pod in pods() for one in pod["containers"]}
    images.add(TEMPLATE["variables"]["properties"]["image"]["default"])
    for values in (VALUES["server"]["global"]["prefect"]["image"], VALUES["worker"]["worker"]["image"]):
        images.add(f"{values['repository']}:{values['prefectTag']}")
    for image in images:
        assert re.search(r":\D*\d+\.\d+\.\d+|:RELEASE\.\d{4}|:\d+\.\d+-", image), image
        if image.startswith("prefecthq/prefect:"):
            assert image.startswith(f"prefecthq/prefect:{version('prefect')}-")
        if image.startswith("ragloop:"):
            assert image == OURS


def test_only_what_needs_it_runs_as_root() -> None:
    """The images of PostgreSQL and Redis start as root and drop it themselves."""
    root = {
        name
        for name, one in SERVICES.items()
        if one.get("user", "1001" if one["image"] == OURS else "0").startswith("0")
    }
    assert root == {"own-volume", "postgres", "redis"}
    assert SERVICES["own-volume"]["network_mode"] == "none"


def test_the_root_of_what_we_start_is_read_only_and_has_no_rights_of_root() -> None:
    theirs = {"postgres", "redis"}  # They give up the rights of root after their start.
    for name, one in SERVICES.items():
        assert "mem_limit" in one, name
        if name not in theirs:
            assert one["read_only"] is True, name
            assert one["cap_drop"] == ["ALL"], name
            assert one["tmpfs"] == ["/tmp:mode=1777"], name
    assert {name: one["cap_add"] for name, one in SERVICES.items() if "cap_add" in one} == {"own-volume": ["CHOWN"]}


def test_no_secret_stands_in_the_file() -> None:
    text = (INFRA / "compose.yaml").read_text(encoding="utf-8")
    secret = re.compile(r"^\s+(\w*(?:PASSWORD|SECRET|ACCESS_KEY|ROOT_USER|AUTH_STRING)\w*): (.*)$", re.MULTILINE)
    assert [name for name, value in secret.findall(text) if not value.startswith("${")] == []
    asked = set(re.findall(r"\$\{(\w+)", text))
    example = (INFRA / ".env.example").read_text(encoding="utf-8")
    assert asked == set(re.findall(r"^(\w+)=", example, re.MULTILINE))


def test_what_is_waited_for_can_come() -> None:
    for name, one in SERVICES.items():
        for other, wanted in one.get("depends_on", {}).items():
            awaited = SERVICES[other]
            if wanted["condition"] == "service_healthy":
                assert "test" in awaited["healthcheck"], f"{name} waits for the health of {other}"
            else:
                assert wanted["condition"] == "service_completed_successfully"
                assert awaited["restart"] != "unless-stopped", f"{name} waits for the end of {other}"


def test_only_the_ui_and_the_service_are_open_and_only_on_this_machine_unless_told_otherwise() -> None:
    assert {name: one["ports"] for name, one in SERVICES.items() if "ports" in one} == {
        "prefect-server": ["127.0.0.1:4200:4200"],
        "answers": ["${SERVICE_ADDRESS:-127.0.0.1}:8000:8000"],
    }


def test_the_service_shares_home_and_store_with_the_worker_and_knows_nothing_of_prefect() -> None:
    answers, worker = SERVICES["answers"], SERVICES["worker"]
    assert answers["volumes"] == worker["volumes"]
    assert answers["image"] == OURS
    given = {name: value for name, value in worker["environment"].items() if name.startswith("AWS_")}
    assert answers["environment"] == given
    assert "AWS_ENDPOINT_URL_S3" in given
    assert not [one for one in named_pods()["answers"]["containers"][0].get("env", []) if "PREFECT" in one["name"]]


def option(words: list[str], name: str) -> str:
    return words[words.index(name) + 1]


def test_the_service_is_asked_for_its_health_where_it_listens_without_a_key() -> None:
    from fastapi.routing import APIRoute

    from ragloop.service.door import _NEED_A_KEY
    from ragloop.service.routes.state import router

    paths = {route.path for route in router.routes if isinstance(route, APIRoute)}
    open_paths = {path for path in paths if not path.startswith(_NEED_A_KEY)}
    (port, path) = re.findall(r"http://127\.0\.0\.1:(\d+)(/\w+)", SERVICES["answers"]["healthcheck"]["test"][-1])[0]
    assert path in open_paths
    assert option(SERVICES["answers"]["command"], "--port") == port
    assert SERVICES["answers"]["ports"][0].endswith(f":{port}")
    container = named_pods()["answers"]["containers"][0]
    (listens,) = container["ports"]
    assert option(container["args"], "--port") == str(listens["containerPort"])
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        asked = container[probe]["httpGet"]
        assert asked["path"] in open_paths
        assert asked["port"] == listens["name"]
    assert container["livenessProbe"]["httpGet"]["path"] == "/healthz", "an index that lacks is no reason to restart"
    assert container["readinessProbe"]["httpGet"]["path"] == "/readyz"


def test_the_service_listens_where_a_key_is_needed() -> None:
    from ragloop.service.server import is_loopback

    for words in (SERVICES["answers"]["command"], named_pods()["answers"]["containers"][0]["args"]):
        assert not is_loopback(option(words, "--host"))


def test_prefect_asks_for_a_string_that_all_of_ragloop_knows_and_answers_no_other_origin() -> None:
    for name, one in SERVICES.items():
        given = one.get("environment", {})
        if one["image"].startswith("prefecthq/prefect:"):
            assert given["PREFECT_SERVER_API_AUTH_STRING"].startswith("${PREFECT_AUTH_STRING:?"), name
            assert given["PREFECT_SERVER_CSRF_PROTECTION_ENABLED"] == "true", name
            assert given["PREFECT_SERVER_CORS_ALLOWED_ORIGINS"].startswith("${PREFECT_PUBLIC_URL:-"), name
        elif "PREFECT_API_URL" in given:
            assert given["PREFECT_API_AUTH_STRING"].startswith("${PREFECT_AUTH_STRING:?"), name
    assert "PREFECT_API_AUTH_STRING" in SERVICES["worker"]["environment"]


# ---- the module of Terraform ----------------------------------------------------------------------------------------


def test_the_readme_of_the_module_names_every_variable_and_output() -> None:
    module = INFRA / "terraform"
    readme = (module / "README.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`(\w+)`", "".join(re.findall(r"^\| (.+?) \|", readme, re.MULTILINE))))
    text = "".join(path.read_text(encoding="utf-8") for path in module.glob("*.tf"))
    declared = set(re.findall(r'^(?:variable|output) "(\w+)"', text, re.MULTILINE))
    assert named == declared


# ---- Kubernetes -----------------------------------------------------------------------------------------------------


def rendered(**given: Any) -> dict[str, Any]:
    """The job of a flow run, templated as Prefect's worker does it."""
    from prefect.utilities.templating import apply_values

    variables = TEMPLATE["variables"]["properties"]
    values = {name: one["default"] for name, one in variables.items() if "default" in one}
    values |= {"name": "retrain", "command": "prefect flow-run execute", "env": {"A": "b"}, "labels": {}}
    job: dict[str, Any] = apply_values(TEMPLATE["job_configuration"], values | given, remove_notset=True)
    return job


def test_a_variable_is_used_described_and_typed_and_none_is_missing() -> None:
    used = set(re.findall(r"\{\{ (\w+) \}\}", json.dumps(TEMPLATE["job_configuration"])))
    variables = TEMPLATE["variables"]["properties"]
    assert used == set(variables)
    for name, one in variables.items():
        assert {"title", "description", "type"} <= set(one), name


def test_a_training_gets_the_gpu_and_the_nodes_that_are_asked_for() -> None:
    pod = rendered(gpus=2, node_selector={"pool": "gpu"})["job_manifest"]["spec"]["template"]["spec"]
    assert pod["nodeSelector"] == {"pool": "gpu"}
    assert pod["containers"][0]["resources"]["limits"]["nvidia.com/gpu"] == 2
    assert pod["tolerations"][0]["key"] == "nvidia.com/gpu"
    plain = rendered()["job_manifest"]["spec"]["template"]["spec"]
    assert plain["containers"][0]["resources"]["limits"]["nvidia.com/gpu"] == 1


def test_the_template_holds_what_prefects_own_one_holds() -> None:
    """Its worker refuses a job without them; `parallelism` in the pod is one."""
    import prefect.server.api.collections_data.views as views

    known = json.loads((Path(views.__path__[0]) / "aggregate-worker-metadata.json").read_text(encoding="utf-8"))
    theirs = known["prefect-kubernetes"]["kubernetes"]["default_base_job_configuration"]
    missing = set(theirs["job_configuration"]) - set(TEMPLATE["job_configuration"])
    assert missing == {"cluster_config"}, "jobs run in the cluster of the worker"
    pods = [one["job_configuration"]["job_manifest"]["spec"]["template"]["spec"] for one in (theirs, TEMPLATE)]
    assert set(pods[0]) <= set(pods[1])
    assert set(pods[0]["containers"][0]) <= set(pods[1]["containers"][0])


@pytest.mark.parametrize("which", ["job", "worker", "watcher", "answers"])
def test_pods_and_the_image_agree(which: str) -> None:
    pod = named_pods().get(which) or rendered()["job_manifest"]["spec"]["template"]["spec"]
    assert pod["securityContext"]["runAsUser"] == 1001
    assert pod["securityContext"]["runAsNonRoot"]
    assert pod["enableServiceLinks"] is False
    container = pod["containers"][0]
    assert container["securityContext"]["readOnlyRootFilesystem"]
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert {"memory"} <= set(container["resources"]["limits"])
    places = {mount["mountPath"] for mount in pod["containers"][0]["volumeMounts"]}
    environment = dict(re.findall(r"\b(RAGLOOP_[A-Z_]+)=(\S+)", DOCKERFILE))
    assert environment["RAGLOOP_HOME"] in places
    assert "/tmp" in places, "the root is read-only"
    assert DOCKERFILE.count("PREFECT_HOME=/tmp/") == 1
    assert str(Path(environment["RAGLOOP_CONFIG"]).parent) in places
    assert {volume["name"] for volume in pod["volumes"]} == {
        mount["name"] for mount in pod["containers"][0]["volumeMounts"]
    }


def test_jobs_and_the_worker_share_a_home_and_a_configuration() -> None:
    claims = {one["metadata"]["name"] for one in OBJECTS if one["kind"] == "PersistentVolumeClaim"}
    accounts = {one["metadata"]["name"] for one in OBJECTS if one["kind"] == "ServiceAccount"}
    default = {name: one.get("default") for name, one in TEMPLATE["variables"]["properties"].items()}
    assert {default["home_claim"]} == claims
    assert accounts == {pod["serviceAccountName"] for pod in pods()}
    assert default["service_account_name"] == named_pods()["worker"]["serviceAccountName"]
    configs = {volume["configMap"]["name"] for pod in pods() for volume in pod["volumes"] if "configMap" in volume}
    assert configs == {default["config_map"]}


def test_the_network_policy_is_of_every_pod_and_lets_it_speak_to_prefect() -> None:
    policy = the_object("NetworkPolicy", "ragloop")["spec"]
    wanted = policy["podSelector"]["matchLabels"]
    (common,) = KUSTOMIZATION["labels"]
    assert common == {"pairs": wanted, "includeTemplates": True}
    assert rendered()["job_manifest"]["spec"]["template"]["metadata"]["labels"] == wanted
    assert policy["ingress"] == []
    ports = {one["port"] for rule in policy["egress"] for one in rule["ports"]}
    addresses = {
        one["value"]
        for pod in pods_that_speak_to_prefect()
        for one in pod["containers"][0]["env"]
        if one["name"] == "PREFECT_API_URL"
    }
    assert addresses == {"http://prefect-server.prefect.svc.cluster.local:4200/api"}
    assert ports == {53, 443, 4200}


def test_callers_in_labelled_namespaces_reach_the_service_and_nothing_else() -> None:
    policies = [one["spec"] for one in OBJECTS if one["kind"] == "NetworkPolicy"]
    (policy,) = [one for one in policies if one.get("ingress")]
    deployment, service = the_object("Deployment", "ragloop-answers"), the_object("Service", "ragloop-answers")
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    assert policy["podSelector"]["matchLabels"] == service["spec"]["selector"] == labels
    assert labels == deployment["spec"]["selector"]["matchLabels"]
    (rule,) = policy["ingress"]
    (listens,) = named_pods()["answers"]["containers"][0]["ports"]
    assert rule["ports"] == [{"protocol": "TCP", "port": listens["containerPort"]}]
    (wanted,) = rule["from"]
    assert wanted["namespaceSelector"]["matchLabels"] == {"ragloop-answers": "callers"}, (
        "an empty one takes every namespace"
    )
    (port,) = service["spec"]["ports"]
    assert port["targetPort"] == listens["name"]


def test_the_autoscaler_sets_the_replicas_of_the_service_by_a_share_of_what_it_asks_for() -> None:
    deployment = the_object("Deployment", "ragloop-answers")
    scaler = the_object("HorizontalPodAutoscaler", "ragloop-answers")["spec"]
    wanted = {key: deployment[key] for key in ("apiVersion", "kind")} | {"name": deployment["metadata"]["name"]}
    assert scaler["scaleTargetRef"] == wanted
    assert "replicas" not in deployment["spec"], "each apply would set them back"
    assert 1 < scaler["minReplicas"] < scaler["maxReplicas"]
    (metric,) = scaler["metrics"]
    assert metric["resource"]["name"] in named_pods()["answers"]["containers"][0]["resources"]["requests"]


def test_the_service_has_time_to_end_what_is_under_way() -> None:
    from ragloop.service.server import _GRACE_S

    pod = named_pods()["answers"]
    (pause_s,) = [
        int(word) for word in pod["containers"][0]["lifecycle"]["preStop"]["exec"]["command"] if word.isdigit()
    ]
    assert pause_s + _GRACE_S < pod["terminationGracePeriodSeconds"]
    assert int(SERVICES["answers"]["stop_grace_period"].removesuffix("s")) > _GRACE_S


def test_the_name_of_the_home_is_one_variable_that_the_pool_is_called_after() -> None:
    assert re.findall(r"RAGLOOP_PREFECT__NAME=(\w+)", DOCKERFILE) == ["main"]
    (worker,) = re.findall(r"^CMD (.+)$", DOCKERFILE, re.MULTILINE)
    assert f"--pool {Names('$RAGLOOP_PREFECT__NAME').pool} " in worker
    assert "command" not in SERVICES["worker"]
    given = {name: one.get("environment", {}).get("RAGLOOP_PREFECT__NAME") for name, one in SERVICES.items()}
    assert {name for name, value in given.items() if value} == {"deploy", "worker", "watcher"}
    assert {value for value in given.values() if value} == {"${RAGLOOP_NAME:-main}"}
    for pod in pods_that_speak_to_prefect():
        (name,) = [one for one in pod["containers"][0]["env"] if one["name"] == "RAGLOOP_PREFECT__NAME"]
        assert name["valueFrom"] == {"configMapKeyRef": {"name": "ragloop", "key": "name"}}
    assert Names("$(RAGLOOP_PREFECT__NAME)").pool in named_pods()["worker"]["containers"][0]["args"]


@pytest.mark.long
def test_the_overlay_is_rendered_with_its_image_roles_and_a_configuration_that_loads(tmp_path: Path) -> None:
    if shutil.which("kubectl") is None:
        pytest.skip("no kubectl on PATH")
    done = subprocess.run(["kubectl", "kustomize", OVERLAY], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    objects = list(yaml.safe_load_all(done.stdout))
    assert {one["metadata"]["namespace"] for one in objects} == {"prefect"}
    (image,) = {
        container["image"]
        for one in objects
        if one["kind"] == "Deployment"
        for container in one["spec"]["template"]["spec"]["containers"]
    }
    assert image.endswith(f"/{OURS}")
    roles = {
        one["metadata"]["name"]: one["metadata"]["annotations"]["eks.amazonaws.com/role-arn"].rsplit("-", 1)[1]
        for one in objects
        if one["kind"] == "ServiceAccount"
    }
    assert roles == {"ragloop": "worker", "ragloop-watcher": "watcher", "ragloop-answers": "service"}
    (config,) = [one["data"] for one in objects if one["kind"] == "ConfigMap" and one["metadata"]["name"] == "ragloop"]
    assert config["name"] == "production"
    (tmp_path / "ragloop.toml").write_text(config["ragloop.toml"])
    assert load_settings(tmp_path / "ragloop.toml").backup.uri


def test_the_values_meet_each_other() -> None:
    assert VALUES["server"]["secret"] == {"create": False, "name": "prefect-database"}
    assert VALUES["worker"]["worker"]["config"]["type"] == "kubernetes"
    assert VALUES["worker"]["worker"]["selfHostedServerApiConfig"]["apiUrl"].startswith(
        "http://prefect-server.prefect."
    )
    assert not VALUES["server"]["postgresql"]["enabled"]
    assert VALUES["server"]["backgroundServices"]["messaging"]["broker"] == "prefect_redis.messaging"


def test_all_that_speaks_to_prefect_reads_the_string_that_it_asks_for_from_one_secret() -> None:
    secret = {"secretKeyRef": {"name": "prefect-auth", "key": "auth-string"}}
    server = {one["name"]: one for one in VALUES["server"]["global"]["prefect"]["env"]}
    assert server["PREFECT_SERVER_API_AUTH_STRING"]["valueFrom"] == secret
    assert server["PREFECT_SERVER_CSRF_PROTECTION_ENABLED"]["value"] == "true"
    origin = server["PREFECT_SERVER_CORS_ALLOWED_ORIGINS"]["value"]
    assert VALUES["server"]["server"]["uiConfig"]["prefectUiApiUrl"] == f"{origin}/api"
    clients = [
        VALUES["worker"]["worker"]["extraEnvVars"],
        *(pod["containers"][0]["env"] for pod in pods_that_speak_to_prefect()),
    ]
    assert len(clients) == 3
    for given in clients:
        (auth,) = [one for one in given if one["name"] == "PREFECT_API_AUTH_STRING"]
        assert auth["valueFrom"] == secret
