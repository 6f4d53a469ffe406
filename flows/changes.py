"""Apply the changes in a bucket or a folder that `ragloop watch` noticed."""

from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State

from tasks.corpus import apply_changes, sync_sources
from tasks.overview import at_the_end, renew_at_the_end
from tasks.run_retention import remove_doubles
from tasks.running import GivenPath
from tasks.sync_reports import end_of_changes, end_of_sync


@flow(name="index-changes", flow_run_name="index changes", **at_the_end(remove_doubles, renew_at_the_end))
def index_changes(folder: GivenPath = None, home: GivenPath = None, config: GivenPath = None) -> State[Any]:
    """Sync the folder that changed, or drain the queues that buckets notify.

    Draining looks once at each object that messages name, commits what changed, and deletes the messages.

    Ends as Failed, with the reason, when something was left out: a message that is not an S3 notification, a document
    that cannot be read, more deletes than are plausible. The next scheduled sync-index finds what events have lost.

    Args:
        folder: The known folder whose files changed. Empty drains the queues of the configuration.
        home: Folder that keeps all state. Empty takes RAGLOOP_HOME of the worker, else the configured one.
        config: Configuration file. Empty takes RAGLOOP_CONFIG of the worker, else ragloop.toml beside prefect.yaml.
    """
    if folder:
        return end_of_sync(sync_sources(folder, False, False, False, home, config))
    return end_of_changes(apply_changes(home, config))
