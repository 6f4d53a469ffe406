"""What a question is about: the words that a follow-up takes from it. Pure."""

import re
from functools import lru_cache

from ragloop.answering.signals.terms_found import plain_words
from ragloop.language.exact import exact_terms
from ragloop.language.sentences import sentences

_MOST_WORDS = 10
_FRAMES = tuple(
    re.compile(one, re.IGNORECASE)
    for one in (
        r"^(?:please\s+|hi[,!]?\s+|hello[,!]?\s+)+",
        r"^(?:can|could|would) you (?:please )?(?:tell me|explain|show me)\s+(?:to me\s+)?",
        r"^(?:i want to know|i wonder|do you know|tell me|explain)\s+",
    )
)
_TAIL = re.compile(r" (?:do|mean|for|work|used for|good for|about|happen|called|look like)$", re.IGNORECASE)
_AUXILIARY = r"(?:is|are|was|were|does|do|did|can|could|should|will|would|must|has|have|won't|doesn't|don't|can't)"
_SUBJECT_I = re.compile(
    r"^(?:(?:how|where|when|why|what|which(?: \w+){1,3}?) )?(?:(?:do|can|could|should|would|must|may|am|did|will) "
    r"(?:i|you|we|one)|to) (?:have to |need to |want to |best )?\w+ "
    r"(?:(?:off|on|up|out|down|away|back) )?(?P<rest>.+)$",
    re.IGNORECASE,
)
_WHICH = re.compile(
    rf"^(?:which|what)\s+(?P<kind>\w+(?: \w+){{0,2}}?)\s+{_AUXILIARY}\s+(?P<subject>.*)$", re.IGNORECASE
)
_OF_OTHERS = re.compile(
    r"^(?:(?:how|where|when|why|what) )?(?:does|do|did|can|could|should|will|would|must|has|have|won't|doesn't|don't|"
    r"can't) (?P<subject>(?:the|a|an|my|your) [\w.'-]+|(?!(?:the|a|an|my|your)\b)[\w.'-]+) "
    r"(?P<verb>\w+)(?: (?P<rest>.+))?$",
    re.IGNORECASE,
)
_OWN = re.compile(r"^(?:its|their)\s+", re.IGNORECASE)
_ENDS_IN_VERB = re.compile(r" \w+ (?:on|in|with|from|for|to|at|by)$| (?:use|have|need|support|take|run|read|do)$")
_WHAT_IS = re.compile(
    rf"^(?:what|who|where|which(?: \w+)?|what kind of \w+|what's|where's|how|why|when)\s+(?:{_AUXILIARY}\s+)?"
    r"(?:there\s+)?",
    re.IGNORECASE,
)
_ASKS = re.compile(rf"^{_AUXILIARY}\s+(?:there\s+|it \w+ to \w+\s+)?", re.IGNORECASE)
_EMBEDDED = re.compile(rf"^(?:which|what)\s+(\w+(?: \w+)?)\s+(?:{_AUXILIARY}|would|to)\b.*$", re.IGNORECASE)
_FURTHER = re.compile(
    r" (?:to|into|from|so that|when|if|while|without|because|that|where|after|before|instead of)\s.*$", re.IGNORECASE
)
_PREPOSITIONS = ("on", "in", "with", "from", "under", "at", "for", "by", "as", "of", "to")
_PREPOSITION = re.compile(r"^(?:to|with|for|in|on|from|about|of|at|by|that|if|whether|as)\s+", re.IGNORECASE)
_ENDS = " ?!.,;:"
_KINDS = frozenset(
    "default defaults example examples option options setting settings value values way ways difference name syntax "
    "reason reasons alternative alternatives command commands limit limits type list meaning version "
    "versions disable enable change set turn switch remove add override skip avoid fix "
    "stop start more detail details elaborate faster shorter simpler supported deprecated recommended required "
    "limitation limitations exception exceptions drawback drawbacks advantage advantages purpose order documented "
    "explain instead otherwise shortcut allowed possible happens long far reset define specify point".split()
)
"""Words that tell what is wanted of a thing, and not of which."""


def bare(text: str) -> str:
    """Return a question without the signs around it."""
    return text.strip(_ENDS)


@lru_cache(maxsize=4096)
def content(text: str) -> frozenset[str]:
    """Return the words and exact terms of a question that carry meaning, in lower case."""
    return frozenset((*plain_words(text), *(one.text.casefold() for one in exact_terms(text))))


def frame_of(text: str) -> frozenset[str]:
    """Return the words of a question that tell only what is wanted of a thing."""
    return content(text) & _KINDS


@lru_cache(maxsize=1024)
def topic_of(question: str) -> str:
    """Return what a question is about, in its own words: "the --fast option" of "What does the --fast option do?"."""
    told = [question[start:end] for start, end in sentences(question)] or [question]
    rest = bare(" ".join(max(told, key=lambda one: len(content(one))).split()))
    for frame in _FRAMES:
        rest = frame.sub("", rest)
    found = _PREPOSITION.sub("", _TAIL.sub("", _told(rest)))
    found = _EMBEDDED.sub(r"\1", found)
    first = _FURTHER.sub("", found)
    found = first if content(first) else found
    return " ".join(bare(found if content(found) else bare(question)).split()[:_MOST_WORDS])


def _told(asked: str) -> str:
    """Return what is left of a question without the words that ask."""
    if found := _SUBJECT_I.match(asked):
        return found["rest"]
    if found := _WHICH.match(asked):
        subject = _ENDS_IN_VERB.sub("", f" {found['subject']}").strip()
        return f"{found['kind']} of {subject}" if content(subject) and len(subject.split()) <= 3 else found["kind"]
    found = _OF_OTHERS.match(asked)
    if found and not found["rest"]:
        return found["subject"]
    if not found or _TAIL.fullmatch(f" {found['rest']}"):
        return _ENDS_IN_VERB.sub("", _ASKS.sub("", _WHAT_IS.sub("", asked, count=1), count=1))
    subject, rest = found["subject"], found["rest"]
    if rest.split()[0].lower() in _PREPOSITIONS:
        return f"{subject} {rest}"
    return f"{_OWN.sub('', rest)} in {subject}"
