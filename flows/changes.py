"""Apply what changed in a bucket or a folder, when `ragloop watch` has seen that something did."""

from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State

from tasks.corpus import apply_changes, sync_sources
from tasks.corpus_reports import end_of_changes, end_of_sync
from tasks.running import GivenPath


@flow(name="index-changes", flow_run_name="index changes")
def index_changes(folder: GivenPath = None, home: GivenPath = None, config: GivenPath = None) -> State[Any]:
    """Apply changes that were rung for: sync a folder, or drain the queues that buckets notify.

    Of a queue, each object is looked at once, what changed is committed, and the messages are deleted.

    Ends as Failed, with the reason, when something was left out: a message that is none of S3's, a document that cannot
    be read, more deletes than are plausible. The next scheduled sync-index finds whatever events have lost.

    Args:
        folder: The known folder whose files changed. Empty drains the queues of the configuration.
        home: Folder that keeps all state. Empty takes RAGLOOP_HOME of the worker, else the configured one.
        config: Configuration file. Empty takes RAGLOOP_CONFIG of the worker, else ragloop.toml beside prefect.yaml.
    """
    if folder:
        return end_of_sync(sync_sources(folder, False, False, False, home, config))
    return end_of_changes(apply_changes(home, config))
