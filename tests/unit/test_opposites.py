"""What undoes something is no answer to how it is done."""

import pytest

from ragloop.language.opposites import does_opposite


@pytest.mark.parametrize(
    ("question", "told", "opposite"),
    [
        ("How do I pause a queue?", "To unpause a queue, run this.", True),
        ("How do I pause a queue?", "Resuming a queue takes a second.", True),
        ("How do I lock the door?", "Unlocking the door needs a key.", True),
        ("How do I enable the cache?", "The cache is disabled by a flag.", True),
        ("How do I remove a user?", "Add a user first; remove it later.", False),
        ("How do I put a file there?", "The input is a file.", False),
        ("How do I pause a queue?", "A queue that was paused can be unpaused.", False),
    ],
)
def test_the_opposite_of_an_action_is_told_apart(question: str, told: str, opposite: bool) -> None:
    assert does_opposite(question.strip("?").split(), told.replace(",", "").strip(".").split()) is opposite
