"""A document that makes its parser hang, explode or crash is refused alone; the next one is read by a new worker."""

import gc
import os
import signal
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ragloop.app import App
from ragloop.config import Settings
from ragloop.corpus.chunking.chunker import Chunk, chunk
from ragloop.corpus.index import documents, inventory
from ragloop.corpus.isolation.process import SHORT_TEXT_BYTES, DocumentParser
from ragloop.corpus.parsing import media_type, parse
from ragloop.corpus.parsing.limits import ParseLimits
from ragloop.errors import DocumentError, ParserStoppedError, UnavailableError
from tests.support.cpu import cpu_seconds_below
from tests.support.indexed_folder import IndexedFolder, document
from tests.support.made_documents import W, archive, docx, paragraph, pdf, relations, stream, xlsx

MIB = 2**20
GOOD = pdf("A page that can be read.")
LONG = b"A sentence ends. " * MIB
OLD_LETTER = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600)


@pytest.fixture
def parser() -> Iterator[DocumentParser]:
    with DocumentParser() as one:
        yield one


PATIENT, IMPATIENT = ParseLimits(), ParseLimits(seconds=1.0)
"""A document that is to be read has the minute that is the default; only one that never ends has a second."""


def limited(**limits: float) -> DocumentParser:
    return DocumentParser(ParseLimits(**limits))


def read(parser: DocumentParser, data: bytes, name: str) -> str:
    return parser.parse(data, media_type(name) or "", name).text


def refusal(parser: DocumentParser, data: bytes, name: str) -> str:
    with pytest.raises(DocumentError) as caught:
        read(parser, data, name)
    return str(caught.value)


