"""Questions of everyday life from sixteen subjects and four languages, which a corpus answers at most by chance."""

QUESTIONS: tuple[str, ...] = tuple(
    """
How long does a soft-boiled egg need?
Which flour is best for pizza dough?
How do I keep basil fresh for a week?
What temperature is right for roasting a duck?
Can yoghurt replace buttermilk in pancakes?
How much salt goes into pasta water?
Why does my caramel crystallise?
Which cheese melts well on toast?
Who won the football world cup in 1974?
How many players does a handball team have?
What is the offside rule?
How long is a marathon?
Who holds the record in the high jump?
When were the first Olympic winter games?
How is a tie-break scored in tennis?
Which muscles does rowing train?
How do volcanoes form under the sea?
Which river flows through Budapest?
What is the highest mountain of Africa?
Why is the Dead Sea so salty?
How many islands does Indonesia have?
Which desert is the driest on earth?
Where do the trade winds blow?
What is the capital of Mongolia?
Which vaccine do puppies need first?
How often should a budgie be fed?
Why do cats purr?
How long do hamsters live?
Can rabbits eat cabbage?
How deep does a koi pond need to be?
What do bumblebees do in winter?
Which snakes are venomous in Spain?
When should I prune apple trees?
How far apart are tomatoes planted?
Why do the leaves of my ficus turn yellow?
Which flowers grow in deep shade?
How do I get rid of slugs?
When are tulip bulbs planted?
How much water does a cactus need?
Which hedge grows fastest?
Who composed the Goldberg Variations?
How many strings does a cello have?
Who painted Girl with a Pearl Earring?
What is the plot of Macbeth?
Which key is Beethoven's fifth symphony in?
Who wrote The Brothers Karamazov?
When was the Sistine Chapel painted?
What is a haiku?
How long is a passport valid?
What may I carry in hand luggage?
When does the night train to Vienna leave?
Do I need a visa for Vietnam?
Which beach in Crete is good for children?
How do I avoid jet lag?
What does a ski pass cost in Zermatt?
Is the tap water in Lisbon safe to drink?
What helps against a sore throat?
How is blood pressure measured?
What are symptoms of an iron deficiency?
How long does a sprained ankle take to heal?
Which vitamin is in oranges?
How much sleep do teenagers need?
Why do I get hiccups?
What is the normal pulse of an adult?
How do I change a bicycle tube?
Which oil does a lawn mower need?
How often are timing belts replaced?
What tyre pressure is right for a caravan?
How do I remove rust from a bumper?
Why does the clutch slip?
When is the motorway toll due?
What does the yellow engine lamp mean?
Who was the first emperor of Rome?
When did the Thirty Years' War end?
What caused the fall of Constantinople?
Who signed the Magna Carta?
How did the plague reach Europe?
When were the pyramids of Giza built?
Who discovered the source of the Nile?
What was the Hanseatic League?
How far away is the moon?
Why is Mars red?
When is the next solar eclipse?
How do black holes evaporate?
Which planet has the most moons?
What are shooting stars made of?
How old is the sun?
Why do stars twinkle?
How do I knit a sock heel?
Which paint sticks to tiles?
How do I fix a dripping tap?
What glue holds leather?
How is a duvet cover sewn?
Which drill bit goes through concrete?
How do I remove wallpaper?
What removes red wine from a carpet?
How much income tax does a nurse pay?
When does the kindergarten close for holidays?
How do I cancel a gym contract?
What does a notary charge for a will?
How high is the rent for a garage?
Which school does my child belong to?
How do I register a newborn?
Who pays for the funeral?
Wie lange muss Sauerteig gehen?
Wer gewann 1990 die Fußball-Weltmeisterschaft?
Wann blüht der Flieder?
Wie heißt die Hauptstadt von Peru?
Welche Medizin hilft gegen Reisekrankheit?
Wie oft gießt man Orchideen?
Combien de temps cuit un gigot d'agneau ?
Qui a peint Les Nymphéas ?
Quelle est la capitale du Sénégal ?
Comment soigner une piqûre de guêpe ?
Quand planter les pommes de terre ?
¿Cuánto tiempo vive una tortuga?
¿Quién escribió Cien años de soledad?
¿Cómo se prepara una tortilla de patatas?
¿Cuál es el río más largo de España?
¿Cuándo se podan los rosales?
""".strip().splitlines()
)
