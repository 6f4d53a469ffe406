"""What the things of one home are called on a Prefect server, which other homes and teams may use as well."""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from ragloop.config import Settings

TAG = "ragloop"
"""Every deployment and run of every home bears it, beside the tag of its home."""
_LONGEST_FOLDER = 30
_NOT_IN_NAMES = re.compile("[^a-z0-9]+")


@dataclass(frozen=True)
class Names:
    """Names that hold the name of a home, so that no two homes of a server share one."""

    name: str

    @classmethod
    def of(cls, settings: Settings) -> "Names":
        """Return the names of a home by its settings: prefect.name, or what its folder gives."""
        return cls(settings.prefect.name or _default(settings.home))

    @property
    def pool(self) -> str:
        """The work pool whose workers run the flows of this home."""
        return f"ragloop-{self.name}"

    @property
    def tag(self) -> str:
        """The tag of this home; what does not bear it belongs to others."""
        return f"ragloop-{self.name}"

    @property
    def tags(self) -> tuple[str, str]:
        """The tags of a run of this home."""
        return TAG, self.tag

    @property
    def automations(self) -> str:
        """How the names of the automations of this home begin."""
        return f"ragloop {self.name}: "

    @property
    def sources(self) -> str:
        """How the ids of the sources of this home begin in events."""
        return f"ragloop.source.{self.name}."

    @property
    def home(self) -> str:
        """The id of this home in events."""
        return f"ragloop.home.{self.name}"

    def deployment(self, flow: str) -> str:
        """Return the full name of the deployment of a flow."""
        return f"{flow}/{self.name}"

    def artifact(self, kind: str, lane: str = "") -> str:
        """Return the key of the artifacts of one kind, or of one kind and lane, whose page on the server is the history
        of this home."""
        return "-".join(filter(None, (kind, _NOT_IN_NAMES.sub("-", lane)))) + f"-{self.name}"

    def home_resource(self, home: Path) -> dict[str, str]:
        """Return the resource of events about this home, shown by its folder."""
        return {"prefect.resource.id": self.home, "prefect.resource.name": str(home.resolve())}


def _default(home: Path) -> str:
    """Return the name of the folder, or of the one around it where it is hidden, and what tells paths apart."""
    place = home.expanduser().resolve()
    folder = place.parent.name if place.name.startswith(".") else place.name
    words = _NOT_IN_NAMES.sub("-", folder.lower())[:_LONGEST_FOLDER].strip("-")
    return "-".join(filter(None, (words, hashlib.sha256(str(place).encode()).hexdigest()[:6])))