def is_running(pid: int) -> bool:
    """Whether there is such a process; one that ended and was not waited for counts as ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


def wait_until(condition: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)


# ---- documents that take more than they may ------------------------------------------------------------------------


def endless_form(fanout: int = 12, depth: int = 9) -> bytes:
    """A page that draws a form, which draws the next one a dozen times, and so on: each is small, together endless."""
    forms = [
        b"%d 0 obj\n%s\nendobj\n"
        % (
            500 + n,
            stream(
                b"/X Do " * fanout if n < depth else b"BT /F 10 Tf (x) Tj ET",
                b"/Type/XObject/Subtype/Form/BBox[0 0 9 9]/Resources<</Font<</F 3 0 R>>/XObject<</X %d 0 R>>>>"
                % (501 + n),
            ),
        )
        for n in range(depth + 1)
    ]
    page = (
        b"10 0 obj\n<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Contents 11 0 R"
        b"/Resources<</XObject<</X 500 0 R>>/Font<</F 3 0 R>>>>>>\nendobj\n11 0 obj\n"
    )
    return pdf("unused", extra=[page, stream(b"/X Do"), b"\nendobj\n", *forms])


def deflated_stream(megabytes: int) -> bytes:
    """A page whose content is nothing but blanks once it is unpacked."""
    packer = zlib.compressobj(9)
    packed = b"".join(packer.compress(b" " * MIB) for _ in range(megabytes)) + packer.flush()
    content = b"11 0 obj\n" + stream(packed, b"/Filter/FlateDecode") + b"\nendobj\n"
    return pdf("unused", extra=[content])


def zip_bomb(megabytes: int) -> bytes:
    start = f"<w:document {W}><w:body><w:p><w:r><w:t>".encode()
    return archive(
        {
            "_rels/.rels": relations(r1="officeDocument:word/document.xml"),
            "word/document.xml": start + b"a" * (megabytes * MIB),
        }
    )


def many_cells(rows: int) -> bytes:
    row = "<row>" + '<c t="inlineStr"><is><t>x</t></is></c>' * 100 + "</row>"
    return xlsx({"S": row * rows})


def test_a_document_that_takes_too_long_is_refused_and_the_next_is_read(parser: DocumentParser) -> None:
    assert read(parser, GOOD, "a.pdf")
    first = parser.worker_pid
    assert first is not None
    parser.limits = IMPATIENT
    with pytest.raises(ParserStoppedError, match=r"longer than 1 s and was stopped.*sync\.max_parse_seconds"):
        read(parser, endless_form(), "endless.pdf")
    assert parser.worker_pid is None
    assert not is_running(first)
    parser.limits = PATIENT
    assert read(parser, GOOD, "b.pdf") == "A page that can be read."
    assert parser.worker_pid not in (None, first)


def test_a_worker_that_does_not_answer_is_killed_even_while_it_is_written_to(parser: DocumentParser) -> None:
    read(parser, GOOD, "a.pdf")
    stopped = parser.worker_pid
    assert stopped is not None
    os.kill(stopped, signal.SIGSTOP)
    parser.limits = IMPATIENT
    with pytest.raises(ParserStoppedError, match="longer than 1 s"):
        read(parser, GOOD + b"\n" * 10 * MIB, "large.pdf")  # more than a pipe holds
    assert not is_running(stopped)
    parser.limits = PATIENT
    assert read(parser, GOOD, "b.pdf")


def test_a_conversion_that_takes_too_long_is_killed_with_what_it_started(tmp_path: Path) -> None:
    converter, started = tmp_path / "converter", tmp_path / "started"
    converter.write_text(
        f"#!/bin/sh\nsleep 300 &\necho $$ $! $TMPDIR > {started}.part\nmv {started}.part {started}\nwait\n"
    )
    converter.chmod(0o755)
    with DocumentParser(ParseLimits(seconds=20, office_converter=str(converter))) as parser:
        reading = threading.Thread(target=lambda: refused.append(refusal(parser, OLD_LETTER, "old.doc")))
        refused: list[str] = []
        reading.start()
        wait_until(started.exists, 20)
        shell, child, scratch = started.read_text().split()
        parser.abandon()
        reading.join()
    assert "was killed by SIGKILL" in refused[0]
    wait_until(lambda: not is_running(int(shell)) and not is_running(int(child)))
    assert not Path(scratch).exists()


def test_a_conversion_has_the_time_of_a_document(tmp_path: Path) -> None:
    converter = tmp_path / "converter"
    converter.write_text("#!/bin/sh\nsleep 300\n")
    converter.chmod(0o755)
    with DocumentParser(ParseLimits(seconds=1, office_converter=str(converter))) as parser:
        assert "took longer than 1 s" in refusal(parser, OLD_LETTER, "old.doc")


def test_a_zip_bomb_is_refused_before_it_is_unpacked(parser: DocumentParser) -> None:
    bomb = zip_bomb(40)
    assert len(bomb) < MIB
    parser.limits = ParseLimits(unpacked_bytes=32 * MIB)
    with pytest.raises(DocumentError, match=r"unpacks to more than 33,554,432 bytes.*sync\.max_unpacked_mb"):
        read(parser, bomb, "bomb.docx")


def test_what_needs_too_much_memory_is_refused_and_the_sync_keeps_its_own() -> None:
    with limited(memory_bytes=150 * MIB) as parser:
        read(parser, GOOD, "a.pdf")
        before = resident_bytes()
        for name, data in (("bomb.docx", zip_bomb(200)), ("bomb.pdf", deflated_stream(400))):
            with pytest.raises(DocumentError):
                read(parser, data, name)
            assert read(parser, GOOD, "b.pdf")
        assert resident_bytes() - before < 30 * MIB


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def test_memory_that_runs_out_is_named_as_the_reason() -> None:
    with (
        limited(memory_bytes=120 * MIB) as parser,
        pytest.raises(ParserStoppedError, match=r"120 MiB of memory.*sync\.max_parse_mb"),
    ):
        read(parser, many_cells(20_000), "wide.xlsx")


# ---- a worker that dies -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSEGV])
def test_a_worker_that_dies_takes_its_document_alone(parser: DocumentParser, how: signal.Signals) -> None:
    read(parser, GOOD, "a.pdf")
    pid = parser.worker_pid
    assert pid is not None

    def killing(texts: Sequence[str]) -> list[int]:
        os.kill(pid, how)
        return count_words(texts)

    with pytest.raises(ParserStoppedError, match=f"was killed by {how.name} at this document"):
        parser.chunks(LONG, "text/plain", "a.txt", killing, 200)
    assert read(parser, GOOD, "b.pdf")


def test_a_worker_that_dies_between_documents_costs_none(parser: DocumentParser) -> None:
    read(parser, GOOD, "a.pdf")
    pid = parser.worker_pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not is_running(pid))
    assert read(parser, GOOD, "b.pdf")


def test_a_worker_that_cannot_start_is_no_fault_of_a_document(
    parser: DocumentParser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(UnavailableError, match="the parsing process did not start"):
        read(parser, GOOD, "a.pdf")


# ---- what a worker is ---------------------------------------------------------------------------------------------


def test_short_texts_start_no_worker_and_long_ones_do(parser: DocumentParser) -> None:
    assert read(parser, b"# Title\n\nText.\n", "a.md")
    assert parser.worker_pid is None
    long = b"word\n\n" * (SHORT_TEXT_BYTES // 6 + 1)
    assert read(parser, long, "a.txt") == long.decode()
    assert parser.worker_pid is not None


def test_the_worker_yields_what_parsing_here_yields(parser: DocumentParser) -> None:
    documents = {
        "a.docx": docx(paragraph("Chapter", "berschrift1") + paragraph("Text.")),
        "a.pdf": pdf("One.", "Two.", outline=[("Second", 1)]),
        "a.html": "<h1>T</h1><p>é \U0001f600</p>".encode(),
        "a.csv": "Näme,Wert\nA,\U0001f600\n".encode("utf-16"),
    }
    for name, data in documents.items():
        kind = media_type(name) or ""
        assert parser.parse(data, kind, name) == parse(data, kind, name)


# ---- chunking -----------------------------------------------------------------------------------------------------


def count_words(texts: Sequence[str]) -> list[int]:
    return [len(text.split()) for text in texts]


def chunked(parser: DocumentParser, data: bytes, name: str) -> Sequence[Chunk]:
    return parser.chunks(data, media_type(name) or "", name, count_words, 200)[1]


def test_chunks_cut_in_the_worker_are_those_cut_here(parser: DocumentParser) -> None:
    prose = "# Title\n\n## Part\n\n" + "A sentence, of seven words: it ends. É \U0001f600\r\n" * 10_000
    table = "name,value\n" + "".join(f"row {n},{n * n}\n" for n in range(30_000))
    drawn = "| name | value |\r\n|---|---|\r\n" + "".join(f"| row {n} | {n * n} |\r\n" for n in range(20_000))
    for name, text in {"a.md": prose, "a.csv": table, "b.md": drawn}.items():
        there = chunked(parser, text.encode(), name)
        assert there == chunk(parse(text.encode(), media_type(name) or "", name), count_words, 200)
    assert all(one.text.startswith("| name | value |") for one in there)


def test_a_long_document_is_cut_outside_this_process_which_keeps_its_memory() -> None:
    with limited(seconds=300) as parser:
        chunked(parser, b"word " * 60_000, "warm.txt")
        before = resident_bytes()
        with cpu_seconds_below(20, time.process_time):
            assert chunked(parser, (b"," * 1999 + b"x\n") * 250, "commas.csv")
        assert resident_bytes() - before < 100 * MIB


def test_chunking_beyond_the_time_is_refused_by_name_and_the_next_document_is_cut(parser: DocumentParser) -> None:
    def slow(texts: Sequence[str]) -> list[int]:
        time.sleep(0.2)
        return count_words(texts)

    parser.limits = ParseLimits(seconds=3.0)
    with pytest.raises(ParserStoppedError, match=r"longer than 3 s .*chunks included: raise sync\.max_parse_seconds"):
        parser.chunks(LONG, "text/plain", "a.txt", slow, 200)
    parser.limits = PATIENT
    assert chunked(parser, GOOD, "b.pdf")


def test_chunking_beyond_the_memory_is_refused_by_name() -> None:
    with (
        limited(memory_bytes=150 * MIB) as parser,
        pytest.raises(ParserStoppedError, match=r"150 MiB of memory.*chunks included: raise sync\.max_parse_mb"),
    ):
        chunked(parser, b"ab cd " * 3 * MIB, "words.txt")


def test_a_tokenizer_that_fails_at_a_long_document_is_its_reason_and_the_next_is_cut(parser: DocumentParser) -> None:
    def failing(texts: Sequence[str]) -> list[int]:
        raise OverflowError("long")

    with pytest.raises(DocumentError, match="the chunker failed with OverflowError: long"):
        parser.chunks(LONG, "text/plain", "a.txt", failing, 200)
    assert chunked(parser, GOOD, "b.pdf")


def test_headings_that_grow_with_every_chunk_are_refused(parser: DocumentParser) -> None:
    page = "# " + "a" * 500_000 + "\n\n## b\n\n" + "A sentence ends. " * 30_000
    with pytest.raises(DocumentError, match=r"headings of more than 67,108,864 characters.*shorten the titles"):
        chunked(parser, page.encode(), "a.md")


MOST_OF_A_DOCUMENT_MB, MOST_BESIDE_MB = 20, 130
"""What docs/formats.md states: of the sync, for each MB of a document, and beside."""


@pytest.mark.long
@pytest.mark.parametrize("line", ["{}\n", "\U0001f600\U0001f601 {} \U0001f602\U0001f923\n"])
def test_a_document_takes_no_more_memory_of_a_sync_than_is_stated(tmp_path: Path, line: str) -> None:
    code = f"""
