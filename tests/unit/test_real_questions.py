"""The questions of the benchmark are well formed, and its measure tells right words from others."""

from real_questions import OTHER_SDISTS, OTHERS, SDISTS, questions, says


def test_there_are_enough_questions_inside_and_outside_of_the_documentation() -> None:
    asked = questions()
    assert len({one.question for one in asked}) == len(asked)
    assert sum(not one.outside for one in asked) >= 150
    assert sum(bool(one.outside) for one in asked) >= 40
    assert all(one.says and one.about in SDISTS for one in asked if not one.outside)


def test_the_other_questions_name_their_documentation_and_are_no_others_again() -> None:
    asked = questions(OTHERS)
    assert len({one.question for one in [*asked, *questions()]}) == len(asked) + len(questions())
    assert sum(not one.outside for one in asked) >= 100
    assert all(one.about in OTHER_SDISTS and (one.says or one.outside) for one in asked)


def test_both_halves_have_their_share() -> None:
    held_out = sum(one.is_held_out for one in questions())
    assert 0.4 < held_out / len(questions()) < 0.6


def test_right_words_are_whole_words() -> None:
    assert says("Run it with ``--lf`` again.", ["--lf"])
    assert says("It is *88* wide.", ["88"])
    assert not says("It is 188 wide.", ["88"])
    assert not says("Use --lfnf.", ["--lf"])
