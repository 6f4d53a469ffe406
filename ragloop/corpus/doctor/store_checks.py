"""Checks of the store: its tables, its generations, adapters, the embedder's files, what is left over, and the log."""

import shutil

from ragloop.catalogue import Recreation
from ragloop.corpus.doctor.check import Check, Completion, Found, named
from ragloop.corpus.doctor.examination import Examination
from ragloop.corpus.index.generations.generation import CHUNKER, PARSER, GenerationState
from ragloop.corpus.index.generations.table import Generations, restore_generations, set_damaged_aside
from ragloop.corpus.index.retention import GRACE, drop_unnamed_pages, unnamed_pages
from ragloop.journal import Journal
from ragloop.registry import Request
from ragloop.store import TABLES

_RESTORE = "`ragloop restore --replace` brings back a backup of the whole store"
_EVIDENCE = f"none: nothing can rebuild them; {_RESTORE}"
_BASE_ANSWERS = "the base model answers in place of the champion"
_REBUILT_BY_SYNC = "a sync rebuilds it"


def _unreadable(examined: Examination) -> Found:
    tables = examined.tables
    evidence = tables.recreatable(Recreation.NEVER)
    others = " and ".join(sorted(tables.recreations.keys() - evidence))
    once_removed = f"; but {others}, once their folder is removed, by a repair"
    return named(tables.unreadable, repair=_EVIDENCE + once_removed * bool(tables.unreadable - evidence))


def _lost(examined: Examination) -> Found:
    return named(examined.tables.missing & examined.tables.recreatable(Recreation.NEVER))


def _missing(examined: Examination) -> Found:
    return named(examined.tables.missing & examined.tables.recreatable(Recreation.EMPTY))


def _create_missing(examined: Examination) -> None:
    for name in examined.tables.missing & examined.tables.recreatable(Recreation.EMPTY):
        examined.store.tables.create(name, TABLES[name])


def _reconstructed(examined: Examination) -> Found:
    made = examined.generations.reconstruction
    if made is None or made.known is None:
        return Found()
    tables = ", ".join(one.table for one in made.known) or "no index"
    return Found(1, detail=f"the table of generations is gone; found {tables}")


def _recreate_generations(examined: Examination) -> None:
    restore_generations(examined.store, examined.generations.known or ())


def _unknown(examined: Examination) -> Found:
    made = examined.generations.reconstruction
    unknown = made is not None and made.known is None
    return Found(int(unknown), detail=f"the table of generations is gone; {made.why if made else ''}")


def _gone(examined: Examination) -> Found:
    known = examined.generations.known or ()
    return named(
        one.table for one in known if one.state == GenerationState.ACTIVE and not examined.generations.is_held(one)
    )


def _none_answers(examined: Examination) -> Found:
    known = examined.generations.known
    if known is None or examined.generations.active is not None or _gone(examined).count:
        return Found()
    return Found(int(bool(known or examined.store.tables.names("index_"))))


def _outdated(examined: Examination) -> Found:
    active = examined.generations.active
    if active is None:
        return Found()
    parser = active.parser.partition(" with ")[0]
    if parser == f"parser {PARSER}" and active.chunker.startswith(f"chunker {CHUNKER}/"):
        return Found()
    detail = f"made by {active.parser} and {active.chunker}; this ragloop has parser {PARSER}, chunker {CHUNKER}"
    return Found(1, detail=detail)


def _damaged_beside(examined: Examination) -> Found:
    return named(examined.generations.damaged_beside)


def _set_generations_aside(examined: Examination) -> None:
    set_damaged_aside(examined.store, examined.generations.damaged_beside)


def _lost_adapters(examined: Examination) -> Found:
    """Find adapters whose files are lost. Nothing of them is removed: what is left, row and log say what they were."""
    return named(examined.adapters.lost_adapters)


def _lost_champion(examined: Examination) -> Found:
    adapters = examined.adapters
    lost = adapters.champion_id in adapters.lost_adapters and bool(adapters.champion_trouble)
    return Found(int(lost), detail=f"{_BASE_ANSWERS}: {adapters.champion_trouble}")


def _roll_back(examined: Examination) -> None:
    adapters = examined.adapters
    if adapters.registry is not None:
        adapters.registry.rollback("it cannot serve", Request(adapters.champion_id), by="ragloop doctor --repair")


def _other_champion(examined: Examination) -> Found:
    """Find a champion that does not fit the settings. Settings may be set back; who serves is a person's decision."""
    other = examined.adapters.champion_trouble and examined.adapters.champion_id not in examined.adapters.lost_adapters
    return Found(int(bool(other)), detail=f"{_BASE_ANSWERS}: {examined.adapters.champion_trouble}")


def _interrupted(examined: Examination) -> Found:
    return named(examined.patient.interrupted())


