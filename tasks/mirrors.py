"""What tasks do about the mirror of the registry when they have changed it."""

from pathlib import Path
from typing import TYPE_CHECKING

from prefect import get_run_logger, task

from tasks.running import TRANSIENT_ONLY, open_app

if TYPE_CHECKING:
    from ragloop.app import App


def follow_mirror(app: "App") -> str:
    """Make the mirror hold what the registry keeps, where there is one; log and return what is left to do."""
    left = app.safekeeping.follow_mirror()
    if left:
        get_run_logger().warning("%s", left)
    return left


@task(name="mirror adapters", **TRANSIENT_ONLY)
def mirror_adapters(home: Path | None, config: Path | None) -> str:
    """Make the mirror hold what the registry keeps, where the settings name one; return what is left to do."""
    return follow_mirror(open_app(home, config))
