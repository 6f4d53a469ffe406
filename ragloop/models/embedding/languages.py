"""Which languages embedders read, as far as it is known, and how languages are called in English. Pure."""

from collections.abc import Mapping

MULTILINGUAL = "multilingual-e5-small"
_XLM_R = """af Afrikaans|am Amharic|ar Arabic|as Assamese|az Azerbaijani|be Belarusian|bg Bulgarian|bn Bengali|br Breton
bs Bosnian|ca Catalan|cs Czech|cy Welsh|da Danish|de German|el Greek|en English|eo Esperanto|es Spanish|et Estonian
eu Basque|fa Persian|fi Finnish|fr French|fy Frisian|ga Irish|gd Scottish Gaelic|gl Galician|gu Gujarati|ha Hausa
he Hebrew|hi Hindi|hr Croatian|hu Hungarian|hy Armenian|id Indonesian|is Icelandic|it Italian|ja Japanese|jv Javanese
ka Georgian|kk Kazakh|km Khmer|kn Kannada|ko Korean|ku Kurdish|ky Kyrgyz|la Latin|lo Lao|lt Lithuanian|lv Latvian
mg Malagasy|mk Macedonian|ml Malayalam|mn Mongolian|mr Marathi|ms Malay|my Burmese|ne Nepali|nl Dutch|no Norwegian
om Oromo|or Odia|pa Punjabi|pl Polish|ps Pashto|pt Portuguese|ro Romanian|ru Russian|sa Sanskrit|sd Sindhi|si Sinhala
sk Slovak|sl Slovenian|so Somali|sq Albanian|sr Serbian|su Sundanese|sv Swedish|sw Swahili|ta Tamil|te Telugu|th Thai
tl Filipino|tr Turkish|ug Uyghur|uk Ukrainian|ur Urdu|uz Uzbek|vi Vietnamese|xh Xhosa|yi Yiddish|zh Chinese"""
"""The languages of the texts that XLM-R was trained on (Conneau et al., ACL 2020, appendix A), with their codes."""
_OTHERS = """ast Asturian|ba Bashkir|bo Tibetan|ceb Cebuano|ckb Central Kurdish|cv Chuvash|ht Haitian Creole
lb Luxembourgish|mt Maltese|nds Low German|oc Occitan|pnb Western Punjabi|rm Romansh|sh Serbo-Croatian|tg Tajik
tk Turkmen|tt Tatar"""


def _named(table: str) -> Mapping[str, str]:
    rows = (row.partition(" ") for row in table.replace("\n", "|").split("|"))
    return {code: name for code, _, name in rows}


_OF_XLM_R = _named(_XLM_R)
_NAMES = {**_OF_XLM_R, **_named(_OTHERS)}
_ENGLISH = frozenset(("en",))
_READ = {
    # The cards of both say that they are of English.
    "all-MiniLM-L6-v2": _ENGLISH,
    "bge-small-en-v1.5": _ENGLISH,
    # Its card: "supports 100 languages from xlm-roberta, but low-resource languages may see performance degradation".
    MULTILINGUAL: frozenset(_OF_XLM_R) | {"sh"},
}


def languages_read(embedder: str) -> frozenset[str] | None:
    """Return the codes of the languages that an embedder reads, by its name on the hub; None of one not known."""
    return _READ.get(embedder.rpartition("/")[2])


def language_name(code: str) -> str:
    """Return how a language is called in English; its code where it is none of the more frequent ones."""
    return _NAMES.get(code, code)
