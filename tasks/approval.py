"""What an operator is asked before something is lost that cannot be had back without effort."""

from pathlib import Path
from typing import TYPE_CHECKING

from prefect import get_client, runtime
from prefect.exceptions import FlowPauseTimeout
from prefect.flow_runs import pause_flow_run
from prefect.input import RunInput
from prefect.logging import get_run_logger
from prefect.states import Running
from pydantic import Field

from tasks.running import open_app

if TYPE_CHECKING:
    from ragloop.corpus.sync import SyncReport

_POLL_S = 3
_SHOWN = 20


class DeleteApproval(RunInput):
    """Whether documents that are gone from their source are deleted from the index."""

    approve: bool = Field(default=False, description="Delete these documents from the index.")
    reason: str = Field(default="", description="Why; it is kept in the log of the run.")


def approved_deletes(report: "SyncReport", home: Path | None, config: Path | None) -> int:
    """The number of withheld deletes that an operator lets through; pauses the run to ask, where any is withheld.

    No answer within sync.approval_minutes is a no, and so is a cancelled run.
    """
    wait_s = int(60 * open_app(home, config).settings.sync.approval_minutes)
    if not report.withheld_deletes or not wait_s:
        return 0
    try:
        asked = DeleteApproval.with_initial_data(description=_question(report))
        answer = pause_flow_run(asked, timeout=wait_s, poll_interval=min(_POLL_S, max(1, wait_s // 4)))
    except FlowPauseTimeout:
        get_run_logger().warning("nobody answered within %s seconds; nothing more is deleted", wait_s)
        _go_on()
        return 0
    approves = answer is not None and answer.approve
    get_run_logger().info("deletes %s: %s", "approved" if approves else "refused", answer.reason if answer else "")
    return report.withheld_deletes if approves else 0


def _go_on() -> None:
    """Set the run to Running: Prefect would put a message of its own in place of the end of a run that stays paused."""
    with get_client(sync_client=True) as client:
        client.set_flow_run_state(runtime.flow_run.id, Running(), force=True)


def _question(report: "SyncReport") -> str:
    """What is asked, in Markdown: the figures and the keys of the documents."""
    gone = [change for change in report.changes if change["change"] == "withheld"]
    keys = [f"- `{change['source']}` {change['key']} ({change['chunks']} chunks)" for change in gone[:_SHOWN]]
    more = [f"- and {len(gone) - _SHOWN} more"] * (len(gone) > _SHOWN)
    asked = (
        f"**{report.withheld_deletes} documents are gone from their source**, more than a sync deletes unasked. An "
        "empty mount or a wrong prefix looks like this. Until you approve, they stay searchable; if more are gone by "
        "then, those are withheld again."
    )
    return "\n".join([asked, "", *keys, *more])
