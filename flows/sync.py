"""Make the index match its sources, on a schedule or on demand."""

from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State

from tasks.approval import ask_about_deletes, publish_confirmation
from tasks.corpus import sync_sources
from tasks.overview import OVERVIEW
from tasks.running import GivenPath
from tasks.sync_reports import end_of_sync, sync_name


@flow(name="sync-index", flow_run_name=sync_name, **OVERVIEW)
def sync_index(
    folder: GivenPath = None,
    confirm_deletes: bool = False,
    retry_quarantined: bool = False,
    rebuild: bool = False,
    name: str = "",
    reason: str = "",
    home: GivenPath = None,
    config: GivenPath = None,
) -> State[Any]:
    """Make the index match its sources: only what changed is read, embedded and committed.

    If more documents are gone than is plausible, this run asks whether to delete them: a run of ask-operator inside it
    pauses. Ends as Failed, with the reason, when something was left out: withheld deletes, quarantined documents, a
    missing source. Everything else is applied.

    Args:
        folder: A known folder to sync by itself: configured, or synced by its path before. Empty syncs every source.
        confirm_deletes: Apply the deletes that the safety check held back.
        retry_quarantined: Read quarantined documents again, even if they have not changed.
        rebuild: Build the index again, beside the one that answers, which is kept for a rollback.
        name: Who confirms the deletes; kept in their history.
        reason: Why; kept in the history of deletes.
        home: Folder that keeps all state. Empty takes RAGLOOP_HOME of the worker, else the configured one.
        config: Configuration file. Empty takes RAGLOOP_CONFIG of the worker, else ragloop.toml beside prefect.yaml.
    """
    reports = [sync_sources(folder, confirm_deletes, retry_quarantined, rebuild, home, config)]
    if confirm_deletes:
        publish_confirmation(reports[0], name, reason, home, config)
    answer = ask_about_deletes(reports[0], home, config)
    if answer.approved:
        reports.append(sync_sources(folder, confirm_deletes, retry_quarantined, False, home, config, answer.approved))
    return end_of_sync(*reports, answer=answer)
