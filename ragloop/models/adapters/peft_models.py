"""PEFT, as everything that loads an adapter takes it: quietly, and without bitsandbytes.

Where bitsandbytes is installed PEFT imports it, 1.2 CPU s for a process that quantizes nothing, and it warns of a
package that it would rather have. A process whose model is quantized by it has imported it before.
"""

import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_OPTIONAL = "bitsandbytes"


@contextmanager
def peft_models() -> Iterator[Any]:
    """Yield PEFT's class of models; what is done with it in the block gives no warning of its versions."""
    with warnings.catch_warnings():
        # PEFT 0.21 reads an attribute that transformers 5.23 has renamed.
        warnings.filterwarnings("ignore", "`is_gradient_checkpointing` is deprecated", FutureWarning)
        yield import_peft().PeftModel


def import_peft() -> Any:
    """Import PEFT as where bitsandbytes is not installed, unless this process has imported that before."""
    modules: dict[str, Any] = sys.modules
    modules.setdefault(_OPTIONAL, None)  # so importlib does not find it
    try:
        import peft
        from peft.import_utils import is_bnb_4bit_available, is_bnb_available

        # PEFT asks again for each layer, and remembers the first answer.
        is_bnb_available()
        is_bnb_4bit_available()
    finally:
        if modules.get(_OPTIONAL) is None:
            modules.pop(_OPTIONAL, None)
    return peft
