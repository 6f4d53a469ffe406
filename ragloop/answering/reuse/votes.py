"""Which words are not given again, since somebody voted against them or corrected them. Pure.

Both have an answer written anew. A generator that then writes the same words over the same passages has nothing else to
say, and they may be given again until somebody objects once more. Where it writes other words, those that somebody
objected to are never given again.
"""

from bisect import bisect_right
from collections.abc import Iterator, Sequence

from ragloop.language.citations import without_marks
from ragloop.records import EarlierAnswer


def disowned(answers: Sequence[EarlierAnswer]) -> frozenset[str]:
    """Return the words, without marks, that are not to be given again, of all answers that one key has."""
    return frozenset(_disowned(answers))


def _disowned(answers: Sequence[EarlierAnswer]) -> Iterator[str]:
    """Yield words that were not what was written next after somebody objected to them.

    What was written before them is not what was written next, though the clock was set back since.
    """
    written = sorted((one for one in answers if one.is_written), key=lambda one: one.asked_at)
    times = [one.asked_at for one in written]
    by_id = {one.interaction_id: one for one in answers}
    for one in (one for one in answers if one.objected_at):
        said, given = without_marks(one.answer), by_id.get(one.reused_from, one).asked_at
        places = [bisect_right(times, max(at, given)) for at in one.objected_at]
        anew = [{without_marks(next_.answer) for next_ in written[at : at + 1]} for at in places]
        if any(words != {said} for words in anew):
            yield said
