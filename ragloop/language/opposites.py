"""Words that say the opposite of each other: pairs, and those that a prefix makes (`pause`, `unpause`). Pure."""

from collections.abc import Callable, Sequence
from functools import lru_cache

_PAIRS = (
    "before after; above below; over under; least most; more less; more fewer; minimum maximum; min max; lower higher; "
    "lower upper; older newer; earlier later; first last; enable disable; allow deny; allow forbid; accept reject; "
    "accept refuse; start stop; begin end; open closed; opened closed; increase decrease; rise fall; rose fell; "
    "true false; success failure; include exclude; inside outside; public private; optional required; "
    "optional mandatory; old new; first second; second third; start end; added removed; "
    "always sometimes; all some; enabled disabled; allowed denied; allowed forbidden; "
    "accepted rejected; included excluded; started stopped; increased decreased; vor nach; mehr weniger; "
    "mindestens h\u00f6chstens; avant apr\u00e8s; plus moins; antes despu\u00e9s; m\u00e1s menos"
)
_DOING = (
    "enable disable; start stop; add remove; install uninstall; mount unmount; lock unlock; open close; grant revoke; "
    "allow deny; allow forbid; upgrade downgrade; import export; encrypt decrypt; compress decompress; pack unpack; "
    "pause resume; suspend resume; subscribe unsubscribe; register unregister; create delete; attach detach; "
    "connect disconnect; activate deactivate; show hide; push pull; upload download; archive unarchive; pin unpin; "
    "follow unfollow; block unblock; publish unpublish; set unset; do undo; ban unban; load unload"
)
_NONE = frozenset[str]()


def _same(word: str) -> str:
    return word


def _both_ways(pairs: str, form: Callable[[str], str]) -> dict[str, frozenset[str]]:
    found: dict[str, frozenset[str]] = {}
    for pair in pairs.split("; "):
        words = [form(one) for one in pair.split()]
        for one, other in (words, words[::-1]):
            found[one] = found.get(one, _NONE) | {other}
    return found


_OPPOSING = ("un", "dis", "in", "im", "non", "non-", "ir")
"""Prefixes that turn a word into its opposite."""
_UNDOING = "un"
_NOT_UNDONE = frozenset("unit until unless under union uniqu uncl uni unix".split())
_ENDINGS = ("ing", "ed", "es", "s", "d")


def opposed(one: Sequence[str], other: Sequence[str]) -> bool:
    """Return whether a text says the opposite of a word of the other one, and not the word itself."""
    words, others = {singular(word) for word in one}, {singular(word) for word in other}
    only, only_other = words - others, others - words
    prefixed = any(
        f"{prefix}{word}" in theirs
        for ours, theirs in ((only, only_other), (only_other, only))
        for word in ours
        for prefix in _OPPOSING
    )
    return prefixed or any(_OPPOSITE.get(word, _NONE) & only_other for word in only)


def does_opposite(asked: Sequence[str], told: Sequence[str]) -> bool:
    """Return whether a text tells how to undo what a question asks how to do, and not how to do it."""
    wanted, held = {_root(one) for one in asked}, {_root(one) for one in told}
    only, only_told = wanted - held, held - wanted
    undone = {f"{_UNDOING}{word}" for word in only} & only_told or {f"{_UNDOING}{word}" for word in only_told} & only
    return bool(undone - _NOT_UNDONE) or any(_DOES_OPPOSITE.get(word, _NONE) & only_told for word in only)


@lru_cache(maxsize=65536)
def _root(word: str) -> str:
    """Return a word without an ending of English, and without the `e` or the double letter before it."""
    folds = word.casefold()
    ending = next((one for one in _ENDINGS if folds.endswith(one) and len(folds) - len(one) > 2), "")
    bare = folds.removesuffix(ending).removesuffix("e")
    return bare[:-1] if ending in ("ing", "ed") and len(bare) > 3 and bare[-1] == bare[-2] not in "ls" else bare


_OPPOSITE, _DOES_OPPOSITE = _both_ways(_PAIRS, _same), _both_ways(_DOING, _root)


def singular(word: str) -> str:
    """Return a word without its case, and without the `s` of an English plural, which an acronym has not (HTTPS)."""
    folds = word.casefold()
    plural = len(word) > 3 and folds.endswith("s") and not folds.endswith("ss") and not word.isupper()
    return folds[:-1] if plural else folds
