"""What a question asks, whatever its polite or roundabout wording. Pure.

Two questions have the same sense where nothing but a closed list of changes parts them: courtesy, the ways to say "how
do I", articles and auxiliaries, an English plural, `X of Y` for `Y X`, a clause moved to the end, a few words of one
meaning. Whatever else differs, a number, a name, a negation, a quantifier, an order, a preposition, a tense or the
language, is another question. A distance between vectors cannot tell these apart: "before the backup" and "after the
backup" are nearer to each other than most paraphrases.
"""

import re
from collections.abc import Iterator, Sequence

from ragloop.answering.signals.reranking import is_english
from ragloop.answering.support.terms import plain
from ragloop.language.exact import is_identifier
from ragloop.language.forms import comparable
from ragloop.language.opposites import singular
from ragloop.language.words import word_spans

_QUIET = frozenset(" \t\n.,;:?!'\"()[]{}`\u2026\u2013\u2014\u2018\u2019\u201c\u201d\u201e\u00ab\u00bb\u00bf\u00a1_")
"""Signs between words that change nothing that is asked; every other one does: `<`, `=`, `#`, an emoji."""
_QUIET_ELSEWHERE = frozenset("\u3002\uff1f\uff01\uff0c\u3001\u061f\u060c\u061b\u0964\u300c\u300d\u3000")
_FLAG = re.compile(r"(?:^|[^\w-])(-{1,2})$")
_NOT_EQUAL = re.compile(r"!(?==)")
_APOSTROPHES = str.maketrans("\u2019\u02bc", "''")
_CONTRACTIONS = tuple(
    (re.compile(pattern, re.IGNORECASE), whole)
    for pattern, whole in (
        (r"\bcan(?:'t|not)\b", "can not"),
        (r"\bwon't\b", "will not"),
        (r"\b(what|who|where|when|how|why|that|there|it|which|here)'s\b", r"\1 is"),
        (r"\b(\w+)'re\b", r"\1 are"),
        (r"\bi'm\b", "i am"),
        (r"\b(\w+)'ll\b", r"\1 will"),
        (r"\b(i|we)'d\b", r"\1 would"),
        (r"\b(\w+)'ve\b", r"\1 have"),
        (r"(?<=\w)'s\b", ""),
        (r"(?<=s)'(?=\s)", ""),
    )
)
_FRONTED = re.compile(
    r"^\s*(?P<where>(?:in|with|on|for|under|using|inside|within|by default|at (?:most|least|the moment))\b[^,?]{0,60}),"
    r"(?P<rest>[^,]+)$",
    re.IGNORECASE,
)
_GLUED = re.compile(r"(\d[\d.]*)([a-z]{1,12})")
_UNITS = {
    spelled: unit
    for unit, spellings in {
        "ms": "millisecond msec",
        "s": "sec second",
        "minute": "min",
        "h": "hr hour",
        "kb": "kilobyte",
        "mb": "megabyte",
        "gb": "gigabyte",
        "tb": "terabyte",
        "km": "kilometre kilometer",
        "kg": "kilogram",
    }.items()
    for spelled in spellings.split()
}
_COUNTED = {
    word: str(number)
    for number, word in enumerate("two three four five six seven eight nine ten eleven twelve".split(), 2)
}
_SAME = {
    spelled: word
    for word, spellings in {
        "configuration": "config",
        "database": "db",
        "application": "app",
        "documentation": "doc docs",
        "repository": "repo",
        "environment": "env",
        "parameter": "param",
        "information": "info",
        "maximum": "max maximal",
        "minimum": "min minimal",
        "required": "needed necessary",
        "buy": "purchase",
        "help": "assist",
        "fast": "quick",
        "big": "large",
        "licence": "license",
        "what": "which",
    }.items()
    for spelled in spellings.split()
}
"""Words of one meaning that name no two things. `remove` and `delete`, `show` and `display`, `every` and `each` are two
each: a library may have both, as commands, clauses or methods."""
_PLURAL_ONLY = frozenset("https news means goods customs windows series species".split())
"""Words that are no plural of what is left without their `s`."""
_SELF = "(?:i|we|you|one|someone|somebody|people)"
_WH = r"(?=(?:how|what|which|who|whom|whose|when|where|why|if|whether)\b)"
_COURTESY = tuple(
    (re.compile(pattern), "")
    for pattern in (
        r"^(?:hi|hello|hey|please|kindly|thanks|ok|okay|well|so|quick question|question|just curious)\s",
        r"^(?:sorry|excuse me)\s",
        rf"^(?:can|could|would|will) you (?:please )?(?:tell|show|explain|remind)(?: to)?(?: me| us)?(?: again)? {_WH}",
        rf"^(?:can|could|would|will) you (?:please )?(?:help|let) (?:me|us) (?:to )?"
        rf"(?:know|understand|find out|see) {_WH}",
        rf"^do(?:es)? (?:you|anyone|anybody|someone|somebody) (?:happen to )?know {_WH}",
        rf"^(?:i|we) (?:am|are|was|were) (?:wondering|curious|asking|unsure|not sure) (?:about )?{_WH}",
        rf"^(?:i|we) (?:want|need|wish|have|would like) to (?:know|understand|find out|learn|ask) {_WH}",
        rf"^(?:i|we) would (?:like|love) to (?:know|understand|find out|learn) {_WH}",
        rf"^(?:tell|show|explain to|explain|remind)(?: me| us)?(?: again)? {_WH}",
        rf"^(?:any idea|is it known|it is not clear|remember) {_WH}",
        r"\s(?:please|pls|thanks|thank you|actually|anyway|by the way)$",
    )
)
_FRAMES = tuple(
    (re.compile(pattern), form)
    for pattern, form in (
        (r"^(what|when|where|why|how) (i|we|you|one) (can|could|must|should|may) ", r"\1 \3 \2 "),
        (r"^(?:if|whether) (.+?) (can|may|must|should) ", r"\2 \1 "),
        (r"\b(?:do|does) (i|we|you|one) (?:have|need) to\b", r"must \1"),
        (r"\b(can|could|may|must|should|do|does|would) (?:one|we)\b", r"\1 i"),
        (r"^for how long ", "how long "),
        (r"^is it possible for (?!me |us |you )(.+?) to ", r"can \1 "),
        (r"^what is the release date of (.+)$", r"when was \1 released"),
        (rf"^where (?:do|can) {_SELF} (?!find|look|see)", "where "),
        (rf"^how (?:do|can|could|would|might) {_SELF} ", "how "),
        (r"^how (?:to|does one|is it possible to) ", "how "),
        (
            r"^(?:what|which) (?:is|are|would be) (?:the|a)(?: (?:right|correct|proper|usual|normal|standard))?"
            r" (?:way|method|procedure|process|approach|steps) (?:to|for) ",
            "how ",
        ),
        (rf"^(?:what|which) (?:do|must) {_SELF}(?: (?:have|need) to)? do(?: in order)? to ", "how "),
        (rf"^what steps (?:do|must) {_SELF} (?:take|follow) to ", "how "),
        (r"^(?:can|could|would) you (?:please )?(?:help|show|tell|teach) (?:me|us) (?:how )?to ", "how "),
        (r"^(?:can|could) you (?:please )?help (?:me|us) ", "how "),
        (r"^(?:i|we) (?:want|need|wish|would like|would love|am trying|are trying) to ", "how "),
        (rf"^(?:is|are) there (?:a|any|some) (?:way|possibility|means) (?:for {_SELF} )?to ", "can "),
        (r"^(?:is|would) it (?:be )?possible (?:for (?:me|us|you) )?to ", "can "),
        (rf"^(?:can|could) {_SELF} ", "can "),
        (r"^(?:am i|are we) able to ", "can "),
        (rf"^(?:do|must) {_SELF} (?:need|have) to ", "must "),
        (rf"^must {_SELF} ", "must "),
        (r"^is it (?:necessary|required|mandatory|needed) (?:for (?:me|us|you) )?to ", "must "),
        (r"^(?:am i|are we) required to ", "must "),
        (rf"^should {_SELF} ", "should "),
        (rf"^where (?:can|do|could|would|might) {_SELF} (?:find|look for|see) ", "where is "),
        (r"^(where .+) (?:located|found|situated)$", r"\1"),
        (r"^(?:how come|for what reason) ", "why "),
        (r"^what is the reason (?:that|why) ", "why "),
        (r"^(?:define|what is meant by) ", "what is "),
        (r"^what (?:is|are) the (?:meaning|definition) of ", "what is "),
        (r"^what do(?:es)? (.+) mean$", r"what is \1"),
        (r"^what (?!is\b)(.+) means$", r"what is \1"),
        (r"^which ", "what "),
        (r"^what is the (\w+) (?:that|which) ", r"what \1 "),
        (r"^what is the number of (.+)$", r"how many \1"),
        (r"^(how many .+) (?:are|is) there(?= |$)", r"\1"),
        (r"^how much do(?:es)? (.+) cost$", r"what is price of \1"),
        (r"^(?:if|whether) ", ""),
        (r"\bset up\b", "setup"),
        (r"\b(?:turn|switche?)s? on\b", "enable"),
        (r"\b(?:turn|switche?)s? off\b", "disable"),
        (r"\bget rid of\b", "remove"),
        (r"\bin order to\b", "to"),
        (r"\bat the moment\b", "now"),
    )
)
_BE = {"is": "is", "am": "is", "are": "are", "be": "be", "was": "was", "were": "were"}
_DROPPED = frozenset("a an the do does that there".split())


