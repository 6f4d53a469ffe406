"""A question as it is asked and logged: in one line, without characters that nobody sees, its secrets masked. Pure.

Secrets are recognised by the prefix and the length that their issuers give them; docs/decisions/0020-secrets.md says
why the patterns stand here.
"""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass

from ragloop.errors import UsageError

LONGEST_QUESTION = 4_000
"""Characters; a longer text is no question that one passage answers."""
MASK = "<secret>"
"""Stands in a question where a secret stood."""
_JOINERS = "\u200c\u200d"
"""Zero-width signs that Persian, Hindi and emoji are written with: they stay between letters and signs."""
_INVISIBLE = re.compile(
    "[\u00ad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]"
)
"""Soft hyphens, marks and overrides of the direction, zero-width spaces, tags: they show nothing and hide words."""
_LEAST_SECRET = 16
_WORD = re.compile(rf"[^\s]{{{_LEAST_SECRET},}}")
_SECRETS: Mapping[str, re.Pattern[str]] = {
    name: re.compile(pattern)
    for name, pattern in {
        "a private key": r"-----BEGIN [A-Z ]{0,40}PRIVATE KEY(?: BLOCK)?-----(?:(?!-----END ).){0,8000}+"
        r"(?:-----END [A-Z ]{0,40}PRIVATE KEY(?: BLOCK)?-----)?",
        "a key of ragloop": r"\brl-[A-Za-z0-9_-]{43}(?![\w-])",
        "a key of AWS": r"\b(?:AKIA|ASIA|ABIA|ACCA)[0-9A-Z]{16}\b",
        "a token of GitHub": r"\b(?:gh[pousr]_[A-Za-z0-9]{36,251}|github_pat_[A-Za-z0-9_]{60,100})\b",
        "a token of GitLab": r"\bgl(?:pat|dt|ft|soat|rt|cbt|imt|ptt|agent)-[A-Za-z0-9_-]{20,64}",
        "a key of Anthropic": r"\bsk-ant-[A-Za-z0-9_-]{20,200}",
        "a key of OpenAI": r"\bsk-(?:proj-|svcacct-|admin-)?[A-Za-z0-9_-]{32,200}",
        "a token of Hugging Face": r"\bhf_[A-Za-z0-9]{30,60}\b",
        "a key of Google": r"\bAIza[0-9A-Za-z_-]{35}",
        "a token of Slack": r"\bxox[abprse]-[0-9A-Za-z-]{10,250}|https://hooks\.slack\.com/services/[A-Z0-9/a-z]{20,80}",
        "a key of Stripe": r"\b[rs]k_(?:live|test)_[0-9A-Za-z]{16,128}\b",
        "a key of SendGrid": r"\bSG\.[\w-]{22}\.[\w-]{43}",
        "a token of PyPI": r"\bpypi-AgE[\w-]{60,250}",
        "a token of npm": r"\bnpm_[A-Za-z0-9]{36}\b",
        "a JSON web token": r"\beyJ[\w-]{8,2000}\.eyJ[\w-]{8,3000}(?:\.[\w-]{0,1000})?",
        "a password in an address": r"(?<=://)[^\s:/@?#]{1,100}:[^\s:/@?#]{3,100}(?=@)",
        "a secret key": r"(?i)\b(?:aws_secret_access_key|secret_access_key|accountkey|api[_-]?key|client[_-]?secret|"
        r"access[_-]?token|auth[_-]?token)\b[\"']?\s{0,3}[:=]\s{0,3}[\"']?[A-Za-z0-9+/_=.-]{16,128}",
    }.items()
}


@dataclass(frozen=True)
class Screened:
    """A question as it is taken, and in words what was changed of it; empty where nothing was."""

    question: str
    changed: str


def screened(question: str) -> Screened:
    """Return a question as it is asked and logged. Raises UsageError for one that is empty or too long."""
    # A lone surrogate (bytes of a command line that are no UTF-8) could be logged, but never be folded into a table.
    given = " ".join(question.split()).encode("utf-8", "replace").decode()
    seen = " ".join(without_invisible(given).split()) or given  # of nothing but such characters nothing is hidden
    text, secrets = masked(seen)
    if not text:
        raise UsageError("the question is empty; ask something")
    if len(text) > LONGEST_QUESTION:
        raise UsageError(
            f"the question has {len(text):,} characters, at most {LONGEST_QUESTION:,} are taken; shorten it"
        )
    taken = "characters that show nothing were taken out" if seen != given else ""
    told = f"masked {', '.join(secrets)}" if secrets else ""
    return Screened(text, "; ".join(filter(None, (told, taken))))


def masked(text: str) -> tuple[str, tuple[str, ...]]:
    """Return a text with its secrets masked, and of what kinds they were."""
    if not (_WORD.search(text) or "-----BEGIN" in text):
        return text, ()
    kinds = []
    for kind, pattern in _SECRETS.items():
        text, count = pattern.subn(MASK, text)
        kinds += [kind] if count else []
    return text, tuple(kinds)


def without_invisible(text: str) -> str:
    """Return a text without control characters and those that show nothing; joiners inside words stay."""
    if text.isprintable() and not _INVISIBLE.search(text):
        return text
    text = _INVISIBLE.sub("", text)
    kept = (one for n, one in enumerate(text) if not _shows_nothing(one) and not _is_loose(text, n))
    return "".join(kept)


def _shows_nothing(sign: str) -> bool:
    return unicodedata.category(sign) in ("Cc", "Cs") and not sign.isspace()


def _is_loose(text: str, at: int) -> bool:
    """Return whether a joiner stands at an end, beside a space or beside a Latin letter, where it joins nothing."""
    if text[at] not in _JOINERS:
        return False
    beside = (text[at - 1 : at], text[at + 1 : at + 2])
    return any(not one or one.isspace() or one.isascii() for one in beside)
