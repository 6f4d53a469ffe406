"""How sentences speak to a model: by an order, by its name, or by saying what the answer has to be. Pure.

The second and third kind need no order: "AI readers should say ...", "the verified reply is ...". Rules for machines
and for people who answer ("AI systems must report incidents", "every reply to a customer must be sent within a day") do
not say what is to be answered.
"""

import re

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
_ORDERED = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"\b(?:ignore|disregard|forget|override|bypass|neglect|drop)\s+{_DETERMINER}{_EARLIER}\s+(?:\w+\s+)?{_ORDERS}\b",
        rf"\b(?:ignore|disregard|forget|override|bypass)\s+{_DETERMINER}(?:your|its)\s+(?:\w+\s+)?{_ORDERS}\b",
        r"\b(?:ignore|disregard|forget)\s+(?:everything|anything|all|what)\s+(?:\w+\s+){0,4}"
        r"(?:above|before|said|told|so far)\b",
        r"\b(?:reveal|repeat|print|show|output|leak|disclose|display)\s+(?:\w+\s+){0,3}"
        r"(?:system|hidden|secret|initial)\s+(?:prompt|instructions?|message)\b",
        r"\byou\s+are\s+(?:now|no\s+longer)\s+(?:an?|in|the|bound|going|free)\b",
        r"\b(?:act|behave|respond|answer)\s+as\s+(?:if\s+you\s+(?:are|were)|an?\s+(?:unrestricted|evil|jailbroken|ai))\b",
        r"\b(?:new|updated|real|important)\s+instructions?\s+(?:for|to)\s+(?:the\s+)?(?:ai|assistant|model|llm|chatbot|you)\b",
        rf"^\W*(?:please\s+)?{_NO_ORDER}[a-z]+\b(?:\s+\S+){{0,25}}?\s+{_OWN}{_OF_A_PROGRAM}",
        rf"^\W*(?:in|within|throughout|at\s+the\s+(?:end|start|beginning)\s+of)\s+{_OWN}\s*,",
        r"^\W*(?:assistant|ai|llm|chatbot)\s*[,:]\s*(?:please\s+)?(?:you|ignore|do|answer|say|reply|output|print)\b",
        r"^\W*(?:(?:a\s+|important\s+)?(?:note|notice|message|reminder|instructions?)\s+(?:to|for)|attention|dear)\s*,?\s+"
        r"(?:(?:the|any|all|every)\s+)?(?:ai\s+|language\s+)?(?:assistants?|ais?|llms?|models?|chatbots?|agents?)\s*[:,]",
        r"\banswer\s+(?:with|only)\s+(?-i:[A-Z]{3,})\b",
        r"<\|(?:im_start|im_end|system|user|assistant|endoftext|eot_id|start_header_id)\|>|\[/?INST\]|<<SYS>>|<start_of_turn>",
        r"^\W{0,3}(?:###\s*)?(?:system|instruction)s?\s*:\s*(?:you|ignore|answer|always|never|do)\b",
        r"^\W*(?:(?:ai\s+)?assistant|chatbot|chatgpt)\s*:\s+(?!(?-i:(?:[A-Z][a-z]+\.?\s*){1,4}$))",
        r"^\W*(?:(?:the|your)\s+)?(?:next|new)\s+(?:task|instruction|order)s?\s*(?:is\s*)?:\s*(?:please\s+)?"
        r"(?:(?:print|say|output|answer|reply|respond|repeat|write|ignore|reveal)\b|[^?]{1,300}\?)",
    )
)
_READER = (
    r"(?:a\.?i\.?s?\s+(?:readers?|assistants?|systems?|models?|agents?|tools?|summari[sz]ers?|bots?|search)|"
    r"(?:large\s+|generative\s+|any\s+)?language\s+models?|llms?|gpts?|chat\s?gpt|chat\s?bots?|a\.?i\.?s?|"
    r"(?:answer|answering|question-answering|retrieval)\s+(?:engines?|systems?|bots?)|automat(?:ed|ic)\s+readers?|"
    r"(?:virtual\s+|digital\s+|the\s+|an?\s+|any\s+|every\s+)?assistants?(?:\s+\S+){0,3}?\s+(?:summari[sz]\w+|reads?|quotes?))"
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
    r"[\w-]*(?:[a-z][\w-]*\d|\d[\w-]*[a-z])[\w-]*\b)"
)
"""What an attacker wants to be said: a text in quotes, an address, a code. Rules for machines seldom name any."""
_TO_GIVE = rf"(?:{_SAYS}\b|{_GIVES}\s+(?:\w+\s+){{0,2}}?{_LITERAL})"
_PRESCRIBED = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"\b{_READER}\b(?:\s+\S+){{0,25}}?\s+{_OBLIGED}\s+(?:\w+\s+){{0,3}}?{_TO_GIVE}",
        rf"\b(?:right|correct|only)\s+(?:answers?|repl(?:y|ies)|responses?|outputs?|completions?)\s+(?:of|from|by|for)\s+"
        rf"(?:the\s+|an?\s+|any\s+|every\s+)?(?:models?|{_READER})\s+(?:for|to)\s+(?:this|the|that|any)\s+"
        r"(?:quer(?:y|ies)|questions?|prompts?|page)\b",
        r"\b(?:verified|authori[sz]ed|certified|prescribed)\s+(?:answer|reply)\s+(?:(?:to|for)\s+(?:\S+\s+){1,40}?)?"
        r"(?:is|reads|must\s+be|should\s+be)\b",
        r"\b(?:questions?|quer(?:y|ies))\b(?:\s+\S+){0,25}?\s+(?:must|should|shall|is\s+to|are\s+to|has\s+to|have\s+to)"
        rf"\s+(?:always\s+|only\s+)?be\s+answered\s+with\s+{_LITERAL}",
        rf"\b(?:every|any|each|all|the)\s+(?:answers?|repl(?:y|ies))\s+(?:to|about|on|regarding|concerning)\b"
        rf"(?:\s+\S+){{1,25}}?\s+{_OBLIGED}\s+{_TO_GIVE}",
    )
)


def is_spoken(sentence: str) -> bool:
    """Return whether a sentence speaks to a model, or says what one is to answer."""
    return any(pattern.search(sentence) for pattern in (*_ORDERED, *_PRESCRIBED))
