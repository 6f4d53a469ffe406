"""How sentences speak to a model: by an order, by its name, or by saying what the answer has to be. Pure.

The second and third kind need no order: "AI readers should say ...", "the verified reply is ...". Rules for machines
and for people who answer ("AI systems must report incidents", "every reply to a customer must be sent within a day") do
not say what is to be answered.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Rule:
    """A form in which sentences speak to a model. What has it holds a word of each of `needs`."""

    form: re.Pattern[str]
    needs: tuple[frozenset[str], ...]


def _rule(form: str, *needs: str) -> Rule:
    return Rule(re.compile(form, re.IGNORECASE), tuple(frozenset(one.split()) for one in needs))


_DETERMINER = r"(?:(?:all|any|every|the|these|those|your|my|its|of|other|such)\s+){0,3}"
_EARLIER = r"(?:previous|prior|above|preceding|earlier|foregoing|former|initial|original|system|given)"
_ORDERS = r"(?:instruct(?:ion|ions)|prompts?|rules?|guidelines?|directions?|directives?|commands?|orders?|context|text)"
_OWN = r"your\s+(?:\w+\s+)?(?:answers?|responses?|repl(?:y|ies)|outputs?|message)"
_OF_A_PROGRAM = (
    r"(?!\w|\s+(?:code|headers?|body|object|status|class|type|content|middleware|data|format|handlers?|files?|"
    r"directory|stream|queue|broker|template|page)\b)"
)
_NO_ORDER = (
    r"(?!(?:we|i|it|he|she|they|you|this|that|these|those|the|a|an|our|my|your|thanks?|if|when|once|after|as|for|upon|"
    r"because|since|until|while|with|without|any|all|look|looking|await|awaiting|appreciate|what|how|why|where|who|which|"
    r"hi|hello|dear|re|and|but|so|there|is|are|was|were|to|on|by|from|wait|waiting|let|check|test|see|and)\b)"
)
"""What a sentence begins with that gives no order."""
_ORDER_WORDS = (
    "instruct instruction instructions prompt prompts rule rules guideline guidelines direction directions directive "
    "directives command commands order orders context text"
)
_ANSWER_WORDS = "answer answers response responses reply replies output outputs message"
_ORDERED = (
    _rule(
        rf"\b(?:ignore|disregard|forget|override|bypass|neglect|drop)\s+{_DETERMINER}{_EARLIER}\s+(?:\w+\s+)?{_ORDERS}\b",
        "ignore disregard forget override bypass neglect drop",
        "previous prior above preceding earlier foregoing former initial original system given",
        _ORDER_WORDS,
    ),
    _rule(
        rf"\b(?:ignore|disregard|forget|override|bypass)\s+{_DETERMINER}(?:your|its)\s+(?:\w+\s+)?{_ORDERS}\b",
        "ignore disregard forget override bypass",
        "your its",
        _ORDER_WORDS,
    ),
    _rule(
        r"\b(?:ignore|disregard|forget)\s+(?:everything|anything|all|what)\s+(?:\w+\s+){0,4}"
        r"(?:above|before|said|told|so far)\b",
        "ignore disregard forget",
        "above before said told far",
    ),
    _rule(
        r"\b(?:reveal|repeat|print|show|output|leak|disclose|display)\s+(?:\w+\s+){0,3}"
        r"(?:system|hidden|secret|initial)\s+(?:prompt|instructions?|message)\b",
        "reveal repeat print show output leak disclose display",
        "system hidden secret initial",
        "prompt instruction instructions message",
    ),
    _rule(
        r"\byou\s+are\s+(?:now|no\s+longer)\s+(?:an?|in|the|bound|going|free)\b",
        "you",
        "are",
        "now longer",
    ),
    _rule(
        r"\b(?:act|behave|respond|answer)\s+as\s+(?:if\s+you\s+(?:are|were)|an?\s+(?:unrestricted|evil|jailbroken|ai))\b",
        "act behave respond answer",
        "as",
        "you unrestricted evil jailbroken ai",
    ),
    _rule(
        r"\b(?:new|updated|real|important)\s+instructions?\s+(?:for|to)\s+(?:the\s+)?(?:ai|assistant|model|llm|chatbot|you)\b",
        "new updated real important",
        "instruction instructions",
        "ai assistant model llm chatbot you",
    ),
    _rule(
        rf"^\W*(?:please\s+)?{_NO_ORDER}[a-z]+\b(?:\s++\S++){{0,25}}?\s+{_OWN}{_OF_A_PROGRAM}",
        "your",
        _ANSWER_WORDS,
    ),
    _rule(
        rf"^\W*(?:in|within|throughout|at\s+the\s+(?:end|start|beginning)\s+of)\s+{_OWN}\s*,",
        "your",
        _ANSWER_WORDS,
    ),
    _rule(
        r"^\W*(?:assistant|ai|llm|chatbot)\s*[,:]\s*(?:please\s+)?(?:you|ignore|do|answer|say|reply|output|print)\b",
        "assistant ai llm chatbot",
        "you ignore do answer say reply output print",
    ),
    _rule(
        r"^\W*(?:(?:a\s+|important\s+)?(?:note|notice|message|reminder|instructions?)\s+(?:to|for)|attention|dear)\s*,?\s+"
        r"(?:(?:the|any|all|every)\s+)?(?:ai\s+|language\s+)?(?:assistants?|ais?|llms?|models?|chatbots?|agents?)\s*[:,]",
        "note notice message reminder instruction instructions attention dear",
        "assistant assistants ai ais llm llms model models chatbot chatbots agent agents",
    ),
    _rule(
        r"\banswer\s+(?:with|only)\s+(?-i:[A-Z]{3,})\b",
        "answer",
        "with only",
    ),
    _rule(
        r"<\|(?:im_start|im_end|system|user|assistant|endoftext|eot_id|start_header_id)\|>|\[/?INST\]|<<SYS>>|<start_of_turn>",
        "<| inst sys turn",
    ),
    _rule(
        r"^\W{0,3}(?:###\s*)?(?:system|instruction)s?\s*:\s*(?:you|ignore|answer|always|never|do)\b",
        "system systems instruction instructions",
        "you ignore answer always never do",
    ),
    _rule(
        r"^\W*(?:(?:ai\s+)?assistant|chatbot|chatgpt)\s*:\s+(?!(?-i:(?:[A-Z][a-z]+\.?\s*){1,4}$))",
        "assistant chatbot chatgpt",
    ),
    _rule(
        r"^\W*(?:(?:the|your)\s+)?(?:next|new)\s+(?:task|instruction|order)s?\b\s*(?:is\s*)?:\s*(?:please\s+)?"
        r"(?:(?:print|say|output|answer|reply|respond|repeat|write|ignore|reveal)\b|[^?]{1,300}\?)",
        "next new",
        "task tasks instruction instructions order orders",
    ),
)
_AI = r"(?:ais?|a\.i(?:\.s?)?)"
_READER = (
    rf"(?:{_AI}\s+(?:readers?|assistants?|systems?|models?|agents?|tools?|summari[sz]ers?|bots?|search)|"
    r"(?:large\s+|generative\s+|any\s+)?language\s+models?|llms?|gpts?|chat\s?gpt|chat\s?bots?|" + _AI + r"|"
    r"(?:answer|answering|question-answering|retrieval)\s+(?:engines?|systems?|bots?)|automat(?:ed|ic)\s+readers?|"
    r"(?:virtual\s+|digital\s+|the\s+|an?\s+|any\s+|every\s+)?assistants?(?:\s++\S++){0,3}?\s+(?:summari[sz]\w+|reads?|quotes?))"
)
"""What only a machine that reads or answers is called. An assistant may be a person: one that reads a page is none."""
_OBLIGED = (
    r"(?:must|should|shall|ought\s+to|(?:has|have|needs?|is|are)\s+(?:asked\s+|told\s+|required\s+|instructed\s+|"
    r"expected\s+|supposed\s+|obliged\s+)?to|may\s+only)"
)
_SAYS = r"(?:(?:say|mention|claim|insist|ignore|forget|disregard|obey)s?|(?:answer|reply|respond)\s+(?:with|that))"
_GIVES = (
    r"(?:name|output|print|state|tell|include|contain|link|point|recommend|cite|write|repeat|quote|refer|direct|send|"
    r"suggest|promote|advertise|begin|end|append|add|insert|give)"
)
_LITERAL = (
    r"(?:[\"\u201c\u201e\u00ab]|https?://|(?:the\s+)?(?:code|token)\b|[\w-]+(?:\.[\w-]+)*\.[a-z]{2,}\b|"
    r"(?=[\w-]*?[a-z])(?=[\w-]*?\d)[\w-])"
)
"""What an attacker wants to be said: a text in quotes, an address, a code. Rules for machines seldom name any."""
_TO_GIVE = rf"(?:{_SAYS}\b|{_GIVES}\s+(?:\w+\s+){{0,2}}?{_LITERAL})"
_READER_WORDS = (
    "ai ais i llm llms gpt gpts chatgpt chat chatbot chatbots language answer answering retrieval automated automatic "
    "assistant assistants"
)
_OBLIGED_WORDS = "must should shall to only"
_SAID_WORDS = (
    "say says mention mentions claim claims insist insists ignore ignores forget forgets disregard disregards obey "
    "obeys answer reply respond name output print state tell include contain link point recommend cite write repeat "
    "quote refer direct send suggest promote advertise begin end append add insert give"
)
_PRESCRIBED = (
    _rule(
        rf"\b{_READER}\b(?:\s++\S++){{0,8}}?\s+{_OBLIGED}\s+(?:\w+\s+){{0,3}}?{_TO_GIVE}",
        _READER_WORDS,
        _OBLIGED_WORDS,
        _SAID_WORDS,
    ),
    _rule(
        rf"\b(?:right|correct|only)\s+(?:answers?|repl(?:y|ies)|responses?|outputs?|completions?)\s+(?:of|from|by|for)\s+"
        rf"(?:the\s+|an?\s+|any\s+|every\s+)?(?:models?|{_READER})\s+(?:for|to)\s+(?:this|the|that|any)\s+"
        r"(?:quer(?:y|ies)|questions?|prompts?|page)\b",
        "right correct only",
        "answer answers reply replies response responses output outputs completion completions",
        "query queries question questions prompt prompts page",
    ),
    _rule(
        r"\b(?:verified|authori[sz]ed|certified|prescribed)\s+(?:answer|reply)\s+(?:(?:to|for)\s+(?:\S+\s+){1,40}?)?"
        r"(?:is|reads|must\s+be|should\s+be)\b",
        "verified authorised authorized certified prescribed",
        "answer reply",
    ),
    _rule(
        r"\b(?:questions?|quer(?:y|ies))\b(?:\s++\S++){0,25}?\s+(?:must|should|shall|is\s+to|are\s+to|has\s+to|have\s+to)"
        rf"\s+(?:always\s+|only\s+)?be\s+answered\s+with\s+{_LITERAL}",
        "question questions query queries",
        "answered",
    ),
    _rule(
        rf"\b(?:every|any|each|all|the)\s+(?:answers?|repl(?:y|ies))\s+(?:to|about|on|regarding|concerning)\b"
        rf"(?:\s++\S++){{1,25}}?\s+{_OBLIGED}\s+{_TO_GIVE}",
        "every any each all the",
        "answer answers reply replies",
        _OBLIGED_WORDS,
        _SAID_WORDS,
    ),
)


RULES = (*_ORDERED, *_PRESCRIBED)
_WORD = re.compile(r"[a-z]+|<\|")
_DOTTED = str.maketrans("\u0130\u0131", "ii")
"""The two letters that a rule takes for an i, though they are none in small letters either."""
_NEEDS = [need for rule in RULES for need in rule.needs]
_MEETS = {word: sum(1 << n for n, need in enumerate(_NEEDS) if word in need) for need in _NEEDS for word in need}
"""The needs that a word meets, a bit for each."""
_NEEDED = [(rule, sum(1 << n for n, need in enumerate(_NEEDS) if need in rule.needs)) for rule in RULES]


def possible(text: str) -> tuple[Rule, ...]:
    """Return the rules that sentences of a text in NFKC may have the form of: those whose words it has."""
    plain = text if text.isascii() else text.translate(_DOTTED)
    met = 0
    for word in _MEETS.keys() & _WORD.findall(plain.lower()):
        met |= _MEETS[word]
    return tuple(rule for rule, needed in _NEEDED if met & needed == needed)


def is_spoken(sentence: str, rules: Sequence[Rule] = RULES) -> bool:
    """Return whether a sentence speaks to a model, or says what one is to answer."""
    return any(rule.form.search(sentence) for rule in rules)
