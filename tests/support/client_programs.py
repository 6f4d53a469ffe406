"""Programs that use the service as others do, in an environment of their own."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

CLIENTS = Path(__file__).parents[1] / "service" / "clients"


def environment(place: Path) -> str:
    """The Python of an environment with the clients: that of RAGLOOP_CLIENTS, or one that is made in `place`."""
    if given := os.environ.get("RAGLOOP_CLIENTS"):
        return given
    uv = str(Path(sys.executable).with_name("uv"))
    subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, str(place)], check=True)
    made = str(place / "bin" / "python")
    install = [uv, "pip", "install", "--quiet", "--python", made, "--requirement", str(CLIENTS / "requirements.txt")]
    subprocess.run(install, check=True)
    return made


def run_client(python: str, script: str, *arguments: str) -> dict[str, Any]:
    """Run a program; the object that it prints last."""
    quiet = {**os.environ, "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
    done = subprocess.run(
        [python, str(CLIENTS / script), *arguments], capture_output=True, text=True, check=False, env=quiet, timeout=300
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return found
