"""Who holds a lease, as it is written into it."""

import json
import os
import socket
import sys
from datetime import UTC, datetime
from pathlib import Path


def holder() -> str:
    """This process, as JSON."""
    command = " ".join([Path(sys.argv[0]).name, *sys.argv[1:2]])
    now = datetime.now(UTC).isoformat(timespec="seconds")
    return json.dumps({"pid": os.getpid(), "host": socket.gethostname(), "command": command, "since": now})


def name_of(written: str) -> str:
    """The process that wrote this into a lease, in words."""
    try:
        by = json.loads(written)
        return f"process {by['pid']} on {by['host']} ({by['command']}) since {by['since']}"
    except (ValueError, KeyError, TypeError):
        return "another process"
