"""Recognised text of pages is kept for as long as a document rests on it, and for no longer."""

import stat
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from ragloop.corpus.parsing.pages.recognised import FOLDER
from ragloop.corpus.parsing.pages.tesseract import PROGRAM
from tests.support.dying import Killed
from tests.support.indexed_folder import IndexedFolder
from tests.support.notified_queue import NotifiedQueue
from tests.support.scans import picture, saved, scanned

if TYPE_CHECKING:
    from tests.support.s3_server import Bucket

COUNTING = r"""#!/bin/sh
test "$1" = --version && echo tesseract that counts && exit
echo >> "%s"
printf '5\t1\t1\t1\t1\t1\t0\t0\t90\t30\t90\tsheet%%s\n' $(cksum | cut -d' ' -f1)
"""
"""A program in the place of Tesseract that names each image by its checksum, and counts how often it is asked."""


class Scans(IndexedFolder):
    """An indexed folder whose scans that program reads."""

    def count(self) -> int:
        """How many pages were recognised since this was last asked."""
        asked = self.home.parent / "asked"
        count = len(asked.read_text().splitlines()) if asked.is_file() else 0
        asked.unlink(missing_ok=True)
        return count

    def kept(self) -> set[str]:
        folder = self.home / FOLDER
        return {one.name for one in folder.iterdir()} if folder.is_dir() else set()


