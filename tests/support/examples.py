"""How many examples a property is tried on: few while one writes, more in `make test-long`."""

import os


def tried(number: int) -> int:
    """Return the number, times what RAGLOOP_EXAMPLES says."""
    return number * int(os.environ.get("RAGLOOP_EXAMPLES", "1"))