def sense_of(question: str) -> str:
    """Return what is asked: equal texts for questions that ask the same."""
    text = comparable(question).translate(_APOSTROPHES)
    if not is_english(question):
        return " ".join(one.casefold() for one in _tokens(plain(text), _QUIET | _QUIET_ELSEWHERE))
    for pattern, whole in _CONTRACTIONS:
        text = pattern.sub(whole, text)
    if moved := _FRONTED.match(text):
        text = f"{moved['rest'].strip(' ?.!')} {moved['where']}"
    words = [_written(one) for one in _tokens(plain(text), _QUIET)]
    return " ".join(_kept(_of_turned(_framed(" ".join(words)).split())))


def _tokens(text: str, quiet: frozenset[str]) -> Iterator[str]:
    """Yield the words of a text and the signs between them that say something, a flag's hyphens with its word."""
    at = 0
    for start, end in word_spans(text):
        yield from _signs(text[at:start], quiet)
        flag = _FLAG.search(text[at:start])
        yield (flag[1] if flag else "") + text[start:end]
        at = end
    yield from _signs(text[at:], quiet)


def _signs(gap: str, quiet: frozenset[str]) -> Iterator[str]:
    return (one for one in _NOT_EQUAL.sub("\u2260", gap) if one not in quiet and one != "-" and not one.isspace())


