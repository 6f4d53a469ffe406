"""How often is the row that names the columns found, and how often is a row of data taken for it?

    python benchmarks/table_headers.py [FOLDER ...] [--wrong]

The tables below are written after kinds that people keep: exports, price lists, rosters, time tables, surveys, logs,
forms of two columns, lists without names, in 16 languages. A line is "names" or "data" (what row 1 holds), then the
rows, parted by " / ", and the cells, parted by "|". Prints precision and recall of "row 1 names the columns". Of the
Markdown files in each folder every table is tried with its header and, as one that has none, without it.
"""

import argparse
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from ragloop.corpus.parsing import parse
from ragloop.corpus.parsing.grids.headers import are_labels, header_rows

Rows = list[list[str]]

TABLES = """
names  Name|City|Phone / Ann Lee|Oslo|555-0101 / Ben Moe|Bergen|555-0102
names  |owner|city / Anchor|Ann|Oslo / Buoy|Ben|Rome / Cable|Cid|Bonn
names  Quarter|2021|2022|2023 / Sales|10|12|15 / Costs|7|8|9 / Profit|3|4|6
names  Product|2019|2020 / Bolts|1900|2010 / Nuts|250|310
names  Which of the rooms do you use most, and why?|Would you come again? / The attic|Yes / The hall|No
names  first_name|last_name|joined_on / Ann|Lee|2020-01-05 / Ben|Moe|2021-03-09
names  orderId|customerRef|grandTotal / A-17|C9|12.50 / A-18|C3|99.00
names  Valve|Torque / V-01|23 Nm / V-02|26 Nm / V-03|29 Nm
names  Role|Lead|Lead / Mast|Ann|Ben / Sail|Cid|Dora
names  Depth (m)|Temp (°C)|Salinity / 0|14.2|34.1 / 10|13.9|34.3 / 20|12.5|34.4
names  Parameter|Default|Meaning / retries|3|how often a call is made again / wait|none|seconds until it is given up
names  Fruit|Colour|Season / Apple|red|autumn / Lemon|yellow|winter / Plum|blue|summer
names  Player|Goals|Assists / Moe, A.|12|4 / Lee, B.|9|11
names  Station|Dep.|Arr. / Hamar|08:12|09:40 / Lillehammer|10:05|11:30
names  Error|What to do / E101|Restart the pump, wait, and open the valve / E102|Call the service desk
names  Email|Role / ann@example.org|admin / ben@example.org|guest
names  Host|Port|Path / a.example|443|/v1 / b.example|8443|/v2
names  Timestamp|Level|Message / 2024-05-01 10:00|INFO|started / 2024-05-01 10:01|WARN|slow disk
names  Mon|Tue|Wed / 12|9|14 / 11|8|13 / 10|7|15
names  Species|Wingspan|Weight|Eggs / Robin|22 cm|18 g|5 / Wren|15 cm|9 g|6 / Heron|190 cm|1.8 kg|4
names  Country|Capital / Norway|Oslo / Italy|Rome / Peru|Lima
names  Term|Explanation / Luff|to turn a boat into the wind / Jibe|to turn the stern through the wind
names  No.|Item|Qty|Unit price / 1|Rope|2|12.00 / 2|Block|6|7.50
names  Task|Who|Done / Paint hull|Ann|yes / Fix mast|Ben|no / Buy rope|Cid|yes
names  Feature|Basic|Pro / Export|no|yes / Single sign-on|no|yes / Search|yes|yes
names  Date|Rainfall / 2024-01-01|3.2 / 2024-01-02|0.0 / 2024-01-03|7.9
names  Sample|Batch|Result / S001|B7|pass / S002|B7|fail / S003|B8|pass
names  x|y / 1|2 / 3|4 / 5|6
names  Artikel|Preis|Menge / Schraube|0,15 €|200 / Mutter|0,10 €|350
names  Vorname|Nachname|Stadt / Jürgen|Groß|Köln / Zoë|Weiß|Mainz
names  Gerät|Standort|Zuständig / Pumpe 1|Halle A|Frau Kern / Pumpe 2|Halle B|Herr Volk
names  Fehler|Ursache|Abhilfe / F01|Filter verstopft|Filter reinigen / F02|kein Strom|Sicherung prüfen
names  Tarif|2023|2024 / Einzelfahrt|2,80|3,00 / Tageskarte|7,90|8,40
names  Schicht|Beginn|Ende / Früh|06:00|14:00 / Spät|14:00|22:00
names  Prénom|Ville|Âge / Zoé|Nîmes|31 / Loïc|Brest|27
names  Désignation|Référence|Prix / Vis|V-12|0,20 / Écrou|E-08|0,15
names  Horaires|Lundi|Mardi / Matin|8h-12h|fermé / Soir|fermé|14h-18h
names  Nombre|Ciudad|Teléfono / Íñigo|León|987 123 / Begoña|Ávila|920 456
names  Producto|Precio|Existencias / Tornillo|0,15|200 / Tuerca|0,10|340
names  Pregunta|Respuesta / ¿Dónde está la llave?|En el cajón de la mesa / ¿Quién abre?|El conserje
names  Città|Abitanti|Provincia / Lucca|89000|LU / Prato|195000|PO
names  Nome|Cargo|Entrada / João|Chefe|2019-02-01 / Inês|Técnica|2020-07-15
names  Naam|Plaats|Aantal / Sjoerd|Gouda|3 / Fleur|Breda|5
names  Namn|Ort|Antal / Åsa|Växjö|4 / Örjan|Umeå|7
names  Nazwa|Cena|Ilość / Śruba|0,50|100 / Nakrętka|0,30|80
names  Název|Cena|Množství / Šroub|2,50|100 / Matice|1,20|80
names  Ürün|Fiyat|Adet / Vida|1,50|100 / Somun|0,75|200
names  Имя|Город|Телефон / Анна|Псков|11-22 / Борис|Тверь|33-44
names  Товар|Цена|Количество / Болт|15|200 / Гайка|10|340
names  Прибор|Место|Ответственный / Насос|Цех 1|Иванова / Клапан|Цех 2|Петров
names  名前|部署|電話番号 / 佐藤|営業部|03-1234 / 鈴木|開発部|03-5678
names  产品|价格|数量 / 螺丝|0.5|200 / 螺母|0.3|300
names  姓名|城市|职位 / 王芳|上海|经理 / 李强|北京|工程师
names  이름|부서|입사일 / 김민수|영업|2020-01-02 / 이지은|개발|2021-03-04
names  الاسم|المدينة|العمر / ليلى|دمشق|31 / سامي|حلب|27
names  שם|עיר|טלפון / דנה|חיפה|04-111 / יואב|אילת|08-222
names  नाम|शहर|आयु / आशा|पुणे|31 / रवि|दिल्ली|27
names  ชื่อ|จังหวัด|จำนวน / สมชาย|เชียงใหม่|3 / สุดา|ภูเก็ต|5
names  Item|Price|Price / Item|EUR|USD / Pen|1.20|1.30 / Ink|4.00|4.40
names  |Price| / Item|EUR|USD / Pen|1.20|1.30 / Ink|4.00|4.40 / Cap|2.00|2.20
names  Zone|Fare / A|3 / B|5 / C|9
data   Gus|Lund / Hal|Malmo / Ida|Ystad
data   Ann|Oslo|31 / Ben|Rome|27 / Cid|Bonn|45
data   1|2|3 / 4|5|6 / 7|8|9
data   2021|10 / 2022|12 / 2023|15
data   2024-01-01|Oslo|3.2 / 2024-01-02|Oslo|0.0 / 2024-01-03|Hamar|7.9
data   Rope|12.00|2 / Block|7.50|6 / Shackle|3.20|40
data   A-17|red|yes / A-18|blue|no / A-19|red|no
data   ann@example.org|admin / ben@example.org|guest / cid@example.org|admin
data   Monday|08:00|17:00 / Tuesday|08:00|17:00 / Friday|09:00|15:00
data   I liked the room / The bed was soft / Breakfast came late
data   Norway|Oslo / Italy|Rome / Peru|Lima / Chad|N'Djamena
data   The pump squeaks at night|Ann / The gate is stuck again|Ben / The lamp flickers|Cid
data   left|right / up|down / in|out
data   yes|no|yes / no|no|yes / yes|yes|no
data   Name|Fay / City|Turku / Phone|none
data   Owner|Ann / Location|Hall 3 / Serial number|X-99 / Installed|2019-05-01
data   Höhe|12 m / Breite|4 m / Gewicht|3 t / Baujahr|1998
data   Nom|Zoé / Ville|Nîmes / Âge|31
data   Kunde:|Berta AG / Ort:|Ulm / Nummer:|4711
data   Имя|Анна / Город|Псков / Возраст|31
data   名称|水泵 / 型号|P-20 / 价格|300
data   Jürgen|Köln|41 / Zoë|Mainz|35 / Ralf|Bonn|52
data   Zoé|Nîmes|31 / Loïc|Brest|27 / Anaïs|Metz|44
data   Íñigo|León / Begoña|Ávila / Ximena|Jaén
data   Анна|Псков|31 / Борис|Тверь|27 / Вера|Омск|44
data   佐藤|営業部|1980 / 鈴木|開発部|1975 / 高橋|総務部|1991
data   螺丝|0.5|200 / 螺母|0.3|300 / 垫片|0.1|900
data   김민수|서울|31 / 이지은|부산|27 / 박준|대구|44
data   ليلى|دمشق|31 / سامي|حلب|27 / نور|حمص|44
data   आशा|पुणे|31 / रवि|दिल्ली|27 / मीरा|जयपुर|44
data   GET|/v1/users|200 / POST|/v1/users|201 / GET|/v1/rooms|404
data   10.0.0.1|web|up / 10.0.0.2|web|up / 10.0.0.3|mail|down
data   Pen|1.20 / Ink|4.00
data   Bolt M4|box 7 / Bolt M5|box 8 / Bolt M6|box 9
data   red|#ff0000 / green|#00ff00 / blue|#0000ff
"""


