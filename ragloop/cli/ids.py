"""Ids as people type them: whole, the beginning of one, or `last`."""

from typing import TYPE_CHECKING

from ragloop.errors import NotFoundError, UsageError

if TYPE_CHECKING:
    from ragloop.app import App

LAST = "last"
SHOWN = 8
"""Characters of an id that tables show: enough to name it."""
_SEARCHED = 10_000
"""Newest answers among which the beginning of an id is looked for."""


def interaction_id(app: "App", given: str) -> str:
    """Return the id of the logged answer that is meant; a whole id, or one that is not found, as it was given."""
    if given == LAST:
        newest = app.journal.newest(1)["interaction_id"].to_pylist()
        if not newest:
            raise NotFoundError("found no answer in the log yet; `ragloop ask` logs one")
        return str(newest[0])
    if not given or len(given) >= 32:
        return given
    known = app.journal.newest(_SEARCHED)["interaction_id"].to_pylist()
    return _beginning(given, [str(one) for one in known], "answers", "ragloop log tail")


def adapter_id(app: "App", given: str) -> str:
    """Return the id of the adapter that is meant; `last` is the newest."""
    if given == LAST:
        adapters = app.registry.adapters()
        if not adapters:
            raise NotFoundError("found no adapter yet; `ragloop retrain` trains one")
        return adapters[-1].adapter_id
    return app.registry.adapter(given).adapter_id


def dataset_id(app: "App", given: str) -> str:
    """Return the id of the dataset that is meant; `last` is the newest."""
    built = app.store.rows("datasets", columns=["dataset_id", "created_at"]).sort_by("created_at")
    known = [str(one) for one in built["dataset_id"].to_pylist()]
    if given == LAST:
        if not known:
            raise NotFoundError("found no dataset yet; `ragloop dataset build` builds one")
        return known[-1]
    return _beginning(given, known, "datasets", "ragloop dataset build")


def certificate_id(app: "App", given: str) -> str:
    """Return the id of the certificate of the newest erasure for `last`; anything else as it was given."""
    if given != LAST:
        return given
    erasures = [one.certificate for one in app.erasing.certificates.all()]
    if not erasures:
        raise NotFoundError("found no certificate yet; `ragloop erase` writes one")
    return max(erasures, key=lambda one: one.begun_at).certificate_id


def fingerprint(app: "App", given: str) -> str:
    """Return the fingerprint of the generation that is meant, or the name of a table as it was given."""
    known = [one.generation.fingerprint for one in app.generations.all()]
    if given == LAST and known:
        return known[0]
    return _beginning(given, known, "generations", "ragloop index list")


def _beginning(given: str, known: list[str], what: str, command: str) -> str:
    found = sorted({one for one in known if one.startswith(given)})
    if len(found) > 1:
        names = ", ".join(one[: len(given) + 4] for one in found[:5])
        raise UsageError(f"found {len(found)} {what} that begin with {given}: {names}; give more of it (`{command}`)")
    return found[0] if found else given
