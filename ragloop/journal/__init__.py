"""The durable log of answers and feedback.

    home/journal/current.jsonl    what was appended last; all processes append to it under a lock
    home/journal/sealed-*.jsonl   what is being folded into the tables `interactions` and `feedback`
    home/journal/unreadable.lines what is no entry

What reads the log reads the columns and the rows that it needs, and what is not folded yet beside them.
"""

from ragloop.journal.entries import FEEDBACK_KINDS, LONGEST_CORRECTION, parsed
from ragloop.journal.log import Corrected, Journal, Supporting
from ragloop.journal.tables import LogTable, RowIds

__all__ = ["FEEDBACK_KINDS", "LONGEST_CORRECTION", "Corrected", "Journal", "LogTable", "RowIds", "Supporting", "parsed"]
