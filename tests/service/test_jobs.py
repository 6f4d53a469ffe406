"""An answer under way, without a server: who read it, who left, and when its writing may end."""

import asyncio
import threading
from concurrent.futures import Future

import pytest

from ragloop.records import Answer, LaneName
from ragloop.service.jobs import NAMED_S, REMEMBERED_S, Job, Jobs, Request
from ragloop.service.refusals import Refused

ANSWER = Answer("i1", "Who?", "Ada. [1]", False, (), (), LaneName.BASE_RAG, "extractive", None)


class Made:
    """A job whose answer a test gives, and what it marked."""

    def __init__(self, return_s: float = 0.05) -> None:
        self.future: Future[Answer] = Future()
        self.marks: list[bool] = []
        self.gone = threading.Event()
        self.job = Job(self.future, self._mark, self.gone, return_s)

    async def _mark(self, interaction_id: str, cut: bool) -> None:
        self.marks.append(cut)


def test_the_writing_may_end_when_nobody_comes_back() -> None:
    async def leave() -> Made:
        made = Made()
        made.future.set_running_or_notify_cancel()
        made.job.read()
        leaving = asyncio.ensure_future(made.job.left(whole=False))
        await asyncio.sleep(0.02)
        assert not made.gone.is_set()
        await asyncio.sleep(0.2)
        assert made.gone.is_set()
        assert made.job.is_void
        made.future.set_result(ANSWER)
        await leaving
        return made

    assert asyncio.run(leave()).marks == [True]


def test_a_reader_who_comes_back_in_time_gets_all_of_it() -> None:
    async def come_back() -> Made:
        made = Made()
        made.future.set_running_or_notify_cancel()
        made.job.read()
        leaving = asyncio.ensure_future(made.job.left(whole=False))
        await asyncio.sleep(0.01)
        made.job.read()
        await asyncio.sleep(0.2)
        assert not made.gone.is_set()
        made.future.set_result(ANSWER)
        await leaving
        await made.job.left(whole=True)
        return made

    assert asyncio.run(come_back()).marks == [True, False]


def test_a_question_that_was_not_begun_is_dropped_with_its_only_reader() -> None:
    async def leave() -> Made:
        made = Made()
        made.job.read()
        await made.job.left(whole=False)
        await asyncio.sleep(0)
        return made

    made = asyncio.run(leave())
    assert made.future.cancelled()
    assert made.marks == []


def test_requests_are_remembered_for_a_time() -> None:
    async def ask() -> None:
        now = [0.0]
        jobs, begun = Jobs(lambda: now[0]), list[Made]()

        def begin() -> Job:
            begun.append(Made())
            begun[-1].future.set_result(ANSWER)
            return begun[-1].job

        async def of(request: Request) -> Job:
            job = jobs.of(request, begin)
            await job.answered
            return job

        first = await of(Request("a"))
        assert await of(Request("a", again=True)) is first
        assert await of(Request("a")) is not first
        named = await of(Request("b", key="k"))
        assert await of(Request("b", key="k")) is named
        with pytest.raises(Refused):
            await of(Request("c", key="k"))
        now[0] = REMEMBERED_S - 0.5
        await of(Request("other"))
        now[0] = REMEMBERED_S
        count = len(begun)
        await of(Request("a", again=True))
        assert await of(Request("b", key="k")) is named
        assert len(begun) == count + 1
        now[0] = NAMED_S
        assert await of(Request("b", key="k")) is not named

    asyncio.run(ask())
