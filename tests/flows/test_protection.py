"""Who may speak to the server of a home: a page of another origin, another user and a guessed name may not."""

import http.client
import json
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Origin, Subprotocol

from ragloop.errors import UnavailableError
from ragloop.orchestrator.local_stack import LocalStack
from ragloop.orchestrator.prefect_api import PrefectApi, named_api
from ragloop.orchestrator.processes import running_with

FOREIGN = {"Origin": "http://evil.example"}
PLAIN = {"Content-Type": "text/plain;charset=UTF-8"}
JSON = {"Content-Type": "application/json"}


def ask(
    stack: LocalStack, method: str, path: str, headers: dict[str, str], body: Any = None
) -> tuple[int, dict[str, str]]:
    """Status and headers of one request as it stands here: nothing is added to it."""
    place = urlsplit(stack.api_url)
    connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=30)
    try:
        connection.request(method, place.path + path, None if body is None else json.dumps(body), headers)
        answer = connection.getresponse()
        answer.read()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}
    finally:
        connection.close()


def credentials(stack: LocalStack) -> dict[str, str]:
    return {"Authorization": stack.api.authorization}


def flows_named(stack: LocalStack, name: str) -> list[Any]:
    return list(stack.api.call("POST", "/flows/filter", {"flows": {"name": {"any_": [name]}}}))


ATTACKS = {
    "a page of another origin, as it can without asking": {**FOREIGN, **PLAIN},
    "a page of another origin": {**FOREIGN, **JSON},
    "a name that leads here": {"Host": "evil.example", **JSON},
    "another user": JSON,
    "a guess": {"Authorization": "Basic cmFnbG9vcDpyYWdsb29w", **JSON},
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_what_has_no_credentials_changes_and_reads_nothing(stack: LocalStack, attack: str) -> None:
    status, _ = ask(stack, "POST", "/flows/", ATTACKS[attack], {"name": "planted"})
    read, _ = ask(stack, "GET", "/block_types/slug/secret", ATTACKS[attack])
    assert status in (401, 403)
    assert read == 401
    assert flows_named(stack, "planted") == []


def test_a_page_of_another_origin_is_refused_even_with_credentials(stack: LocalStack) -> None:
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
    _, told = ask(stack, "OPTIONS", "/flows/", {**FOREIGN, **asked})
    assert "access-control-allow-origin" not in told
    _, told = ask(stack, "GET", "/version", {**FOREIGN, **credentials(stack)})
    assert "access-control-allow-origin" not in told
    _, told = ask(stack, "OPTIONS", "/flows/", {"Origin": stack.ui_url, **asked})
    assert told["access-control-allow-origin"] == stack.ui_url


@pytest.mark.parametrize("kind", [JSON, PLAIN])
def test_a_change_needs_a_token_beside_the_credentials(stack: LocalStack, kind: dict[str, str]) -> None:
    status, _ = ask(stack, "POST", "/flows/", {**credentials(stack), **FOREIGN, **kind}, {"name": "forged"})
    assert status == 403
    assert flows_named(stack, "forged") == []


def test_health_is_public_because_probes_need_it(stack: LocalStack) -> None:
    assert ask(stack, "GET", "/health", {})[0] == 200


@pytest.mark.parametrize("subprotocols", [None, [Subprotocol("prefect")]])
@pytest.mark.parametrize(
    "path", ["/events/in", "/events/out", "/logs/out", "/work_pools/ragloop-session/workers/connect"]
)
def test_a_socket_without_credentials_is_closed(stack: LocalStack, path: str, subprotocols: Any) -> None:
    """A page of any origin may open one."""
    url = stack.api_url.replace("http", "ws", 1) + path
    origin = Origin(FOREIGN["Origin"])

    def speak() -> None:
        with connect(url, origin=origin, subprotocols=subprotocols, proxy=None) as socket:
            socket.send(json.dumps({"type": "auth", "token": "guess"}))
            socket.recv(timeout=20)

    with pytest.raises((ConnectionClosed, InvalidStatus)) as refused:
        speak()
    assert any(word in str(refused.value) for word in ("403", "1008", "1002")), refused.value


# --- those who may ---------------------------------------------------------------------------------------------------


def test_the_string_is_kept_for_the_owner_alone_and_stands_on_no_command_line(stack: LocalStack) -> None:
    file = stack.home / "prefect" / "auth-string"
    secret = file.read_text().strip()
    assert len(secret) >= 32
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    lines = [
        Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace")
        for pid in running_with("PREFECT_HOME", str(stack.home / "prefect"))
    ]
    assert len(lines) >= 2
    assert not any(secret in line for line in lines)
    assert secret not in repr(stack.api)


def test_commands_find_the_server_of_their_home_and_its_string(
    stack: LocalStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("PREFECT_API_URL", "PREFECT_API_KEY", "PREFECT_API_AUTH_STRING"):
        monkeypatch.delenv(name, raising=False)
    assert named_api(stack.home).url == stack.api_url
    assert named_api(stack.home).call("POST", "/flows/filter", {}) is not None


def test_the_string_of_a_home_goes_to_no_other_server(
    stack: LocalStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PREFECT_API_AUTH_STRING", raising=False)
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:9/api")
    assert named_api(stack.home).authorization == ""
    monkeypatch.delenv("PREFECT_API_URL")
    assert named_api(tmp_path).authorization == "", "no server of this home runs"


def test_a_caller_without_the_string_learns_what_to_do(stack: LocalStack) -> None:
    with pytest.raises(UnavailableError, match=r"401.*PREFECT_API_AUTH_STRING"):
        PrefectApi(stack.api_url).call("POST", "/flows/filter", {})


def test_a_token_that_is_no_longer_good_is_renewed(stack: LocalStack) -> None:
    """They end after an hour; `ragloop watch` runs for days."""
    api = PrefectApi(stack.api_url, authorization=stack.api.authorization)
    api.call("POST", "/flows/filter", {})
    ask(stack, "GET", f"/csrf-token?client={api.client}", credentials(stack))  # another one takes its place
    assert api.call("POST", "/flows/filter", {"limit": 1}) is not None


def test_prefects_own_command_line_works_with_the_string(stack: LocalStack) -> None:
    command = [sys.executable, "-m", "prefect", "--no-prompt", "concurrency-limit", "create", "a-tag", "3"]
    subprocess.run(command, env=stack.client_environment, check=True, timeout=120, capture_output=True)
    assert stack.api.call("GET", "/concurrency_limits/tag/a-tag")["concurrency_limit"] == 3
