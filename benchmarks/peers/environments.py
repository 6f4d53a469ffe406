"""An environment of its own for each peer, made on first use from the package index."""

import subprocess
import sys
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path


def environment(name: str, packages: Sequence[str], cache: Path) -> Path:
    """The interpreter of the peer's environment; this one where it needs no packages."""
    if not packages:
        return Path(sys.executable)
    folder = cache / "peers" / f"{name}-{sha256(' '.join(packages).encode()).hexdigest()[:8]}"
    python = folder / "bin" / "python"
    if not (folder / "complete").exists():
        print(f"installing {name}", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", *packages], check=True, stdout=sys.stderr)
        (folder / "complete").touch()
    return python
