"""Words that people name columns and fields with, in the languages that tables are met in.

A word that is as often a value as a name ("lead", "open", "gold") is none of them.
"""

import re

_WORDS = """
id ids no nr num number name names title type category class code fare
key value description desc comment comments remark
remarks note notes date time day week weekday month year quarter start end begin from to until since due deadline
duration status state owner author editor manager contact responsible assignee person people role position
department team company organisation organization customer client supplier vendor user username login password email
e-mail mail phone telephone mobile fax address street city town country region province zip postcode postal location
place site room building floor latitude longitude lat lon product item items article part sku model brand version
size length width height depth weight volume colour color quantity qty amount total subtotal sum price cost costs
fee fees rate tax vat discount currency unit units budget revenue balance score rank grade rating percent percentage
share count max min minimum maximum average mean median result results age gender sex birthday born nationality
language isbn url link website file filename path folder format default required option options parameter parameters
argument setting variable field column attribute property method function command action event reason source target
question answer topic subject priority severity level group kind label tag tags capacity seats rooms speed
temperature pressure torque power voltage frequency population area capital distance route arrival departure
platform track artist album genre species family order metric measure figure measurement reading device sensor host
port service instance environment meaning explanation term definition example translation abbreviation symbol recommend
agree feature features support supported nummer bezeichnung titel typ art kategorie klasse wert beschreibung bemerkung
bemerkungen kommentar anmerkung hinweis datum zeit uhrzeit woche wochentag monat jahr quartal beginn ende von bis
seit fällig frist dauer zustand besitzer eigentümer autor verantwortlich ansprechpartner rolle funktion abteilung
firma unternehmen kunde lieferant benutzer telefon handy adresse anschrift straße strasse stadt ort land gebiet plz
postleitzahl standort raum gebäude stockwerk produkt artikel teil modell marke größe grösse länge breite höhe tiefe
gewicht farbe menge anzahl betrag summe gesamt preis kosten gebühr steuer rabatt währung einheit umsatz anteil
ergebnis alter geschlecht sprache datei pfad frage antwort thema priorität stufe gruppe vorname nachname
geburtsdatum einwohner fläche hauptstadt bedeutung begriff nom prénom titre catégorie valeur commentaire remarque
heure jour semaine mois année trimestre début durée statut état propriétaire auteur responsable rôle fonction
société entreprise fournisseur utilisateur courriel téléphone ville pays région lieu salle bâtiment étage
produit pièce modèle marque taille longueur largeur hauteur poids couleur quantité montant somme prix coût tarif
taxe devise unité résultat âge sexe langue fichier chemin réponse sujet priorité niveau groupe référence désignation
libellé nombre apellido apellidos título tipo categoría clase clave valor descripción comentario observación
observaciones fecha hora día semana mes año inicio duración estado propietario cargo función departamento empresa
cliente proveedor usuario correo teléfono dirección calle ciudad país región lugar sala edificio piso producto
artículo pieza modelo marca tamaño longitud ancho altura peso cantidad importe precio costo coste tarifa impuesto
moneda unidad resultado edad sexo idioma archivo pregunta respuesta tema prioridad nivel grupo código número nome
cognome titolo categoria classe valore descrizione commento nota data ora giorno settimana mese anno inizio durata
stato proprietario autore ruolo funzione reparto azienda fornitore utente telefono indirizzo città paese regione
luogo sede piano prodotto articolo pezzo modello dimensione lunghezza larghezza altezza colore quantità importo
prezzo tariffa imposta valuta unità risultato età lingua domanda risposta argomento codice numero sobrenome
descrição comentário observação dia mês ano início duração situação proprietário função fornecedor usuário telefone
endereço rua cidade região local edifício andar produto artigo peça tamanho comprimento largura quantidade preço
custo taxa imposto moeda unidade idade pergunta resposta naam voornaam achternaam soort categorie waarde
omschrijving opmerking opmerkingen tijd dag maand jaar einde duur eigenaar rol functie afdeling bedrijf klant
leverancier gebruiker telefoon adres straat stad plaats regio locatie ruimte gebouw verdieping onderdeel merk maat
lengte breedte hoogte kleur aantal bedrag totaal prijs tarief belasting eenheid resultaat leeftijd taal vraag
antwoord onderwerp namn efternamn kategori värde beskrivning anmärkning tid vecka månad år slut ägare författare
ansvarig roll avdelning företag kund leverantör användare gata plats byggnad våning storlek längd bredd höjd vikt
färg antal belopp pris kostnad avgift skatt enhet ålder språk fråga svar navn etternavn verdi beskrivelse måned eier
forfatter ansvarlig avdeling selskap bruker sted bygning størrelse lengde vekt farge beløp nimi arvo
kuvaus päivä päivämäärä kuukausi vuosi omistaja kaupunki maa hinta määrä yksikkö puhelin osoite nazwa imię nazwisko
tytuł kategoria wartość opis uwagi czas dzień miesiąc rok początek koniec właściciel rola dział klient dostawca
użytkownik ulica miasto kraj miejsce rozmiar długość szerokość wysokość waga kolor ilość kwota suma cena koszt
podatek waluta jednostka wynik wiek język pytanie odpowiedź numer jméno příjmení název hodnota popis poznámka čas
den měsíc vlastník oddělení zákazník dodavatel město země místo velikost délka hmotnost barva množství částka
jednotka výsledek věk jazyk név érték leírás dátum idő nap hónap év tulajdonos város ország hely méret súly szín
mennyiség összeg ár egység nyelv ad adı soyad soyadı isim başlık tür değer açıklama tarih saat gün ay yıl sahip
şehir ülke yer bölüm ürün boyut ağırlık renk miktar tutar fiyat birim sonuç yaş dil имя фамилия название
наименование тип категория значение описание комментарий примечание дата время день неделя месяц год начало конец
срок статус состояние владелец автор ответственный роль должность отдел компания клиент поставщик пользователь почта
телефон адрес улица город страна регион место комната здание этаж товар продукт артикул модель размер длина ширина
высота вес цвет количество сумма итого цена стоимость налог валюта единица результат возраст пол язык вопрос ответ
тема номер код назва опис ціна місто країна кількість рік ім'я прізвище όνομα τίτλος τύπος τιμή περιγραφή ημερομηνία
ώρα πόλη χώρα ποσότητα שם תאריך מחיר עיר כמות סוג תיאור מספר כתובת טלפון اسم الاسم تاريخ التاريخ السعر سعر المدينة
مدينة الكمية كمية النوع نوع الوصف وصف رقم الرقم العنوان عنوان الهاتف هاتف الدولة القيمة الحالة العمر القسم نام تاریخ
قیمت شهر تعداد شرح شماره آدرس تلفن کشور नाम तारीख दिनांक मूल्य कीमत शहर मात्रा प्रकार विवरण संख्या पता देश राज्य आयु
विभाग ชื่อ วันที่ ราคา จำนวน เมือง ประเทศ ที่อยู่ หมายเลข ประเภท สถานะ หน่วย tên ngày giá số lượng loại mô tả địa
chỉ thành phố nama tanggal harga jumlah kota negara alamat jenis keterangan satuan 名称 姓名 名字 名前 氏名 商品名
标题 標題 件名 类型 類型 種類 类别 類別 分類 分类 值 値 说明 說明 説明 描述 备注 備註 備考 注释 日期 日付 时间 時間
時刻 年份 月份 曜日 年度 开始 開始 结束 終了 期限 状态 狀態 状態 负责人 担当者 担当 所有者 作者 角色 役職 职位 部门
部門 部署 公司 会社 客户 客戶 顧客 供应商 用户 邮箱 邮件 电话 電話 電話番号 地址 住所 城市 都市 国家 國家 国 地区
地點 地点 場所 房间 部屋 楼层 产品 產品 製品 商品 型号 型番 品牌 尺寸 サイズ 长度 長さ 宽度 幅 高度 高さ 重量 重さ
颜色 色 数量 數量 个数 金额 金額 合计 合計 总计 价格 價格 価格 单价 単価 成本 費用 费用 税率 货币 通貨 单位 單位
単位 结果 結果 年龄 年齢 性别 性別 语言 言語 问题 質問 答案 回答 编号 編號 番号 序号 代码 コード 人口 面积 面積 首都
이름 성명 제목 유형 종류 분류 값 설명 비고 날짜 일자 시간 연도 월 시작 종료 기한 상태 담당자 소유자 저자 역할 직책
부서 회사 고객 공급업체 사용자 이메일 전화 전화번호 주소 도시 국가 지역 장소 제품 상품 품목 모델 크기 길이 무게 색상
수량 금액 합계 가격 단가 비용 단위 결과 나이 성별 언어 질문 답변 번호 코드
"""
_DAYS_AND_MONTHS = """
q1 q2 q3 q4
mon tue wed thu fri sat sun monday tuesday wednesday thursday friday saturday sunday jan feb mar apr jun jul aug
sep oct nov dec january february march april june july august september october november december montag dienstag
mittwoch donnerstag freitag samstag sonntag lundi mardi mercredi jeudi vendredi samedi dimanche lunes martes miércoles
jueves
viernes sábado domingo lunedì martedì mercoledì giovedì venerdì sabato domenica
"""
_HARDLY_VALUES = frozenset(
    """
id no qty name names title type category value description comment comments remark remarks note notes date time year
status owner address email e-mail phone city town country location place price cost amount quantity total unit age
result meaning definition explanation example default colour color size weight length
titel typ kategorie wert beschreibung bemerkung kommentar datum uhrzeit jahr adresse stadt ort preis kosten menge anzahl
betrag einheit alter ergebnis bedeutung standort farbe größe telefon vorname nachname
nom prénom titre catégorie valeur commentaire heure année statut ville pays lieu prix quantité montant unité âge
nombre título tipo categoría descripción comentario fecha año ciudad país lugar precio cantidad importe edad
nome titolo descrizione città paese prezzo quantità preço quantidade cidade descrição
naam plaats prijs aantal omschrijving namn ort pris antal nazwa cena ilość miasto
имя название тип описание дата год город страна цена количество возраст адрес телефон место
名称 姓名 名前 氏名 类型 類型 種類 说明 説明 备注 備考 日期 日付 城市 住所 地址 价格 価格 数量 年龄 年齢
이름 설명 날짜 도시 주소 가격 수량 나이 الاسم المدينة السعر التاريخ नाम शहर मूल्य तारीख
""".split()
)
_KNOWN = frozenset(_WORDS.split())
_WHOLE = _KNOWN | frozenset(_DAYS_AND_MONTHS.split())
_SPLIT = re.compile(r"[^\w-]+|_+|(?<=[a-z])(?=[A-Z])")
_LONGEST, _MOST_WORDS = 60, 5


def weight_of_name(cell: str) -> float:
    """Return 1.5 for a cell that is hardly ever a value, 1 for any other known name.

    A few words that begin or end with one, such as "Preis (EUR)", are worth 0.5; what is not known is worth 0.
    """
    if len(cell) > _LONGEST:
        return 0.0
    whole = cell.strip(" .:：#*").casefold()
    if whole in _WHOLE or whole.removesuffix("s") in _KNOWN:
        return 1.5 if whole in _HARDLY_VALUES else 1.0
    words = [word.casefold() for word in _SPLIT.split(cell) if word]
    return 0.5 if 1 < len(words) <= _MOST_WORDS and (words[-1] in _KNOWN or words[0] in _KNOWN) else 0.0
