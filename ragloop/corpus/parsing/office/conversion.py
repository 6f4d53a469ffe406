"""Conversion of a document by LibreOffice, in a folder of its own and within the limits of the process that asks.

LibreOffice inherits the worker's limit on memory, and is in its process group: what kills the worker kills it too.
"""

import resource
import shutil
import subprocess
import tempfile
from pathlib import Path

from ragloop.corpus.parsing.limits import ParseLimits
from ragloop.errors import DocumentError

_SETTINGS = """<?xml version="1.0" encoding="UTF-8"?>
<oor:items xmlns:oor="http://openoffice.org/2001/registry">
<item oor:path="/org.openoffice.Office.Common/Security/Scripting">
<prop oor:name="DisableMacrosExecution" oor:op="fuse"><value>true</value></prop></item>
<item oor:path="/org.openoffice.Office.Common/Security/Scripting">
<prop oor:name="BlockUntrustedRefererLinks" oor:op="fuse"><value>true</value></prop></item>
</oor:items>
"""
"""No macro runs, and what a document links to is not loaded."""


def converted(data: bytes, suffix: str, target: str, limits: ParseLimits) -> bytes:
    """Return a document of the format `suffix` as the format `target`, such as "doc" as "docx".

    Raises DocumentError where there is no LibreOffice, or it yields no document.
    """
    command = shutil.which(limits.office_converter)
    if command is None:
        raise DocumentError(
            f"found a .{suffix} and no {limits.office_converter!r}, expected LibreOffice to convert it; install "
            "LibreOffice or name its program in sync.office_converter and sync with --retry-quarantined, "
            f"or save it as .{target}"
        )
    with tempfile.TemporaryDirectory(prefix="ragloop-office-") as name:
        folder = Path(name)
        said = _run(command, folder, data, suffix, target, limits)
        made = folder / "out" / f"document.{target}"
        if not made.is_file():
            raise DocumentError(
                f"LibreOffice made none of it ({said}), expected a .{target}; "
                "save it as that, raise sync.max_parse_mb, or leave it out"
            )
        if made.stat().st_size >= limits.unpacked_bytes:
            raise DocumentError(
                f"converts to {limits.unpacked_bytes:,} bytes or more, expected fewer; raise sync.max_unpacked_mb"
            )
        return made.read_bytes()


def _run(command: str, folder: Path, data: bytes, suffix: str, target: str, limits: ParseLimits) -> str:
    """Run LibreOffice with a profile that only this document sees; return the last line that it says."""
    settings = folder / "profile" / "user" / "registrymodifications.xcu"
    settings.parent.mkdir(parents=True)
    settings.write_text(_SETTINGS)
    (folder / f"document.{suffix}").write_bytes(data)
    profile = f"-env:UserInstallation={(folder / 'profile').as_uri()}"
    options = ("--headless", "--norestore", "--convert-to", target, "--outdir", str(folder / "out"))

    def limit() -> None:
        # Should the sync be killed and the worker with it, nobody is left who ends LibreOffice.
        seconds = int(limits.seconds) + 1
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
        resource.setrlimit(resource.RLIMIT_FSIZE, (limits.unpacked_bytes, limits.unpacked_bytes))

    done = subprocess.run(
        [command, profile, *options, str(folder / f"document.{suffix}")],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        cwd=folder,
        check=False,
        preexec_fn=limit,
    )
    lines = [line.strip() for line in done.stdout.decode(errors="replace").splitlines() if line.strip()]
    return lines[-1][:200] if lines else f"it ended with exit code {done.returncode}"