def made() -> Iterator[tuple[bool, Rows]]:
    for line in TABLES.strip().splitlines():
        kind, _, rows = line.partition("  ")
        yield kind == "names", [row.strip(" ").split("|") for row in rows.strip(" ").split(" / ")]


def written(folder: Path) -> Iterator[tuple[bool, Rows]]:
    """Yield the tables of Markdown files, whose first row is a header by syntax, with that row and without it."""
    for path in sorted(folder.rglob("*.md")):
        document = parse(path.read_bytes(), "text/markdown", path.name)
        for block in (block for block in document.blocks if block.header):
            lines = document.text[block.start : block.end].splitlines()
            rows = [[cell.strip(" `*") for cell in line.strip().strip("|").split("|")] for line in lines]
            if len(rows) > 3:
                yield True, [rows[0], *rows[2:]]
                yield False, rows[2:]


def measure(title: str, cases: Iterable[tuple[bool, Rows]], *, wrong: bool) -> None:
    counts = Counter[tuple[bool, bool]]()
    for names, rows in cases:
        found = not are_labels(rows) and header_rows(rows) is not None
        counts[names, found] += 1
        if wrong and found != names:
            print("missed" if names else "taken ", rows[:3])
    right, missed, taken = counts[True, True], counts[True, False], counts[False, True]
    precision, recall = right / (right + taken), right / (right + missed)
    print(f"{title}: {counts.total()} tables, {right + missed} with names in row 1: ", end="")
    print(f"precision {precision:.3f}, recall {recall:.3f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="*", type=Path)
    parser.add_argument("--wrong", action="store_true", help="print the tables that are read wrongly")
    options = parser.parse_args()
    measure("made", made(), wrong=options.wrong)
    for folder in options.folders:
        measure(str(folder), written(folder), wrong=options.wrong)


if __name__ == "__main__":
    main()
