"""A way to a server on localhost that can be cut off, so that the server is away for those who take it."""

import socket
import threading
from contextlib import suppress


class Relay:
    """Passes bytes between its port and `target`; while it is cut off, connections are refused and those open end."""

    def __init__(self, target: int) -> None:
        self._target, self._lock = target, threading.Lock()
        self._open: list[socket.socket] = []
        self._listener = self._listen(0)
        self.port: int = self._listener.getsockname()[1]

    def cut(self) -> None:
        with self._lock:
            ended = [self._listener, *self._open]
            self._open = []
        for one in ended:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def mend(self) -> None:
        self._listener = self._listen(self.port)

    def _listen(self, port: int) -> socket.socket:
        listener = socket.create_server(("127.0.0.1", port))
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()
        return listener

    def _accept(self, listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                asking, _ = listener.accept()
                answering = socket.create_connection(("127.0.0.1", self._target))
                with self._lock:
                    self._open += [asking, answering]
                for pair in ((asking, answering), (answering, asking)):
                    threading.Thread(target=self._pass_on, args=pair, daemon=True).start()

    @staticmethod
    def _pass_on(source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while part := source.recv(65536):
                sink.sendall(part)
        with suppress(OSError):
            sink.shutdown(socket.SHUT_WR)
