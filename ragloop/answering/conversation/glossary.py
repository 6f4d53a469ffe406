"""The glossary that a user keeps: short forms and what they stand for."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ragloop.errors import ConfigError, NotFoundError
from ragloop.language.words import words


@dataclass(frozen=True)
class Glossary:
    """Short forms with their meanings."""

    meanings: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, file: Path | None) -> "Glossary":
        """Read a TOML file of lines such as TTL = "time to live"; empty without a file.

        Raises NotFoundError, or ConfigError that says what is wrong with it.
        """
        if file is None:
            return cls()
        try:
            found = tomllib.loads(file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise NotFoundError(f"found no glossary at {file}; correct answers.glossary") from None
        except UnicodeDecodeError as error:
            raise ConfigError(f"{file}: expected UTF-8, found another encoding at byte {error.start}") from None
        except tomllib.TOMLDecodeError as error:
            raise ConfigError(f'{file}: expected lines such as TTL = "time to live"; {error}') from None
        for name, meaning in found.items():
            if not (isinstance(meaning, str) and meaning.strip() and name.strip()):
                raise ConfigError(f'{file}: expected a text for {name}, such as TTL = "time to live"')
        return cls({name: " ".join(meaning.split()) for name, meaning in found.items()})

    def of(self, question: str) -> dict[str, str]:
        """Return the entries whose short form is a word of the question, as it is written."""
        spoken = frozenset(words(question))
        spoken |= {one[:-1] for one in spoken if one.endswith("s") and one[:-1].isupper()}
        return {name: meaning for name, meaning in self.meanings.items() if name in spoken}
