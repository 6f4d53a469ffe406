"""Questions that only the one before makes whole: "and on Windows?", "how do I disable it?", "why?". Pure.

The rules are of English. A question that stands alone stays as it is, to the letter: where the rules are in doubt they
leave it, since a topic that was not meant costs more than one that is missing (benchmarks/follow_ups.py).
"""

import re
from collections.abc import Sequence

from ragloop.answering.conversation.topics import bare, content, frame_of, topic_of
from ragloop.answering.signals.reranking import is_english
from ragloop.language.exact import TermKind, exact_terms, kind_of
from ragloop.records import Earlier

MOST_EARLIER = 6
"""Questions before this one that are looked at; each may need the one before it."""
_LEAST_NOUNS = 2
"""Words before a pronoun from which on it is taken to mean one of them."""
_FRAGMENT_WORDS = 8
_LITTLE = 2
"""Words of a question that names nothing: more of them are about something, however plain each is."""
_CONNECTED = re.compile(r"^(?:(?:and|or|but|ok|okay|so|then|also|plus|now|thanks|well|hm+)\b[,.!]?\s+)+", re.IGNORECASE)
_ABOUT = re.compile(
    r"^(?:what|how) (?:about|of)\s+|^(?:what )?if it(?:'s| is)\s+|^(?:and )?(?:the )?same (?:thing )?(?:for|with)\s+",
    re.IGNORECASE,
)
_COURTESY = re.compile(
    r"(?:thanks|thank you|ok|okay|great|good|perfect|got it|cool|nice|hi|hello|yes|no|sure)\b(?:\W+\w+){0,4}\W*",
    re.IGNORECASE,
)
_BARE = re.compile(
    r"(?:why not [\w-]+|why(?: not| so| is that| is this)?|how(?: so| come| exactly)?|where(?: exactly)?|when|who|"
    r"since when|for how long|until when|how often|how many|how much|"
    r"in (?:which|what) (?:file|version|order|case|format)|"
    r"(?:which|what) (?:file|version|one|ones|command|option))\s*[?.!]*",
    re.IGNORECASE,
)
_PREPOSITION = re.compile(
    r"(?:on|in|with|for|from|without|under|inside|within|as|at|by|via|using|during|outside|to|into|between|instead of|"
    r"before|after|against|through|per)\b",
    re.IGNORECASE,
)
_VERBAL = frozenset(
    "how what which who whom whose where why when is are was were does do did can could should shall will would may "
    "must has have had isn't aren't doesn't don't can't what's how's where's".split()
)
_NAMED_PLACE = re.compile(r"\b(?:on|in|under|with|at|for)\s+(?:the\s+)?[A-Z][\w'.-]*(?:\s\w+)?\s*\?*$")
_AUXILIARY = re.compile(
    r"(?:is|are|was|were|does|do|did|can|could|should|will|would|may|must|has|have)\b", re.IGNORECASE
)
_PRONOUN = re.compile(r"\b(?:it|them|its|their|they|this|that|these|those|ones?)\b(?!')", re.IGNORECASE)
_ONE = frozenset(("one", "ones"))
_BEHIND_ONE = re.compile(
    r"\s*(?:[?.!,]|$|\s(?:in|on|for|with|that|below|under|above|to|from|by|at|as|an|when|if|and|or|per|inside|without)\b)",
    re.IGNORECASE,
)
_BEFORE_ONE = re.compile(
    r"\b(?:no|any|every|some|each|one|only|which|this|that|the|another|number|version)\s+$", re.IGNORECASE
)
_OWN = re.compile(r"\b(?:my|our|your) own\s*\?*$|(?<!is)(?<!are)\sthere\s*\?*$", re.IGNORECASE)
_POSSESSIVE = frozenset(("its", "their"))
_DEMONSTRATIVE = frozenset(("this", "that", "these", "those"))
_NAMED_AGAIN = frozenset(
    "option options flag flags setting settings command commands file files feature function method class value values "
    "parameter argument variable name limit case way one ones mode error warning plugin tool thing behaviour behavior "
    "decorator directory folder step default list rule rules style hook object type version".split()
)
"""What `that` stands before where it points back: a word for a kind of thing, which says little by itself."""
_SAID_AGAIN = re.compile(
    r"\bdo(?:es)? the same\b|\bthe same(?: way| thing)?\s*\?*$|\b(?:do so|the former|the latter|another one|"
    r"which ones?)\b",
    re.IGNORECASE,
)
_EXPLETIVE = re.compile(
    r"\b(?:is|was|be|would|isn't|wasn't|makes?) it(?: be)?(?: [\w']+){1,3} (?:to|that|if|when|whether)\b|"
    r"\b(?:does|would|will) it (?:take|matter|make sense|cost|help|mean|be)\b(?=\s+\w)|"
    r"\bit (?:is|was|takes) [\w']+ (?:to|that)\b",
    re.IGNORECASE,
)
_CLAUSE = re.compile(
    r"[,;:]|\b(?:and|or|but|when|if|so that|so|because|after|before|while|until|unless|without|where|once|that|than)\b",
    re.IGNORECASE,
)
_SUBJECT = frozenset("i you we one to and".split())
_LAST_PLACE = re.compile(r"\b(\w+) (?:the |a )?[\w.+#-]+ ?\?*$", re.IGNORECASE)
_VERSION_BEHIND = re.compile(r"\A\s+v?\d[\d.]*")
_NEXT_WORD = re.compile(r"\s+(\w+)")
_REST_OF_WORD = re.compile(r"\s*([\w']*)")
_ENDS_IN_ASKING = re.compile(r"\b(?:is|does|was|can|will|do|are|did|about|why|how) ?$", re.IGNORECASE)
_ONE_WORD = re.compile(r" ?\w+ ?[?.!]*$")
_CODE = re.compile(r"[`\"\u201c\n]")


