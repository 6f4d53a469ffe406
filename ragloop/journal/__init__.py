"""The durable log of answers and feedback.

    home/journal/current.jsonl    what was appended last; all processes append to it under a lock
    home/journal/sealed-*.jsonl   what is being folded into the tables `interactions` and `feedback`
    home/journal/unreadable.lines what is no entry

What reads the log reads the columns and the rows that it needs, and what is not folded yet beside them.
"""

from ragloop.journal.answered import Answered, passages_in
from ragloop.journal.entries import FEEDBACK_KINDS, LONGEST_CORRECTION, parsed, rests_on
from ragloop.journal.log import Corrected, Journal, Supporting, as_logged
from ragloop.journal.tables import ROW, LogTable, RowIds

__all__ = [
    "FEEDBACK_KINDS",
    "LONGEST_CORRECTION",
    "ROW",
    "Answered",
    "Corrected",
    "Journal",
    "LogTable",
    "RowIds",
    "Supporting",
    "as_logged",
    "parsed",
    "passages_in",
    "rests_on",
]