def _damaged_model(examined: Examination) -> Found:
    return named(examined.damaged_model_files, f"files in {examined.model} that are not as they were made")


def _remove_model(examined: Examination) -> None:
    if examined.model is not None:
        shutil.rmtree(examined.model)


def _orphan_tables(examined: Examination) -> Found:
    return named(examined.orphan_tables)


def _set_orphans_aside(examined: Examination) -> None:
    for name in examined.orphan_tables:
        examined.store.tables.set_aside(name)


def _orphan_files(examined: Examination) -> Found:
    return named(f"{table}/{file}" for table, files in examined.orphan_files.items() for file in files)


def _clean_up(examined: Examination) -> None:
    for name in examined.orphan_files.keys() - examined.generations.damaged_beside:
        with examined.store.writing("optimize", name):
            examined.store.table(name).optimize(cleanup_older_than=GRACE, delete_unverified=True)


def _orphan_pages(examined: Examination) -> Found:
    if examined.generations.known is None:
        return Found()
    return named(one.name for one in unnamed_pages(Generations(examined.store)))


def _drop_pages(examined: Examination) -> None:
    drop_unnamed_pages(Generations(examined.store))


def _unreadable_lines(examined: Examination) -> Found:
    where = examined.store.home / "journal" / "unreadable.lines"
    repair = f"none: look at {where}, and remove it when it is of no use"
    return Found(Journal(examined.store).unreadable(), repair=repair)


TABLE_CHECKS = (
    Check("tables", "tables that cannot be read", _EVIDENCE, _unreadable),
    Check("lost-tables", "tables that are gone", _EVIDENCE, _lost),
    Check(
        "missing-tables",
        "tables that are gone, with what they held of scans, syncs and measurements",
        "created, empty",
        _missing,
        _create_missing,
    ),
    Check(
        "generations",
        "the table of generations is gone, and the settings build the only index that is there",
        "recreated: what the settings build is what answers",
        _reconstructed,
        _recreate_generations,
    ),
    Check(
        "generations",
        "the table of generations is gone, and nobody knows which index answers",
        f"none: {_RESTORE}, `ragloop sync --rebuild` rebuilds the index",
        _unknown,
    ),
)

MODEL_CHECKS = (
    Check(
        "adapters",
        "adapters whose files are gone or were changed, or of which the row is gone",
        f"none: retrain, or {_RESTORE}",
        _lost_adapters,
    ),
    Check(
        "champion",
        f"{_BASE_ANSWERS}, whose files or row are lost",
        "rolled back to the newest adapter before it that can serve, or to the base model",
        _lost_champion,
        _roll_back,
    ),
    Check(
        "champion",
        f"{_BASE_ANSWERS}, which was trained on another one",
        "none: set `model.base` back, or retrain",
        _other_champion,
    ),
    Check(
        "model",
        "files of the exported embedder that are not as they were made",
        "the folder is deleted, and exported again when it is next used",
        _damaged_model,
        _remove_model,
        destroys=True,
    ),
)

GENERATION_CHECKS = (
    Check(
        "generation",
        "the table of the generation that answers is gone",
        _REBUILT_BY_SYNC,
        _gone,
        completed_by=Completion.SYNC,
    ),
    Check("generation", "no generation answers", _REBUILT_BY_SYNC, _none_answers, completed_by=Completion.SYNC),
    Check(
        "generation",
        "the generation that answers was made by other parsers or another chunker than this release has",
        "a sync builds a new one beside it",
        _outdated,
        completed_by=Completion.SYNC,
    ),
    Check(
        "kept-generations",
        "kept generations that are damaged",
        "set aside",
        _damaged_beside,
        _set_generations_aside,
    ),
)

LEFTOVER_CHECKS = (
    Check(
        "erasures",
        "erasures that were interrupted: of what they are about, something may still be there",
        "a sync completes them first; so does `ragloop erase resume`",
        _interrupted,
        completed_by=Completion.SYNC,
    ),
    Check(
        "orphan-tables",
        "tables that no generation names, or that have no version",
        "set aside, in the folder aside beside the store",
        _orphan_tables,
        _set_orphans_aside,
    ),
    Check(
        "orphan-files",
        "files that no version of a table names",
        "deleted by LanceDB's own cleanup",
        _orphan_files,
        _clean_up,
        destroys=True,
    ),
    Check(
        "orphan-pages",
        "recognised text of images that no document rests on",
        "deleted",
        _orphan_pages,
        _drop_pages,
        destroys=True,
    ),
)

LOG_CHECKS = (
    Check(
        "log",
        "lines of the log that could not be read",
        "none: look at `journal/unreadable.lines` in the home, and remove it when it is of no use",
        _unreadable_lines,
    ),
)