def whole(question: str, conversation: Sequence[Earlier]) -> str:
    """Return the question as it reads without its conversation, oldest first; the question itself where it stands
    alone."""
    before = ""
    for one in conversation[-MOST_EARLIER:]:
        asked = completed(one.question, before)
        before = asked if content(asked) and not _COURTESY.fullmatch(one.question.strip()) else before
    return completed(question, before)


def completed(question: str, before: str) -> str:
    """Return the question with what it takes from the one before; the question itself where it takes nothing."""
    asked = " ".join(question.split())
    if not asked or not before or _CODE.search(question) or not content(before) or not _is_read(asked):
        return question
    rest = _CONNECTED.sub("", asked)
    return (
        _of_bare(rest, before)
        or _of_fragment(rest, before, is_led=rest != asked)
        or _of_pronoun(rest, before)
        or _of_little(rest, before, is_led=rest != asked)
        or question
    )


def _is_read(asked: str) -> bool:
    """Return whether the rules can read a question: it is in English, as far as its small words tell."""
    return is_english(asked) or (asked.isascii() and not content(asked).isdisjoint(content(asked.lower())))


def _of_bare(asked: str, before: str) -> str:
    """Complete "why?" and "in which file?" by the whole question before."""
    if not _BARE.fullmatch(asked):
        return ""
    word = bare(asked)
    if word.split()[0].lower() in ("why", "how", "where", "when") and _AUXILIARY.match(before):
        return f"{word.split()[0].capitalize()} {before[0].lower()}{before[1:]}"
    return f"{bare(before)}, {word.lower()}?"


