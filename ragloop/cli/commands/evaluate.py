"""`ragloop evaluate`: compare the champion with the base model again, or two configurations on golden questions."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ragloop.cli.options import Json, encodable, open_app
from ragloop.cli.output import print_json, print_table, say
from ragloop.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ragloop.learning.comparing.comparison import Comparison
    from ragloop.learning.evaluation.review import Review

_GOLDEN = "File of golden questions, JSON lines; default: those of dataset.golden and of `ragloop golden add`."


def evaluate(
    golden: Annotated[Path | None, typer.Option("--golden", metavar="FILE", help=_GOLDEN)] = None,
    a: Annotated[
        str | None, typer.Option("--a", metavar="CFG", help="Settings that differ, such as rerank=off,top_k=4.")
    ] = None,
    b: Annotated[str | None, typer.Option("--b", metavar="CFG", help="The same of what it is compared with.")] = None,
    batch: Annotated[int, typer.Option("--batch", min=1, max=1000, help="Questions answered together.")] = 1,
    markdown: Annotated[
        Path | None, typer.Option("--markdown", metavar="FILE", help="Write the comparison as a page, too.")
    ] = None,
    plot: Annotated[Path | None, typer.Option("--plot", metavar="FILE", help="Draw it as an SVG picture, too.")] = None,
    json: Json = False,
) -> None:
    """Compare the champion with the base model on the documents of today, or two configurations on golden questions.

    With --golden, --a or --b golden questions are asked with the settings as they are, changed as --a and --b say:
    names of settings with values, parted by commas. Retrieval, answers, abstentions, latency and costs are measured,
    with intervals of 95 %, and nothing is logged. A latency is that of a question asked alone, unless --batch is given.

    Without them the champion is compared, and keeps serving. Exit code 1 if the gate would reject it now: `ragloop
    adapters rollback` brings back the previous champion.
    """
    if golden or a is not None or b is not None:
        _compare(golden, a, b, batch, json=json, markdown=markdown, plot=plot)
    elif markdown or plot:
        raise UsageError("--markdown and --plot are of a comparison; name its questions with --golden FILE")
    else:
        _review(json=json)


def _compare(
    golden: Path | None,
    a: str | None,
    b: str | None,
    batch: int,
    *,
    json: bool,
    markdown: Path | None,
    plot: Path | None,
) -> None:
    from ragloop.cli.progress import progress

    given = None if b is None else encodable(b)
    with progress("asking", "questions") as advance:
        found = open_app().evaluation.compare(golden, encodable(a or ""), given, batch=batch, progress=advance)
    _write(found, markdown, plot)
    if json:
        from ragloop.learning.comparing.report import as_json

        print_json(as_json(found))
    else:
        _show(found)


def _write(found: "Comparison", markdown: Path | None, plot: Path | None) -> None:
    from ragloop.learning.comparing.report import as_markdown, as_svg

    try:
        if plot:
            plot.write_text(as_svg(found), encoding="utf-8")
        if markdown:
            markdown.write_text(as_markdown(found, plot.name if plot else ""), encoding="utf-8")
    except OSError as error:
        raise UsageError(f"cannot write {error.filename}: {error.strerror}; name another file") from None


def _show(found: "Comparison") -> None:
    from ragloop.learning.comparing.report import rows, slice_rows

    say(f"a: {found.a or 'the settings as they are'}")
    if found.b is not None:
        say(f"b: {found.b or 'the settings as they are'}")
    columns = ["measure", "a", "b", "b - a", "better", "n", "NaN"]
    print_table(f"{found.whole.questions:,} golden questions", rows(found.whole), columns)
    if slices := slice_rows(found):
        title = "Slices: means" if found.b is None else "Slices: b - a"
        print_table(title, slices, list(dict.fromkeys(name for row in slices for name in row)))
    for note in found.left_out:
        say(note)


def _review(*, json: bool) -> None:
    reviews = open_app().learning.reviews()
    if json:
        print_json(reviews_as_json(reviews))
    elif not reviews:
        say("the base model serves; there is no champion to evaluate")
    else:
        for one in reviews:
            _show_review(one)
    if any(one.worse for one in reviews):
        raise typer.Exit(1)


def reviews_as_json(reviews: "Sequence[Review]") -> dict[str, Any]:
    """Return the reviews of all lanes, under `champions`, beside the keys of the last one: its lane changed last."""
    last = asdict(reviews[-1]) if reviews else {"adapter_id": None}
    of_lanes = [{**asdict(one), "worse": one.worse} for one in reviews]
    return {**last, "worse": any(one.worse for one in reviews), "champions": of_lanes}


def _show_review(review: "Review") -> None:
    rows = [{"model": who, **scores} for who, scores in review.scores.items()]
    print_table(f"Champion {review.adapter_id} of {review.lane}", rows, list(rows[0]))
    for reason in (*review.verdict.reasons, *review.notes):
        say(f"  {reason}")
