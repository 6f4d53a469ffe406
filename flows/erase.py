"""Erase documents and all that rests on them, when an operator approves."""

from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State

from tasks.erasing import approved_erasure, complete_erasures, erase, plan_erasure
from tasks.erasure_reports import end_of_erasure
from tasks.overview import OVERVIEW
from tasks.running import GivenPath


@flow(name="erase-documents", flow_run_name="erase", **OVERVIEW)
def erase_documents(
    documents: tuple[str, ...] = (),
    source: str = "",
    interactions: tuple[str, ...] = (),
    reason: str = "",
    name: str = "",
    home: GivenPath = None,
    config: GivenPath = None,
) -> State[Any]:
    """Remove documents, the answers that cite them, and the datasets, adapters and backups that rest on either.

    Erasures that were interrupted are completed first; with nothing named, that is all. Then this run shows what would
    go and asks: a run of ask-operator inside it pauses. Ends as Failed where a trace is left.

    Args:
        documents: URIs or keys of documents, or ends of them that no other document has. A term of a person is not
            taken here, since the server would keep it: `ragloop erase --subject` takes it.
        source: Of this source; without documents, all of it.
        interactions: Ids of logged answers.
        reason: Why; kept in the certificate.
        name: Who asks for it; kept in the certificate.
        home: Folder that keeps all state. Empty takes RAGLOOP_HOME of the worker, else the configured one.
        config: Configuration file. Empty takes RAGLOOP_CONFIG of the worker, else ragloop.toml beside prefect.yaml.
    """
    done = complete_erasures(home, config)
    plan = plan_erasure(documents, source, interactions, reason, name, home, config)
    approved = approved_erasure(plan, home, config)
    if approved.plan:
        done = [*done, *erase(approved.plan, home, config)]
    return end_of_erasure(done, approved.in_short)
