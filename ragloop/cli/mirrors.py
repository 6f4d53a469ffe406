"""What commands do about the mirror of the registry when they have changed it."""

from typing import TYPE_CHECKING

from ragloop.cli.output import say

if TYPE_CHECKING:
    from ragloop.app import App


def follow_mirror(app: "App") -> None:
    """Make the mirror hold what the registry keeps, where there is one, and say what is left to do."""
    if told := app.safekeeping.follow_mirror():
        say(told)
