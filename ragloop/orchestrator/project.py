"""The checkout that holds prefect.yaml and the flows."""

from pathlib import Path

import ragloop
from ragloop.errors import NotFoundError


def project_root() -> Path:
    """Find the folder of prefect.yaml, flows and tasks. Raises NotFoundError where ragloop is installed alone."""
    root = Path(ragloop.__file__).parent.parent
    if not (root / "prefect.yaml").is_file():
        raise NotFoundError(
            f"found no prefect.yaml in {root}; the flows are not part of the installed package: "
            "clone the project, install it with `pip install --editable '.[train,flows]'`, and run this again"
        )
    return root