@pytest.fixture
def scans(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scans:
    monkeypatch.setenv("PATH", str(tmp_path / "bin"), prepend=":")
    put_program(tmp_path / "bin", COUNTING % (tmp_path / "asked"))
    settings = {"sync": {"ocr": True, "ocr_engine": "tesseract"}}
    return Scans(tmp_path / "home", tmp_path / "documents", settings=settings)


def put_program(folder: Path, script: str) -> None:
    folder.mkdir(exist_ok=True)
    program = folder / PROGRAM
    program.write_text(script)
    program.chmod(program.stat().st_mode | stat.S_IXUSR)


def page(text: str) -> Image.Image:
    return picture(text, width=300)


@contextmanager
def killed_after_a_delete(step: str) -> Iterator[None]:
    yield
    if step.startswith("delete index_"):
        raise Killed


@contextmanager
def killed_at_a_commit(step: str) -> Iterator[None]:
    if step.split()[0] in ("insert", "upsert") and " index_" in step:
        raise Killed
    yield


def test_an_edit_of_one_page_of_a_book_recognises_that_page_and_drops_the_old_one(scans: Scans) -> None:
    pages = [page(one) for one in ("Ropes", "Fires", "Tides", "Winds")]
    scans.write("book.pdf", scanned(*pages))
    scans.sync()
    before = scans.kept()
    assert (scans.count(), len(before)) == (4, 4)
    pages[1] = page("Tents")
    scans.write("book.pdf", scanned(*pages))
    assert scans.sync().updated == 1
    after = scans.kept()
    assert scans.count() == 1
    assert (len(after), len(before & after)) == (4, 3)
    (scans.folder / "book.pdf").rename(scans.folder / "renamed.pdf")
    assert scans.sync().renamed == 1
    scans.settings = {**scans.settings, "index": {"chunk_tokens": 50}}
    assert scans.sync().added == 1
    assert (scans.count(), scans.kept()) == (0, after), "a rename and a new generation recognise nothing"


def test_a_page_that_two_documents_share_is_recognised_once_and_kept_until_neither_is_there(scans: Scans) -> None:
    shared = page("Ropes")
    scans.write("a.pdf", scanned(shared))
    scans.write("b.pdf", scanned(shared, page("Fires")))
    scans.sync()
    before = scans.kept()
    assert (scans.count(), len(before)) == (2, 2)
    (scans.folder / "b.pdf").unlink()
    scans.sync()
    assert len(scans.kept()) == 1
    assert scans.kept() < before
    (scans.folder / "a.pdf").unlink()
    scans.sync()
    assert scans.kept() == set()


def test_a_kill_after_a_delete_leaves_a_page_that_maintenance_drops(scans: Scans) -> None:
    scans.write("a.pdf", scanned(page("Ropes")))
    scans.write("b.pdf", scanned(page("Fires")))
    scans.sync()
    (scans.folder / "a.pdf").unlink()
    scans.boundary = killed_after_a_delete
    with pytest.raises(Killed):
        scans.sync()
    scans.boundary = nullcontext
    assert len(scans.kept()) == 2
    (finding,) = scans.app().corpus.diagnose(offline=True).findings
    assert (finding.check, finding.count) == ("orphan-pages", 1)
    assert len(scans.kept()) == 2, "looking deletes nothing"
    scans.app().corpus.maintain()
    assert len(scans.kept()) == 1
    assert scans.app().corpus.diagnose(offline=True).healthy


def test_doctor_deletes_what_no_document_rests_on(scans: Scans) -> None:
    scans.write("a.pdf", scanned(page("Ropes")))
    scans.sync()
    before = scans.kept()
    (scans.home / FOLDER / "left.json").write_text("{}")
    assert scans.app().corpus.diagnose(offline=True, repair=True).healthy
    assert scans.kept() == before


def test_what_a_killed_sync_recognised_is_not_recognised_by_the_next(scans: Scans) -> None:
    scans.write("a.pdf", scanned(page("Ropes")))
    scans.boundary = killed_at_a_commit
    with pytest.raises(Killed):
        scans.sync()
    before = scans.kept()
    assert scans.count() == 1
    scans.boundary = nullcontext
    scans.sync()
    assert (scans.count(), scans.kept()) == (0, before)


def test_a_document_that_can_no_longer_be_read_keeps_the_pages_of_its_last_good_revision(scans: Scans) -> None:
    scans.write("a.pdf", scanned(page("Ropes")))
    scans.sync()
    before = scans.kept()
    scans.write("a.pdf", b"no PDF any more")
    assert scans.sync().failed == 1
    assert scans.kept() == before
    assert any(one.startswith("sheet") for one in scans.found("sheet"))


def test_nothing_is_dropped_while_the_index_that_names_it_is_damaged(scans: Scans) -> None:
    scans.write("a.pdf", scanned(page("Ropes")))
    scans.sync()
    before = scans.kept()
    (table,) = (scans.home / "store").glob("index_*.lance")
    for file in (table / "data").iterdir():
        file.write_bytes(b"")
    scans.app().corpus.maintain()
    assert scans.kept() == before


def test_recognised_text_says_so_where_it_is_shown_and_found(indexed: IndexedFolder) -> None:
    indexed.settings = {"sync": {"ocr": True}}
    indexed.write("a.pdf", scanned(picture("Ropes and knots", width=500)))
    indexed.write("b.md", "# Fires\n\nNo fires ashore.\n")
    indexed.sync()
    shown = {name: indexed.app().document(name)[1] for name in ("a.pdf", "b.md")}
    assert shown["b.md"][0].confidence is None
    assert 0.8 < (shown["a.pdf"][0].confidence or 0) <= 1
    passages = {Path(one.uri).name: one for one in indexed.app().answering.search("ropes").passages}
    assert passages["a.pdf"].confidence == shown["a.pdf"][0].confidence
    assert passages["a.pdf"].heading == "page 1"
    assert passages["b.md"].confidence is None


def test_a_text_is_found_before_its_poor_scan(scans: Scans, tmp_path: Path) -> None:
    row = r"5\t1\t1\t1\t1\t1\t0\t0\t90\t30\t60\tNo fires ashore.\n"
    put_program(tmp_path / "bin", f"#!/bin/sh\ncat > /dev/null\nprintf '{row}'\n")
    for name in "abcdef":
        scans.write(f"{name}.pdf", scanned(page("x")))
        scans.write(f"{name}.txt", "No fires ashore.")
    scans.sync()
    passages = scans.app().answering.search("fires ashore", 12).passages
    assert [one.confidence for one in passages] == [None] * 6 + [0.6] * 6


@pytest.mark.long
def test_pages_recognised_under_another_setting_go_with_the_generation_that_rests_on_them(scans: Scans) -> None:
    scans.write("a.pdf", scanned(page("Ropes")))
    scans.sync()
    before = scans.kept()
    scans.settings = {"sync": {**scans.settings["sync"], "ocr_languages": "deu"}}
    assert scans.sync().added == 1
    assert scans.count() == 2
    assert len(scans.kept()) == 1
    assert not scans.kept() & before
    scans.settings = {}
    scans.sync()
    assert scans.kept() == set()


# ---- images that pages show ----------------------------------------------------------------------------------------


@pytest.fixture
def illustrated(scans: Scans) -> Scans:
    scans.settings = {"sync": {**scans.settings["sync"], "ocr_images": True}}
    return scans


def as_png(text: str) -> bytes:
    return saved(page(text), "PNG")


def texts(scans: Scans, name: str) -> list[str]:
    return [one.text for one in scans.app().document(name)[1]]


@pytest.mark.long
def test_the_images_of_a_page_are_recognised_in_it_and_followed(illustrated: Scans) -> None:
    illustrated.write("guide/p.html", '<h1>Plan</h1><p>Berths.</p><img src="../art/a%20b.png?v=2">')
    illustrated.write("art/a b.png", as_png("Ropes"))
    report = illustrated.sync()
    assert (report.scanned, report.added, len(report.read_in_part)) == (1, 1, 0)
    (before,) = texts(illustrated, "p.html")
    assert before.startswith("Berths.\n\nsheet")
    report = illustrated.sync()
    assert (report.updated, report.commits, illustrated.count()) == (0, 0, 1), "nothing changed"
    illustrated.write("art/a b.png", as_png("Fires"))
    assert illustrated.sync().updated == 1
    (after,) = texts(illustrated, "p.html")
    assert after.startswith("Berths.\n\nsheet")
    assert after != before
    assert len(illustrated.kept()) == 1
    (illustrated.folder / "art/a b.png").unlink()
    report = illustrated.sync()
    assert texts(illustrated, "p.html") == ["Berths."]
    (part,) = report.read_in_part
    assert part.left_out == ("1 image of the page was not read: ../art/a%20b.png?v=2",)
    assert illustrated.kept() == set()


def test_a_page_shows_no_image_from_outside_of_its_source_nor_what_is_excluded(
    illustrated: Scans, tmp_path: Path
) -> None:
    (tmp_path / "secret.png").write_bytes(as_png("Secret"))
    illustrated.write(".keys/k.png", as_png("Keys"))
    (illustrated.folder / "link.png").symlink_to(tmp_path / "secret.png")
    illustrated.write("p.html", '<p>x</p><img src="../secret.png"><img src=".keys/k.png"><img src="link.png">')
    (part,) = illustrated.sync().read_in_part
    assert part.left_out == ("3 images of the page were not read: ../secret.png, .keys/k.png, link.png",)
    assert illustrated.count() == 0


def test_no_more_than_some_megabytes_of_images_are_read_of_a_page(illustrated: Scans) -> None:
    with illustrated.write("large.png", b"").open("wb") as file:
        file.truncate(33 * 2**20)
    illustrated.write("small.png", as_png("Ropes"))
    illustrated.write("p.html", '<p>x</p><img src="large.png"><img src="small.png">')
    (part,) = illustrated.sync().read_in_part
    assert part.left_out == ("1 image of the page was not read: large.png",)
    assert illustrated.count() == 1


def test_the_original_of_a_page_is_shown_with_its_images(illustrated: Scans) -> None:
    illustrated.write("p.html", '<p>Berths.</p><img src="a.png">')
    illustrated.write("a.png", as_png("Ropes"))
    illustrated.sync()
    app = illustrated.app()
    found, _ = app.document("p.html")
    assert "sheet" in app.corpus.original(found)


@pytest.mark.long
def test_a_change_in_a_bucket_sweeps_the_pages_that_nothing_names_any_more(
    scans: Scans, bucket: "Bucket", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_SQS", bucket.server.endpoint)
    queue = NotifiedQueue(bucket)
    source = {"name": "scans", "uri": bucket.uri("docs"), "queue": queue.url}
    scans.settings = {**scans.settings, "sources": [source]}
    bucket.write("docs/a.pdf", scanned(page("Ropes"), page("Fires")))
    bucket.write("docs/b.pdf", scanned(page("Tides")))
    scans.app().corpus.sync()
    corpus = scans.app().corpus
    corpus.changes.drain(corpus.watched(), wait_s=0)
    before = scans.kept()
    assert (scans.count(), len(before)) == (3, 3)
    bucket.write("docs/a.pdf", scanned(page("Ropes"), page("Winds")))
    bucket.remove("docs/b.pdf")
    corpus = scans.app().corpus
    assert corpus.changes.drain(corpus.watched(), wait_s=0).report.deleted == 1
    after = scans.kept()
    assert (scans.count(), len(after), len(after & before)) == (1, 2, 1)


def test_the_images_of_a_page_in_a_bucket_are_recognised(illustrated: Scans, bucket: "Bucket") -> None:
    illustrated.settings = {**illustrated.settings, "sources": [{"name": "web", "uri": bucket.uri("docs")}]}
    bucket.write("docs/p.html", '<p>Berths.</p><img src="art/a.png">')
    bucket.write("docs/art/a.png", as_png("Ropes"))
    illustrated.app().corpus.sync()
    (text,) = texts(illustrated, "p.html")
    assert text.startswith("Berths.\n\nsheet")
