"""One document per package: its facts, then the beginning of its README, in the markup that the package chose."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ragloop.demo.facts import Package, facts_of, statement

README_CHARACTERS = 1_500
"""About what two cores embed in the time that a newcomer waits; a README is cut at the paragraph before this."""


@dataclass(frozen=True)
class Markup:
    """How a document of one format looks; `title` and `section` take the text of a heading."""

    suffix: str
    title: str
    section: str

    def heading(self, form: str, text: str) -> str:
        """Write a heading; reStructuredText underlines it in its own length."""
        return form.format(text, line="=" * len(text), dashes="-" * len(text))


MARKDOWN = Markup(".md", "# {}", "## {}")
RESTRUCTUREDTEXT = Markup(".rst", "{line}\n{}\n{line}", "{}\n{dashes}")
PLAIN = Markup(".txt", "{}", "{}")


@dataclass(frozen=True)
class Edits:
    """What was changed in the folder, by key; `renamed` holds the old key and the new one.

    `new_version` is what the first edited document now states.
    """

    edited: tuple[str, ...]
    renamed: tuple[str, str]
    deleted: str
    new_version: str

    @property
    def touched(self) -> tuple[str, ...]:
        """The keys under which the changed documents were indexed before."""
        return (*self.edited, self.renamed[0], self.deleted)


def key_of(package: Package) -> str:
    """Return the file name of a package's document."""
    return package.name.lower() + _markup(package).suffix


def write_documents(folder: Path, packages: Sequence[Package]) -> int:
    """Write one file per package into `folder`; returns the characters written."""
    folder.mkdir(parents=True, exist_ok=True)
    texts = {key_of(package): document(package) for package in packages}
    for key, text in texts.items():
        (folder / key).write_text(text, encoding="utf-8")
    return sum(map(len, texts.values()))


def document(package: Package) -> str:
    """Write the text of a package's document."""
    markup = _markup(package)
    said = [statement(fact) for fact in facts_of(package)]
    if package.summary:
        said.append(f"The package {package.name} is described as follows: {package.summary}.")
    if package.homepage:
        said.append(f"The home page of {package.name} is {package.homepage} .")
    parts = [
        markup.heading(markup.title, package.name),
        markup.heading(markup.section, "Package facts"),
        "\n".join(said),
        beginning(package.readme, README_CHARACTERS),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def beginning(text: str, most: int) -> str:
    """Return the first paragraphs of a text, at most `most` characters of them; one that is longer is cut at a line."""
    text = text.replace("\r\n", "\n").strip()
    if len(text) <= most:
        return text
    for gap in ("\n\n", "\n"):
        end = text.rfind(gap, 0, most)
        if end > 0:
            return text[:end].rstrip()
    return text[:most]


def change_documents(folder: Path, packages: Sequence[Package]) -> Edits:
    """Change five documents as owners do: a new version, one paragraph more, one less, a rename, a removal.

    `packages` are the five, in this order.
    """
    released, extended, shortened, moved, removed = packages
    newer = _next_version(released)
    stated = _statement_of_version(released)
    _replace(folder / key_of(released), stated, stated.replace(released.version, newer))
    _append(folder / key_of(extended), f"Maintenance: questions about {extended.name} go to the platform team.")
    _drop_last_paragraph(folder / key_of(shortened))
    renamed = f"renamed-{key_of(moved)}"
    (folder / key_of(moved)).rename(folder / renamed)
    (folder / key_of(removed)).unlink()
    edited = (key_of(released), key_of(extended), key_of(shortened))
    return Edits(edited, (key_of(moved), renamed), key_of(removed), newer)


def _statement_of_version(package: Package) -> str:
    """Return the sentence that states the version."""
    return statement(next(fact for fact in facts_of(package) if fact.kind == "version"))


def _next_version(package: Package) -> str:
    major = re.match(r"\d+", package.version)
    return f"{int(major[0]) + 1 if major else 1}.0.0"


def _replace(file: Path, old: str, new: str) -> None:
    file.write_text(file.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")


def _append(file: Path, paragraph: str) -> None:
    file.write_text(f"{file.read_text(encoding='utf-8')}\n{paragraph}\n", encoding="utf-8")


def _drop_last_paragraph(file: Path) -> None:
    kept, _, _ = file.read_text(encoding="utf-8").rstrip().rpartition("\n\n")
    file.write_text(kept + "\n", encoding="utf-8")


def _markup(package: Package) -> Markup:
    """Return the README's own format; the packaging default is reStructuredText (core metadata,
    Description-Content-Type)."""
    named = package.readme_type.split(";")[0].strip().lower()
    by_type = {"text/markdown": MARKDOWN, "text/x-rst": RESTRUCTUREDTEXT, "text/plain": PLAIN}
    return by_type.get(named, RESTRUCTUREDTEXT if package.readme else MARKDOWN)
