"""Variables that a file `.env` of the working folder sets for a command."""

import os
from pathlib import Path

_TAKEN = ("RAGLOOP_", "AWS_", "PREFECT_", "HF_")
"""Only variables of what a command uses: a file that comes with documents must not set PATH or LD_PRELOAD."""


def read_env_file(file: Path = Path(".env")) -> None:
    """Set the variables of a file that are not set yet; what the shell says wins. Nothing where there is no file."""
    if not file.is_file():
        return
    from dotenv import dotenv_values

    for name, value in dotenv_values(file, interpolate=False).items():
        if name.upper().startswith(_TAKEN) and value is not None:
            os.environ.setdefault(name, value)
