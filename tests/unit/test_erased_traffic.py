"""Which answers of another service rest on what was erased."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ragloop.erasure.certificate import Certificate, Certificates, Erasures
from ragloop.erasure.traces import KeptOut, Traces
from ragloop.erasure.words import Names, Wordings
from ragloop.errors import MismatchError
from ragloop.store.files import FolderFiles
from ragloop.traffic.exchange import Exchange, Shown, Vote, rests_on

HIVES = "Anna Brandt keeps eleven hives behind the chapel of Lindholm."
FERRY = Shown("The ferry leaves the north pier at nine.", ("guide/ferry.md",))
BEES = Shown("", ("guide/bees.md",))
SALT = "salt"
ERASED = KeptOut(
    (
        Traces("other"),
        Traces(
            SALT,
            documents=frozenset({"0" * 32}),
            names=Names.of(SALT, ["guide/bees.md"]),
            runs=Wordings.of([HIVES]).hashed(SALT),
        ),
    )
)


def asked(answer: str, *shown: Shown, **more: Any) -> Exchange:
    return Exchange("Who keeps them?", answer, shown, **more)


@pytest.mark.parametrize(
    ("exchange", "rests"),
    [
        (asked("Nobody knows."), False),
        (asked(f"They say: {HIVES}"), True),
        (asked("At nine [1].", FERRY, BEES), False),
        (asked("Anna [2].", FERRY, BEES), True),
        (asked("Anna.", FERRY, BEES), True),
        (asked("Anna.", FERRY, Shown(HIVES)), True),
        (asked("Anna.", Shown("A text.", external_id="0" * 32)), True),
        (asked("Anna.", Shown(), prompt=f"Answer from this: {HIVES}"), True),
        (asked("At nine [1].", FERRY, prompt=f"Answer from this: {HIVES}"), False),
        (asked("Nobody knows.", votes=(Vote("correction", HIVES),)), True),
    ],
    ids=["other", "answer", "shown", "cited", "unmarked", "text", "id", "prompt", "text and prompt", "correction"],
)
def test_an_answer_rests_on_what_it_says_and_on_what_it_cites(exchange: Exchange, *, rests: bool) -> None:
    assert rests_on(exchange, ERASED) is rests
    assert not rests_on(exchange, KeptOut())


class Counted(FolderFiles):
    """Files that count how often one is read."""

    reads = 0

    def read(self, name: str) -> Iterator[bytes]:
        self.reads += 1
        return super().read(name)


def test_a_record_is_read_again_only_where_it_is_new_or_changed(tmp_path: Path) -> None:
    files = Counted(tmp_path / "artifacts")
    certificates = Certificates(files, tmp_path)
    certificates.write(Certificate("1", "2026-01-01", ERASED.erased[1]))
    erasures = Erasures(certificates)
    for _ in range(2):
        assert erasures.kept_out().rest_in([HIVES])
    assert files.reads == 1
    certificates.write(Certificate("2", "2026-01-02", ERASED.erased[0]))
    assert len(erasures.kept_out().erased) == 2
    assert files.reads == 2
    certificates.write(Certificate("1", "2026-01-01", ERASED.erased[1], lifted_at="2026-01-03"))
    assert not erasures.kept_out().rest_in([HIVES])
    (tmp_path / "artifacts" / "erasures" / "2.json").write_text("{")
    with pytest.raises(MismatchError, match=r"2\.json"):
        erasures.kept_out()