from pathlib import Path
from ragloop.models.training.memory.available import peak_mb as peak
from tests.support.indexed_folder import IndexedFolder
folder = IndexedFolder(Path({str(tmp_path)!r}) / "home", Path({str(tmp_path)!r}) / "docs")
folder.settings = {{"sync": {{"max_parse_seconds": 600}}}}
folder.write("small.md", "# A\\n\\nText.\\n")
folder.sync()
before = peak()
size = folder.write("large.txt", "".join(map({line!r}.format, range(600_000)))).stat().st_size
assert folder.sync().added == 1
print(size / 2**20, peak() - before)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    document_mb, taken_mb = map(float, done.stdout.split())
    assert document_mb > 3
    assert taken_mb < MOST_OF_A_DOCUMENT_MB * document_mb + MOST_BESIDE_MB


def test_a_title_of_colons_stops_no_sync(indexed: IndexedFolder) -> None:
    for name in ("short", "long"):
        title = ":a" * (100_000 if name == "short" else 300_000)
        indexed.write(f"{name}.rst", f"x{title}\n{'=' * len(title)}=\n\nText of {name}.\n")
    indexed.write("good.md", document("alpha"))
    with cpu_seconds_below(20, time.process_time):
        report = indexed.sync()
    assert (report.added, report.failed) == (3, 0)


