"""What is in event files, read as TensorBoard reads them: length, checksum, message, checksum."""

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any


def events_in(folder: Path) -> Iterator[Any]:
    """The events of all files in a folder, the oldest file first."""
    from tensorboardX.proto.event_pb2 import Event

    for file in sorted(folder.iterdir(), key=lambda one: one.stat().st_mtime_ns):
        data, at = file.read_bytes(), 0
        while at < len(data):
            (length,) = struct.unpack_from("<Q", data, at)
            yield Event.FromString(data[at + 12 : at + 12 + length])
            at += 12 + length + 4


def figures_in(folder: Path) -> dict[int, dict[str, float]]:
    """The figures by step, as they stand when what a resumed training takes back is gone."""
    found: dict[int, dict[str, float]] = {}
    for event in events_in(folder):
        if event.HasField("session_log"):
            found = {step: one for step, one in found.items() if step < event.step}
        for value in event.summary.value:
            if value.HasField("simple_value"):
                found.setdefault(event.step, {})[value.tag] = value.simple_value
    return found


def parameters_in(folder: Path) -> dict[str, str | float]:
    """The hyperparameters of a run."""
    from tensorboardX.proto.plugin_hparams_pb2 import HParamsPluginData

    found = {}
    for event in events_in(folder):
        for value in event.summary.value:
            if value.metadata.plugin_data.plugin_name == "hparams":
                said = HParamsPluginData.FromString(value.metadata.plugin_data.content).session_start_info.hparams
                found |= {name: one.string_value or one.number_value for name, one in said.items()}
    return found
