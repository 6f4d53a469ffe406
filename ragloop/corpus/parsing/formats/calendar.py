"""Calendars and invitations (iCalendar, RFC 5545): what, when, where and the description of each event."""

import re

from ragloop.corpus.parsing.document import ParsedDocument
from ragloop.corpus.parsing.formats.plain import parse_plain

_FOLDED = re.compile(r"\r?\n[ \t]")
_PROPERTY = re.compile(r"(?P<name>[A-Za-z-]+)(?:;[^:\"]*(?:\"[^\"]*\"[^:\"]*)*)?:(?P<value>.*)")
_SHOWN = {"SUMMARY": "What", "DTSTART": "From", "DTEND": "To", "LOCATION": "Where", "DESCRIPTION": "Description"}
_TIME = re.compile(r"(\d{4})(\d\d)(\d\d)(?:T(\d\d)(\d\d)\d\dZ?)?$")
_ESCAPED = re.compile(r"\\([nN,;\\])")


def parse_calendar_file(text: str, name: str) -> ParsedDocument:
    """Return a paragraph for each event."""
    return parse_plain(parse_calendar(text), name)


def parse_calendar(text: str) -> str:
    """Return a line for each property of the events that a person reads, events apart; empty where there is none."""
    lines: list[str] = []
    inside = False
    for line in _FOLDED.sub("", text).splitlines():
        found = _PROPERTY.match(line)
        if found is None:
            continue
        name, value = found["name"].upper(), found["value"].strip()
        if name in ("BEGIN", "END") and value.upper() in ("VEVENT", "VTODO"):
            inside = name == "BEGIN"
            if inside and lines:
                lines.append("")
        elif inside and name in _SHOWN and value:
            lines.append(f"{_SHOWN[name]}: {_shown(value)}")
    return "\n".join(lines)


def _shown(value: str) -> str:
    if found := _TIME.match(value):
        year, month, day, hour, minute = found.groups()
        return f"{year}-{month}-{day}" + (f" {hour}:{minute}" if hour else "")
    return _ESCAPED.sub(lambda one: " " if one[1] in "nN" else one[1], value)
