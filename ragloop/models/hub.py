"""Models that a hub names: where one lies on this disk, and whether the hub can be asked for another."""

import re
import ssl
from http.client import HTTPException
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import Request, getproxies, urlopen

_WAIT_S = 3.0
_OF_HUB = re.compile(r"\w[\w.-]*+(?:/\w[\w.-]*+)?")
"""A name that a hub may have; any other one is a path."""
_CONFIGURATIONS = ("config.json", "modules.json")
_SHORT_NAMES_ARE_OF = "sentence-transformers/"


def folder_on_disk(name: str) -> Path | None:
    """Return the folder of a model that a hub named, where it was loaded before."""
    try:
        from huggingface_hub import try_to_load_from_cache
    except ImportError:
        return None
    names = [name] if "/" in name else [name, _SHORT_NAMES_ARE_OF + name]
    found = (try_to_load_from_cache(one, file) for file in _CONFIGURATIONS for one in names)
    return next((Path(one).parent for one in found if isinstance(one, str)), None)


def must_be_within_reach(source: str) -> None:
    """Raise ConnectionError for a model that is not on this disk where the hub that it would come from does not answer.

    huggingface_hub asks for each of several files six times, which takes more than a minute before it says so.
    """
    from huggingface_hub import constants, is_offline_mode

    if is_offline_mode() or Path(source).exists() or not _OF_HUB.fullmatch(source):
        return
    if folder_on_disk(source) is None and (why := _silent(constants.ENDPOINT)):
        raise ConnectionError(f"it is not on this disk, and the hub {constants.ENDPOINT} does not answer: {why}")


def _silent(endpoint: str) -> str:
    """Return why nothing answers at an address, an empty string where something does, or this cannot be told."""
    if any(proxy.startswith("socks") for proxy in getproxies().values()):
        return ""  # huggingface_hub goes through it, and urllib does not
    try:
        with urlopen(Request(endpoint, method="HEAD"), timeout=_WAIT_S):
            return ""
    except (HTTPError, HTTPException, ssl.SSLError):
        return ""
    except URLError as error:
        return "" if isinstance(error.reason, ssl.SSLError) else _told(error.reason)
    except OSError as error:
        return _told(error)


def _told(reason: object) -> str:
    return (reason.strerror if isinstance(reason, OSError) else None) or str(reason)
