"""Keep the store quick and safe, every night."""

from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State

from tasks.maintenance import back_up, maintain_tables, remove_old_runs
from tasks.maintenance_reports import end_of_maintenance
from tasks.mirrors import mirror_adapters
from tasks.overview import OVERVIEW
from tasks.running import GivenPath


@flow(name="maintain-store", flow_run_name="maintain", **OVERVIEW)
def maintain_store(home: GivenPath = None, config: GivenPath = None) -> State[Any]:
    """Compact the tables and remove their old versions, take a backup, and remove old runs from Prefect.

    If the configuration names no place for backups (backup.uri), the rest is done, and the run says so.
    Where it names a mirror of the adapters (registry.mirror), that is brought in line.
    Ends as Failed, with the reason, when a table or an older backup cannot be read, or the mirror not be reached.

    Args:
        home: Folder that keeps all state. Empty takes RAGLOOP_HOME of the worker, else the configured one.
        config: Configuration file. Empty takes RAGLOOP_CONFIG of the worker, else ragloop.toml beside prefect.yaml.
    """
    # A sync of hours blocks maintenance of the tables but no backup, so failures are raised at the end.
    tables = maintain_tables(home, config, return_state=True)
    backup = back_up(home, config, return_state=True)
    runs = remove_old_runs(home, config, return_state=True)
    mirror = mirror_adapters(home, config, return_state=True)
    return end_of_maintenance(tables.result(), backup.result(), runs.result(), mirror.result())
