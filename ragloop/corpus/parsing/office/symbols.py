"""Symbol fonts: the character that a reader sees where a font draws signs in the place of letters."""

_PRIVATE = 0xF000
_GREEK = "ΑΒΧΔΕΦΓΗΙϑΚΛΜΝΟΠΘΡΣΤΥςΩΞΨΖ"
_GREEK_SMALL = "αβχδεφγηιϕκλμνοπθρστυϖωξψζ"
_SYMBOL = {
    **{0x41 + n: sign for n, sign in enumerate(_GREEK)},
    **{0x61 + n: sign for n, sign in enumerate(_GREEK_SMALL)},
    0x22: "∀", 0x24: "∃", 0x27: "∋", 0x2D: "−", 0x40: "≅", 0x5C: "∴", 0x5E: "⊥", 0xA2: "′", 0xA3: "≤", 0xA5: "∞",
    **{0xAB + n: sign for n, sign in enumerate("↔←↑→↓°±″≥×∝∂•÷≠≡≈…")},
    0xC5: "⊕", 0xC6: "∅", 0xC7: "∩", 0xC8: "∪", 0xCC: "⊂", 0xCD: "⊆", 0xCE: "∈", 0xCF: "∉",
    **{0xD0 + n: sign for n, sign in enumerate("∠∇®©™∏√⋅¬∧∨⇔⇐⇑⇒")},
    0xE5: "∑", 0xF2: "∫",
}  # fmt: skip
_WINGDINGS = {
    0x22: "✂", 0x28: "☎", 0x29: "✆", 0x2A: "✉", 0x46: "☞", 0x4A: "☺", 0x4B: "😐", 0x4C: "☹", 0x52: "☼",
    0x6C: "●", 0x6D: "❍", 0x6E: "■", 0x6F: "☐", 0x70: "☐", 0x71: "☐", 0x72: "☐", 0x73: "◆", 0x74: "◆", 0x75: "◆",
    0x76: "❖", 0x77: "◆", 0x78: "☒", 0x9E: "·", 0x9F: "•", 0xA1: "○", 0xA2: "○", 0xA7: "▪", 0xA8: "☐", 0xAB: "★",
    0xD8: "➢", 0xDF: "←", 0xE0: "→", 0xE1: "↑", 0xE2: "↓", 0xE7: "←", 0xE8: "→", 0xE9: "↑", 0xEA: "↓",
    0xEF: "⇦", 0xF0: "⇨", 0xF1: "⇧", 0xF2: "⇩", 0xF3: "⇔", 0xFB: "✗", 0xFC: "✓", 0xFD: "☒", 0xFE: "☑",
    **{0x80 + n: sign for n, sign in enumerate("⓪①②③④⑤⑥⑦⑧⑨⑩⓿❶❷❸❹❺❻❼❽❾❿")},
}  # fmt: skip
_WINGDINGS_2 = {
    0x30: "☐", 0x31: "☐", 0x32: "☐", 0x3C: "✗", 0x4F: "✗", 0x50: "✓", 0x51: "☒", 0x52: "☑", 0x53: "☒", 0x54: "☒",
    0x56: "✗", 0x96: "●", 0x97: "●", 0x98: "●", 0xA1: "■", 0xA2: "■", 0xA3: "☐", 0xA4: "☐",
    **{0x69 + n: sign for n, sign in enumerate("⓪①②③④⑤⑥⑦⑧⑨⑩⓿❶❷❸❹❺❻❼❽❾❿")},
}  # fmt: skip
_WEBDINGS = {0x33: "◀", 0x34: "▶", 0x35: "▲", 0x36: "▼", 0x61: "✓", 0x63: "☐", 0x67: "■", 0x6E: "●", 0x72: "✗"}
_FONTS = {
    "symbol": _SYMBOL,
    "wingdings": _WINGDINGS,
    "wingdings 2": _WINGDINGS_2,
    "wingdings 3": {0x66: "←", 0x67: "→", 0x68: "↑", 0x69: "↓", 0x7D: "▶"},
    "webdings": _WEBDINGS,
}


def is_symbol_font(font: str) -> bool:
    """Return whether letters in a font stand for signs."""
    return font.lower() in _FONTS


def symbol(font: str, code: int) -> str:
    """Return the sign that a font draws for a code; empty for a sign that has no character here."""
    low = code - _PRIVATE if _PRIVATE <= code <= _PRIVATE + 0xFF else code
    signs = _FONTS.get(font.lower())
    if signs is not None:
        return " " if low == ord(" ") else signs.get(low, chr(low) if font.lower() == "symbol" and low < 0x7F else "")
    return "" if 0xE000 <= code <= 0xF8FF or not 0x20 <= code < 0xD800 else chr(code)


def in_symbols(font: str, text: str) -> str:
    """Return a text that a symbol font draws as what is seen; signs that are not known here are left out."""
    return "".join(one if one.isspace() else symbol(font, ord(one)) for one in text)
