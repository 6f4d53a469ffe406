"""The project that Prefect runs: prefect.yaml, the flows and the tasks."""

from pathlib import Path

import ragloop
from ragloop.config import CONFIG_FILE, template
from ragloop.errors import NotFoundError, UsageError

PREFECT_FILE = "prefect.yaml"
_NAMES_US = "name: ragloop"
_HEADER = """\
# Deployments of ragloop, yours to edit: schedules, work pools, parameters. `ragloop up` and `ragloop deploy`, run in
# this folder, apply them. The flows that they name are those of the installed package. Both set the variables after a
# dollar sign: the name of the home (prefect.name), its pool for trainings, its folder and its configuration.
"""
_GITIGNORE = "# What ragloop keeps: index, log, models.\n.ragloop/\n.env\n"


def project_root() -> Path:
    """Find the folder of prefect.yaml, flows and tasks: inside the installed package, or the clone around it.

    Raises NotFoundError where it is neither.
    """
    package = Path(ragloop.__file__).parent
    for root in (package / "project", package.parent):
        if (root / PREFECT_FILE).is_file():
            return root
    raise NotFoundError(
        f"found no prefect.yaml in {package / 'project'}, where an installed ragloop has it; install ragloop again"
    )


def prefect_file(root: Path, config: Path | None) -> Path:
    """Return the file of deployments: ragloop's prefect.yaml beside the configuration, if one is there, else that of
    `root`."""
    own = (config.expanduser().resolve().parent if config else Path.cwd()) / PREFECT_FILE
    if own.is_file() and _NAMES_US in own.read_text(encoding="utf-8").splitlines():
        return own
    return root / PREFECT_FILE


def write_project(folder: Path) -> list[Path]:
    """Write a project of one's own: the settings, the deployments, and what version control leaves out.

    Raises UsageError where one of the files is there, before any is written.
    """
    deployments = (project_root() / PREFECT_FILE).read_text(encoding="utf-8")
    texts = {
        folder / CONFIG_FILE: template(),
        folder / PREFECT_FILE: _HEADER + deployments[deployments.index(f"\n{_NAMES_US}\n") :],
        folder / ".gitignore": _GITIGNORE,
    }
    if there := [str(one) for one in texts if one.exists()]:
        raise UsageError(f"{', '.join(there)}: exists and was not changed; name another folder")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for file, text in texts.items():
            file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"cannot write {folder}: {error.strerror or error}; name another folder") from None
    return list(texts)
