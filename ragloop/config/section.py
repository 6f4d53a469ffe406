"""What every table of the configuration file has in common."""

from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator


def without_empty(model: type[BaseModel], values: Any) -> Any:
    """Leave out empty strings: TOML has no null, so one leaves an optional setting at its default, which is None."""
    if not isinstance(values, dict):
        return values
    optional = {name for name, info in model.model_fields.items() if info.default is None}
    return {name: value for name, value in values.items() if not (value == "" and name in optional)}


class Section(BaseModel):
    """A table of the configuration file: immutable, and closed to unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _empty_is_not_set(cls, values: Any) -> Any:
        return without_empty(cls, values)
