"""A paragraph on the care of a boat in several languages, by the code of each."""

PARAGRAPHS = {
    "en": "Rinse the hull with fresh water after every trip and let it dry before you cover it. Salt that stays on the "
    "varnish draws moisture, and the wood below turns grey within a single season.",
    "de": "Spülen Sie den Rumpf nach jeder Fahrt mit Süßwasser ab und lassen Sie ihn trocknen, bevor Sie die Plane "
    "darüberziehen. Salz, das auf dem Lack bleibt, zieht Feuchtigkeit an, und das Holz darunter wird schnell grau.",
    "fr": "Rincez la coque à l'eau douce après chaque sortie et laissez-la sécher avant de remettre la bâche. Le sel "
    "qui reste sur le vernis attire l'humidité, et le bois devient gris en une seule saison.",
    "es": "Enjuague el casco con agua dulce después de cada salida y déjelo secar antes de cubrirlo. La sal que queda "
    "sobre el barniz atrae la humedad, y la madera se vuelve gris en una sola temporada.",
    "pl": "Po każdym rejsie spłucz kadłub słodką wodą i poczekaj, aż wyschnie, zanim go przykryjesz. Sól, która "
    "zostaje na lakierze, przyciąga wilgoć, a drewno pod spodem szybko szarzeje.",
    "tr": "Her geziden sonra tekneyi tatlı suyla yıkayın ve örtmeden önce kurumasını bekleyin. Verniğin üzerinde "
    "kalan tuz nemi çeker ve altındaki ahşap bir mevsimde grileşir.",
    "ru": "После каждого выхода промойте корпус пресной водой и дайте ему высохнуть, прежде чем накрывать его. Соль, "
    "которая остаётся на лаке, притягивает влагу, и дерево быстро сереет.",
    "ar": "اغسل هيكل القارب بالماء العذب بعد كل رحلة واتركه حتى يجف قبل أن تغطيه. الملح الذي يبقى على الطلاء يجذب "
    "الرطوبة ويصبح الخشب رماديا في موسم واحد.",
    "hi": "हर यात्रा के बाद नाव को मीठे पानी से धोएँ और ढकने से पहले उसे सूखने दें। रोगन पर रह गया नमक नमी खींचता है और "
    "उसके नीचे की लकड़ी एक ही मौसम में धूसर हो जाती है।",
    "zh": "每次出航后请用淡水冲洗船体，等它完全晾干再盖上防水布。"
    "留在清漆上的盐会吸收湿气，下面的木头一个季节就会变成灰色。",
    "ja": "航海が終わるたびに船体を真水で洗い、よく乾かしてからカバーを掛けてください。"
    "ニスに残った塩は湿気を呼び、下の木は一つの季節で灰色になります。",
}
