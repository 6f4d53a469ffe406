"""Figures in MLflow: a run for each training, found again by the id of its adapter."""

from typing import Any

from ragloop.models.training.reporting.figures import Run, Step, is_new
from ragloop.registry.mirroring.mlflow_server import MlflowServer

TRAINING = "ragloop.training"
"""The tag with the id of the adapter. The mirror of the registry has runs of its own, with other tags."""


class MlflowRun:
    """A run in the experiment `project` of the server at `uri`. Raises UnavailableError and UsageError, as it does."""

    def __init__(self, run: Run, uri: str, project: str) -> None:
        self._server = MlflowServer(uri, project)
        with self._server.errors():
            client = self._server.client
            found = client.get_experiment_by_name(project)
            experiment = str(found.experiment_id if found else client.create_experiment(project))
            self._run_id, self._known = self._begun(run, experiment)

    def write(self, steps: list[Step]) -> None:
        """Log the steps that the run lacks: one that goes on repeats some, with the same figures."""
        from mlflow.entities import Metric

        figures = [
            Metric(name, value, int(step.at * 1000), step.number)
            for step in steps
            if is_new(step, self._known)
            for name, value in step.figures.items()
        ]
        with self._server.errors():
            for first in range(0, len(figures), _MOST):
                self._server.client.log_batch(self._run_id, figures[first : first + _MOST])

    def close(self) -> None:
        """End the run."""
        with self._server.errors():
            self._server.client.set_terminated(self._run_id)

    def _begun(self, run: Run, experiment: str) -> tuple[str, int]:
        """Return the run of this training and its last step; what has not ended goes on, whatever it was killed by."""
        from mlflow.entities import Param

        client: Any = self._server.client
        wanted = f"tags.`{TRAINING}` = '{run.name}' and attributes.status = 'RUNNING'"
        if held := client.search_runs([experiment], wanted, max_results=1):
            run_id = str(held[0].info.run_id)
            return run_id, max((one.step for one in client.get_metric_history(run_id, "loss")), default=0)
        made = client.create_run(experiment, tags={TRAINING: run.name}, run_name=run.name)
        run_id = str(made.info.run_id)
        client.log_batch(run_id, params=[Param(name, str(value)) for name, value in run.parameters.items()])
        return run_id, 0


_MOST = 1000
"""Figures that MLflow takes at once."""