def test_the_worker_inherits_no_open_file(parser: DocumentParser, tmp_path: Path) -> None:
    lease = (tmp_path / "lease").open("w")
    os.set_inheritable(lease.fileno(), True)
    read(parser, GOOD, "a.pdf")
    files = [one.readlink() for one in Path(f"/proc/{parser.worker_pid}/fd").iterdir()]
    assert not [one for one in files if one.is_relative_to(tmp_path)]
    lease.close()


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel ends a worker with its parent on Linux only")
def test_the_worker_ends_with_its_parent_in_the_middle_of_a_document(tmp_path: Path) -> None:
    (tmp_path / "endless.pdf").write_bytes(endless_form())
    code = (
        "import sys, threading, time; from pathlib import Path\n"
        "from ragloop.corpus.isolation.process import DocumentParser\n"
        "parser = DocumentParser(); data = Path(sys.argv[1]).read_bytes()\n"
        "threading.Thread(target=parser.parse, args=(data, 'application/pdf', 'a'), daemon=True).start()\n"
        "while parser.worker_pid is None: time.sleep(0.01)\n"
        "time.sleep(0.3); print(parser.worker_pid, flush=True); time.sleep(600)\n"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "endless.pdf")]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as parent:
        try:
            assert parent.stdout is not None
            worker = int(parent.stdout.readline())
            assert is_running(worker)
        finally:
            parent.kill()
    wait_until(lambda: not is_running(worker))


def test_an_idle_worker_ends_when_the_pipe_is_closed(parser: DocumentParser) -> None:
    read(parser, GOOD, "a.pdf")
    worker = parser._worker
    assert worker is not None
    assert worker._process.stdin is not None
    worker._process.stdin.close()
    assert worker._process.wait(10) == 0


def test_what_a_parser_prints_does_not_reach_the_reply(parser: DocumentParser) -> None:
    assert read(parser, GOOD, "a.pdf")
    standard_output, standard_error = (Path(f"/proc/{parser.worker_pid}/fd/{number}").readlink() for number in (1, 2))
    assert standard_output == standard_error


# ---- in a sync ----------------------------------------------------------------------------------------------------


