"""How often text without a stated encoding is read as it was written.

Texts are put together from translated messages of the packages of this machine (/usr/share/locale), in encodings that
each language was written in before UTF-8. A text counts if every character is as it was.

    python benchmarks/text_encodings.py [--texts 6]
"""

import argparse
import gettext
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

from ragloop.corpus.parsing.decoding import decode
from ragloop.errors import DocumentError

LOCALES = Path("/usr/share/locale")
WESTERN = ("de", "es", "pt", "it", "sv", "fi", "da", "nb", "nl", "is", "ca", "et")
ENCODINGS = {
    "fr": ("cp1252", "iso8859-15", "mac-roman", "cp850"),
    **dict.fromkeys(WESTERN, ("cp1252",)),
    **dict.fromkeys(("pl", "cs", "hu"), ("cp1250", "iso8859-2")),
    **dict.fromkeys(("sk", "hr", "sl", "ro"), ("cp1250",)),
    "ru": ("cp1251", "koi8-r", "cp866", "iso8859-5"),
    "uk": ("cp1251", "koi8-u"),
    **dict.fromkeys(("bg", "sr", "be"), ("cp1251",)),
    "el": ("cp1253", "iso8859-7"),
    "tr": ("cp1254",),
    "he": ("cp1255",),
    **dict.fromkeys(("ar", "fa"), ("cp1256",)),
    **dict.fromkeys(("lt", "lv"), ("cp1257",)),
    "vi": ("cp1258",),
    "th": ("cp874",),
    "ja": ("cp932", "euc_jp", "iso2022_jp"),
    "zh_CN": ("gb18030",),
    "zh_TW": ("big5",),
    "ko": ("cp949",),
}
SIZES = (30, 120, 600)


@cache
def sentences(language: str) -> list[str]:
    """Return the messages of a language with a letter beyond ASCII and no placeholder."""
    found: set[str] = set()
    for file in sorted((LOCALES / language / "LC_MESSAGES").glob("*.mo")):
        try:
            with file.open("rb") as stream:
                catalog = gettext.GNUTranslations(stream)._catalog  # type: ignore[attr-defined]
        except UnicodeDecodeError:
            continue  # some declare another encoding than theirs
        texts = (" ".join(text.split()) for text in catalog.values() if isinstance(text, str))
        found.update(text for text in texts if len(text) > 8 and not text.isascii() and "%" not in text)
    return sorted(found)


def samples(texts: int) -> Iterator[tuple[int, str, bytes]]:
    """Yield (characters wanted, text, its bytes)."""
    for language, encodings in ENCODINGS.items():
        for encoding in encodings if len(sentences(language)) > 50 else ():
            chosen = random.Random(f"{language}{encoding}")
            for size in SIZES:
                for _ in range(texts):
                    text = ""
                    while len(text) < size or text.isascii():
                        line = chosen.choice(sentences(language)) + "\n"
                        text += line.encode(encoding, "ignore").decode(encoding)
                    yield size, text, text.encode(encoding)


def by_charset_normalizer(data: bytes) -> str:
    from charset_normalizer import from_bytes

    best = from_bytes(data).best()
    return data.decode(best.encoding) if best else ""


def by_chardet(data: bytes) -> str:
    import chardet

    return data.decode(chardet.detect(data)["encoding"] or "utf-8", "replace")


def by_ragloop(data: bytes) -> str:
    try:
        return decode(data, "text").text
    except DocumentError:
        return ""


def measure(read: Callable[[bytes], str], texts: int) -> None:
    """Print the share of texts that are read as they were written, and the CPU time of one."""
    right, of = Counter[int](), Counter[int]()
    spent = 0.0
    for size, text, data in samples(texts):
        began = time.process_time()
        right[size] += read(data) == text
        spent += time.process_time() - began
        of[size] += 1
    shares = "   ".join(f"{size} characters {right[size] / of[size]:.3f}" for size in SIZES)
    print(
        f"{read.__name__.removeprefix('by_'):20} {shares}   {1000 * spent / of.total():.1f} ms a text   n {of.total()}"
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--texts", type=int, default=6, help="per language, encoding and size")
    wanted = parser.parse_args().texts
    for reader in (by_charset_normalizer, by_chardet, by_ragloop):
        measure(reader, wanted)
