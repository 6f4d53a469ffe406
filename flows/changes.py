"""Apply what a bucket's queue says, when `ragloop watch` has seen that it says something."""

from pathlib import Path
from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State

from tasks.corpus import apply_changes
from tasks.reporting import end_of_changes


@flow(name="index-changes", flow_run_name="index changes")
def index_changes(home: Path | None = None, config: Path | None = None) -> State[Any]:
    """Drain the queues that buckets notify: look at each object once, commit what changed, delete the messages.

    Ends as Failed, with the reason, when something was left out: a message that is none of S3's, a document that cannot
    be read, more deletes than are plausible. The next scheduled sync-index finds whatever events have lost.

    Args:
        home: Folder that keeps all state. Empty takes RAGLOOP_HOME of the worker, else the configured one.
        config: Configuration file. Empty takes RAGLOOP_CONFIG of the worker, else ragloop.toml beside prefect.yaml.
    """
    return end_of_changes(apply_changes(home, config))