def _written(word: str) -> str:
    """Return a word without its case, unless its case says what it names: MAX_AGE, -V, camelCase, WHO."""
    folds = word.casefold()
    if is_identifier(word) and not word.isalpha():
        return word
    letter = word.lstrip("-")
    if (len(letter) == 1 and folds not in ("i", "a")) or (word.isupper() and folds in _SMALL):
        return word
    return folds


_SMALL = frozenset("who us it is am do all may can will in on or and no not for at by to".split())


def _framed(text: str) -> str:
    """Leave out courtesy until none is left, then write each way of asking as one."""
    before = ""
    while before != text:
        before = text
        for pattern, form in _COURTESY:
            text = pattern.sub(form, text, count=1)
    for pattern, form in _FRAMES:
        text = pattern.sub(form, text)
    return text


def _of_turned(words: Sequence[str]) -> list[str]:
    """Write `X of Y` as `Y X`."""
    found = [one for one in words if one not in ("a", "an", "the")]
    at = 1
    while at < len(found) - 1:
        if found[at] == "of" and not found[at + 1][0].isdigit():
            found[at - 1 : at + 2] = [found[at + 1], found[at - 1]]
        at += 1
    return found


def _kept(words: Sequence[str]) -> Iterator[str]:
    """Yield what says something, then the auxiliaries, whose place differs between a question and a statement."""
    auxiliaries = set[str]()
    for at, one in enumerate(words):
        if one in _BE:
            auxiliaries.add(_BE[one])
        elif one in _DROPPED and not (one == "do" and at + 1 == len(words)):
            continue
        else:
            yield from _standard(one, words[at - 1] if at else "")
    yield from sorted(f"+{one}" for one in auxiliaries)


def _standard(word: str, before: str) -> Iterator[str]:
    """Yield a word in its standard form: its singular, one of several spellings, a number apart from its unit."""
    if (glued := _GLUED.fullmatch(word)) and _UNITS.get(glued[2], glued[2]) in _UNITS.values():
        yield glued[1]
        yield _UNITS.get(glued[2], glued[2])
        return
    if any(one.isdigit() for one in word) or not word.isalpha():
        yield word
        return
    single = singular(word) if word.islower() and word not in _PLURAL_ONLY else word
    if before[:1].isdigit() or before in _COUNTED or before in ("in", "per"):
        single = _UNITS.get(single, single)
    yield _COUNTED.get(single) or _SAME.get(single, single)
