"""English words that carry no meaning of their own: what a question has them for, no passage needs to have."""

STOP = frozenset(
    "a an and are as at be been but by can could did do does for from had has have how i if in into is it its may of "
    "on or our shall should so such than that the their them then there these they this those to was we were what when "
    "where which who whom why will with would you your".split()
)
FUNCTION_WORDS = STOP | frozenset(
    "about after again against all along also always am another any anyone anything anywhere around away back because "
    "before being below best better between both came come comes done down during each either else ever every "
    "everything few first five four get gets getting give given gives go goes going good got he her here him his "
    "instead itself just keep kind know last least leave left less let like little long look looks lot made make makes "
    "many me might mine more most mostly much must my myself need needs neither never next no none nor not nothing now "
    "off often once one only onto other others out over own part per place please put quick quicker quickly really "
    "right same say says see seen sees seven several she show shows since six some someone something somewhere soon "
    "sort still take taken takes tell tells ten thing things three through till too toward turn two under until up "
    "upon us use used uses using very via want wants way well went while whole whose within without work works yes yet "
    "mean means happen happens called find finds try tries cut everyone eight nine possible able help helps".split()
)
"""With those of vague questions: how "quick" something is stands in a passage as a number."""
ASKING = frozenset(
    # German, French, Spanish, Italian, Portuguese
    "wer wen wem was wann wo wohin woher warum weshalb wieso wie wieviel wieviele welche welcher welches welchen "
    "welchem viele qui que quoi quand ou comment pourquoi combien quel quelle quels quelles quien quienes cuando donde "
    "como cual cuales cuanto cuanta cuantos cuantas che chi cosa dove perche quale quali quanto quanta quanti quante "
    "quem onde qual quais quantos quantas "
    # Dutch, Swedish, Danish and Norwegian
    "wat wanneer waar waarom hoe hoeveel welke welk vem vad nar var varfor hur vilken vilket vilka manga hvem hvad hva "
    "hvor hvornar hvorfor hvordan hvilken hvilke hvilket mange "
    # Arabic
    "\u0645\u0627 \u0645\u0627\u0630\u0627 \u0645\u062a\u064a \u0627\u064a\u0646 \u0643\u064a\u0641 "
    "\u0644\u0645\u0627\u0630\u0627 \u0643\u0645 \u0645\u0646 \u0647\u0644 \u0627\u064a".split()
)
"""Words that ask, of languages whose other small words stand in most passages: these stand in questions alone. As
`forms.searchable` writes them, in lower case."""
