"""Listen for callers. Where others than this machine's users may call, a key must have been made."""

import ipaddress
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import uvicorn

from ragloop.app import App
from ragloop.config.answering import ServiceSettings
from ragloop.errors import ConfigError, UsageError
from ragloop.service.application import application
from ragloop.service.serving import PING_S

_GRACE_S = 30
"""How long requests that are under way may take when the service ends."""


def is_loopback(host: str) -> bool:
    """Return whether only this machine reaches an address."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def must_be_protected(app: App, host: str) -> None:
    """Raise ConfigError where others may call and no key is in use."""
    if not is_loopback(host) and all(one.revoked_at for one in app.keys.all()):
        raise ConfigError(
            f"service.host is {host}, which other machines reach, and no key is in use; make one with "
            "`ragloop keys create NAME`, or listen on 127.0.0.1"
        )


@contextmanager
def listening(host: str, port: int) -> Iterator[socket.socket]:
    """Give a socket that listens. Raises UsageError where the address is taken or not one of this machine."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host.strip("[]"), port), family=family, backlog=512)
    except OSError as error:
        raise UsageError(
            f"cannot listen on {host} port {port}: {error.strerror}; name another with --host or --port"
        ) from None
    with listener:
        yield listener


def address_of(listener: socket.socket) -> str:
    """Return the address of a service as a browser opens it."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def server(app: App, settings: ServiceSettings, *, ping_s: float = PING_S) -> uvicorn.Server:
    """Return the server of a home's service, which runs on sockets that listen."""
    served = application(app, settings, loopback=is_loopback(settings.host), ping_s=ping_s)
    config = uvicorn.Config(
        served,
        loop="asyncio",
        http="h11",
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=_GRACE_S,
    )
    return uvicorn.Server(config)


def serve(app: App, settings: ServiceSettings, began: Callable[[str], None]) -> None:
    """Serve until the process is told to end; `began(address)` is called when callers may come.

    Raises ConfigError and UsageError as `must_be_protected` and `listening` do.
    """
    app.parts.made_store()
    must_be_protected(app, settings.host)
    with listening(settings.host, settings.port) as listener:
        began(address_of(listener))
        with _ended_by_sigterm():
            server(app, settings).run(sockets=[listener])


@contextmanager
def _ended_by_sigterm() -> Iterator[None]:
    """Let SIGTERM end the block as ctrl-C does: uvicorn finishes what is under way, and raises the signal again."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    except KeyboardInterrupt:
        return
    finally:
        signal.signal(signal.SIGTERM, before)
