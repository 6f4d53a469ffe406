"""What keeps documents from instructing a model, and answers from carrying what none of their passages says. Pure."""

from enum import StrEnum


class GuardCheck(StrEnum):
    """What the guard looks at; its verdicts stand under these names."""

    PASSAGES = "passages"
    ANSWER = "answer"