def _of_fragment(asked: str, before: str, *, is_led: bool) -> str:
    """Complete "and on Windows?", "what about 5.1?": put it in the place of its like in the question before."""
    about = _ABOUT.match(asked)
    rest = bare(asked[about.end() :] if about else asked)
    spoken = rest.split()
    if not rest or len(spoken) > _FRAGMENT_WORDS:
        return ""
    prepositional = bool(_PREPOSITION.match(rest))
    if not about and not _VERBAL.isdisjoint(one.lower() for one in spoken):
        return ""
    short = asked.endswith("?") and (
        prepositional or spoken[0].lower() in ("the", "an", "a", "any") or len(spoken) == 1
    )
    if not (about or short or (is_led and len(spoken) <= _FRAGMENT_WORDS // 2)):
        return ""
    if exchanged := _exchanged(rest, before, prepositional=prepositional):
        return exchanged
    return f"{bare(before)} {rest}?" if prepositional else f"{bare(before)}, {rest}?"


def _exchanged(rest: str, before: str, *, prepositional: bool) -> str:
    """Return the question before with one of its terms replaced; empty where none is of the same kind."""
    if prepositional:
        like_it = _LAST_PLACE.search(before)
        if like_it and like_it[1].casefold() == rest.split()[0].casefold():
            exchanged = f"{before[: like_it.start()]}{rest}?"
            if exchanged != before:
                return exchanged
        named = _NAMED_PLACE.search(before) if rest.split()[-1][:1].isupper() else None
        return f"{before[: named.start()]}{rest}?" if named else ""
    terms = exact_terms(rest)
    kind = terms[0].kind if len(terms) == 1 and len(rest.split()) <= 2 else None
    like = [one.text for one in exact_terms(before) if one.kind is kind] if kind else []
    like = like or _names(before, rest)
    if len(like) != 1 or like[0] not in before:
        return ""
    new = rest if kind is None or len(rest.split()) == 2 else terms[0].text
    if kind in (TermKind.VERSION, TermKind.NUMBER):
        return before.replace(like[0], new)
    name, _, after = before.partition(like[0])
    return f"{name}{new}{_VERSION_BEHIND.sub('', after)}"


def _names(before: str, rest: str) -> list[str]:
    """Return the names in the question before where the rest is one name."""
    if not (rest[:1].isupper() and rest.isalpha()):
        return []
    spoken = [one.strip("?.,") for one in before.split()[1:]]
    return [one for one in spoken if one[:1].isupper() and one.isalpha() and len(one) > 1]


def _of_pronoun(asked: str, before: str) -> str:
    """Complete "how do I disable it?": put the topic of the question before in the place of the pronoun."""
    if any(kind_of(one) is TermKind.IDENTIFIER for one in map(bare, asked.split())):
        return ""
    topic = topic_of(before)
    if topic.lower() in asked.lower():
        return ""
    expletive = [found.span() for found in _EXPLETIVE.finditer(asked)]
    for found in _PRONOUN.finditer(asked):
        if any(start <= found.start() < end for start, end in expletive) or not _points_back(asked, found):
            continue
        return _in_place_of(found, asked, topic)
    own = _OWN.search(asked)
    if own and _nouns(asked[: own.start()]) < _LEAST_NOUNS - (" own" in own[0]):
        return f"{bare(asked)} ({topic})?"
    said_again = _SAID_AGAIN.search(asked)
    if said_again and len(content(asked[: said_again.start()])) < _LEAST_NOUNS:
        return f"{bare(asked)} ({topic})?"
    return ""


def _in_place_of(found: re.Match[str], asked: str, topic: str) -> str:
    word, after = found[0].lower(), asked[found.end() :]
    before = asked[: found.start()]
    if word in _POSSESSIVE:
        return f"{before}{topic}'s{after}"
    following = _NEXT_WORD.match(after)
    if word in _ONE:
        return f"{before}{found[0]} ({topic}){after}"
    if (
        word in _DEMONSTRATIVE
        and following
        and (following[1].lower() in _NAMED_AGAIN or not bare(after[following.end() :]))
    ):
        end = following.end()
        return f"{before}the {following[1]} ({topic}){after[end:]}"
    return f"{before}{topic}{after}"


def _points_back(asked: str, found: re.Match[str]) -> bool:
    """Return whether a pronoun means nothing that the question itself names before it."""
    word, before, after = found[0].lower(), asked[: found.start()], asked[found.end() :]
    if word in _ONE and (_BEFORE_ONE.search(before) or not _BEHIND_ONE.match(after) or not before.strip()):
        return False
    if word in _DEMONSTRATIVE and not _stands_for_noun(before, after):
        return False
    parts = _CLAUSE.split(before)
    nouns = [*(_nouns(one, whole=True) for one in parts[:-1]), _nouns(parts[-1])]
    if word in _POSSESSIVE or word in _ONE:
        return not any(nouns)
    if len(parts) > 1 and any(nouns[:-1]):
        return False
    return sum(nouns) < _LEAST_NOUNS and not (word == "they" and any(nouns))


def _stands_for_noun(before: str, after: str) -> bool:
    """Return whether this or that stands for a thing: at the end of a clause, behind a verb that asks, or before the
    name of a kind."""
    following = _REST_OF_WORD.match(after)
    word = following[1].lower() if following else ""
    if not word or not after[:1].isspace():
        return bool(before.strip())
    asks = bool(_ENDS_IN_ASKING.search(before))
    alone = _ONE_WORD.match(after)
    if alone and not _nouns(before):
        return True
    return (
        word in _NAMED_AGAIN
        or (asks and word in _FOLLOWS)
        or word in ("in", "on", "for", "with", "from", "to", "off", "as")
    )


_FOLLOWS = frozenset(
    "work mean happen do apply change affect also still only always be have need cost make take".split()
)


def _nouns(clause: str, *, whole: bool = False) -> int:
    """Count the words of a clause that a pronoun behind it may mean: neither small words nor the verb of I or you.

    Unless the clause is whole, its last word is the verb or the preposition of the pronoun.
    """
    spoken = [one.strip("?.,!()").lower() for one in clause.split()]
    told = [one for n, one in enumerate(spoken) if content(one) and not (n and spoken[n - 1] in _SUBJECT)]
    of_pronoun = 0 if whole or not told or spoken[-1] != told[-1] else 1
    return len([one for one in told if one not in _VERBAL]) - of_pronoun


def _of_little(asked: str, before: str, *, is_led: bool) -> str:
    """Complete a question that names nothing: "what is the default?", "can you show an example?"."""
    told = content(asked)
    most = 1 if is_led else 0
    if exact_terms(asked) or len(told - frame_of(asked)) > most or not asked.endswith("?") or len(told) > _LITTLE:
        return ""
    topic = topic_of(before)
    if any(one in asked.lower() for one in (topic.lower(),)):
        return ""
    return f"{bare(asked)} ({topic})?"
