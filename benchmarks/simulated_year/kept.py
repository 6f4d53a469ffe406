"""What a run keeps, so that one that was stopped goes on at its week."""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from simulated_year.policies import CosineCache


class Kept:
    """The folder of a run: figures of each week, and the home as it stood before the week that is under way."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self._before = place / "before"

    def weeks(self) -> list[dict[str, Any]]:
        """Return the figures of the weeks that are done, in order."""
        return [json.loads(one.read_text()) for one in sorted(self.place.glob("week-*.json"))]

    def restore(self, week: int) -> None:
        """Put back the home of before a week that was begun and not finished."""
        before, home = self._before / f"{week:02}", self.place / "home"
        if before.exists():
            shutil.rmtree(home, ignore_errors=True)
            shutil.copytree(before, home)

    def begin(self, week: int) -> None:
        """Keep the home as it stands before a week."""
        before, home = self._before / f"{week:02}", self.place / "home"
        if not before.exists() and home.exists():
            shutil.rmtree(self._before, ignore_errors=True)
            shutil.copytree(home, self._before / "copy")
            (self._before / "copy").rename(before)

    def write(self, figures: Mapping[str, Any]) -> None:
        """Write the figures of a week."""
        part = self.place / "week.part"
        part.write_text(json.dumps(figures, indent=1))
        part.rename(self.place / f"week-{figures['week']:02}.json")

    def end(self, figures: Mapping[str, Any], cache: CosineCache) -> None:
        """Write what the next week begins with, the figures last."""
        self.cache_file(figures["week"]).write_text(json.dumps(cache.state()))
        self.write(figures)

    def cache_file(self, week: int) -> Path:
        """Return where the cache lies as it was after a week."""
        return self.place / f"cache-{week:02}.json"
