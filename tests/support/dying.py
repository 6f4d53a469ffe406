"""A boundary of a store at which what runs dies, in this process: an exception stands for the kill."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


class Killed(BaseException):
    """Stands for a kill: nothing catches it on its way up."""


@dataclass
class Dying:
    """Let so many durable steps happen, by default all; the next one does not begin or, with `after`, is the last.

    `made` are those that began.
    """

    steps: int | None = None
    after: bool = False
    made: list[str] = field(default_factory=list)

    @contextmanager
    def __call__(self, step: str) -> Iterator[None]:
        dies = self.steps is not None and len(self.made) >= self.steps
        if dies and not self.after:
            raise Killed
        self.made.append(step)
        yield
        if dies:
            raise Killed
