"""Figures as event files, which TensorBoard reads.

A training that goes on adds a file to those that are there, which says from which step on they hold no more.
"""

import shutil
from pathlib import Path

from tensorboardX.event_file_writer import EventsWriter
from tensorboardX.proto.event_pb2 import Event, SessionLog
from tensorboardX.proto.summary_pb2 import Summary
from tensorboardX.summary import hparams, scalar

from ragloop.models.training.reporting.figures import FIGURES, Run, Step, is_new


class EventFiles:
    """The event files of a run in `folder`."""

    def __init__(self, run: Run, folder: Path) -> None:
        if not run.resumed_at:
            shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True, exist_ok=True)
        self._known = run.resumed_at
        self._file = EventsWriter(str(folder / "events"), f".{run.resumed_at}")
        if run.resumed_at:
            start = SessionLog(status=SessionLog.START)
            self._file.write_event(Event(step=run.resumed_at + 1, session_log=start))
        else:
            begun = hparams(dict(run.parameters), {f"training/{name}": 0.0 for name in FIGURES})[:2]
            for summary in begun:
                self._file.write_event(Event(summary=summary))
        self._file.flush()

    def write(self, steps: list[Step]) -> None:
        """Append the steps that are not in the files before."""
        for step in (one for one in steps if is_new(one, self._known)):
            values = [one for name, value in step.figures.items() for one in scalar(f"training/{name}", value).value]
            self._file.write_event(Event(step=step.number, wall_time=step.at, summary=Summary(value=values)))
        self._file.flush()

    def close(self) -> None:
        """Close the file."""
        self._file.close()