def within(indexed: IndexedFolder, seconds: float) -> dict[str, object]:
    source = {"name": "docs", "uri": str(indexed.folder)}
    return {"sources": [source], "sync": {"max_parse_seconds": seconds}}


def test_one_poison_document_among_eleven_is_quarantined_and_keeps_its_last_good_revision(
    indexed: IndexedFolder,
) -> None:
    for number in range(9):
        indexed.write(f"{number}.md", document(f"topic{number}"))
    indexed.write("good.pdf", pdf("A page of the good document."))
    indexed.write("poison.pdf", pdf("The last good revision."))
    indexed.sync(within(indexed, seconds=60))
    for number in range(9):
        indexed.write(f"{number}.md", document(f"fresh{number}"))
    indexed.write("good.pdf", pdf("Another page of the good document."))
    indexed.write("poison.pdf", endless_form())
    report = indexed.sync(within(indexed, seconds=5))  # the good PDF has them too
    assert (report.scanned, report.updated, report.failed, report.complete) == (11, 10, 1, False)
    assert "Another page of the good document." in indexed.found("page of the good document")
    assert "The last good revision." in indexed.found("last good revision")
    (row,) = indexed.app().status()["quarantine"]
    assert (row["key"], row["attempts"]) == ("poison.pdf", 1)
    # A quick machine fills the memory before the time is up.
    assert "longer than 5 s" in row["reason"] or "within 1,024 MiB of memory" in row["reason"]


def test_what_a_parser_died_at_is_tried_again_later_and_what_is_no_document_is_not(
    indexed: IndexedFolder,
) -> None:
    indexed.write("scan.pdf", pdf(""))
    assert indexed.sync(within(indexed, seconds=60)).failed == 1
    indexed.write("endless.pdf", endless_form())
    settings = within(indexed, seconds=0.5)
    assert indexed.sync(settings).failed == 1
    assert indexed.sync(settings).documents_read == 0
    ledger = documents.ledger(indexed.app().index, "docs")
    assert ledger["scan.pdf"].retry_at is None
    due = ledger["endless.pdf"].retry_at
    assert due is not None
    given = {**indexed.settings, **settings}
    clock = datetime.fromtimestamp(due / 1e6, UTC)
    again = App(Settings(home=indexed.home, **given), embedder=indexed.embedder, now=lambda: clock).corpus.sync()
    assert (again.documents_read, again.failed, again.quarantined) == (1, 1, 2)
    assert {row["key"]: row["attempts"] for row in inventory.quarantine(indexed.app().index)} == {
        "endless.pdf": 2,
        "scan.pdf": 1,
    }


def test_a_file_of_two_gigabytes_is_quarantined_unread(indexed: IndexedFolder) -> None:
    indexed.write("a.md", document("alpha"))
    with indexed.write("huge.pdf", b"").open("wb") as file:
        file.truncate(2 * 1024 * MIB)
    before = resident_bytes()
    report = indexed.sync()
    assert (report.added, report.failed) == (1, 1)
    assert report.bytes_read < MIB
    assert resident_bytes() - before < 100 * MIB
    assert "found 2,147,483,648 bytes" in inventory.quarantine(indexed.app().index)[0]["reason"]


def test_a_sync_of_texts_alone_starts_no_worker(indexed: IndexedFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    indexed.write_numbered(3)
    assert indexed.sync().added == 3


def test_a_parser_that_nobody_holds_leaves_no_worker() -> None:
    parser = DocumentParser()
    read(parser, GOOD, "a.pdf")
    pid = parser.worker_pid
    assert pid is not None
    del parser
    gc.collect()
    assert not is_running(pid)


def test_a_fork_that_drops_a_parser_leaves_the_worker_to_its_owner(parser: DocumentParser) -> None:
    read(parser, GOOD, "a.pdf")
    worker = parser.worker_pid
    child = os.fork()
    if child == 0:
        parser.close()
        os._exit(0)
    os.waitpid(child, 0)
    assert parser.worker_pid == worker
    assert read(parser, GOOD, "b.pdf")


def test_a_sync_that_ends_leaves_no_worker(indexed: IndexedFolder) -> None:
    indexed.write("a.pdf", GOOD)
    indexed.sync()
    children = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split()
    assert not [one for one in children if b"parsing.worker" in Path(f"/proc/{one}/cmdline").read_bytes()]
