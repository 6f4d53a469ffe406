"""The holder of a lease, as it is written into the lease."""

import json
import os
import socket
import sys
from datetime import datetime
from pathlib import Path


def holder(since: datetime) -> str:
    """Describe this process, which holds a lease since then, as JSON."""
    command = " ".join([Path(sys.argv[0]).name, *sys.argv[1:2]])
    begun = since.isoformat(timespec="seconds")
    return json.dumps({"pid": os.getpid(), "host": socket.gethostname(), "command": command, "since": begun})


def name_of(written: str) -> str:
    """Return in words which process wrote this into a lease."""
    try:
        by = json.loads(written)
        return f"process {by['pid']} on {by['host']} ({by['command']}) since {by['since']}"
    except (ValueError, KeyError, TypeError):
        return "another process"
