"""HTML: the text a reader sees."""

import re

import pytest

from ragloop.corpus.parsing import parse
from ragloop.corpus.parsing.document import ParsedDocument
from ragloop.errors import DocumentError
from tests.support.cpu import cpu_seconds_below


def read(source: str) -> ParsedDocument:
    return parse(source.encode(), "text/html", "page.html")


def pieces(source: str) -> list[tuple[str, tuple[str, ...], str]]:
    document = read(source)
    return [(block.kind, block.heading, document.text[block.start : block.end]) for block in document.blocks]


def test_paragraphs_stand_under_their_headings() -> None:
    source = "<title>Site</title><p>Lead</p><h1>One</h1><p>a <b>b</b>\n c</p><h2>Two</h2><div>d<p>e</div>"
    assert read(source).title == "Site"
    assert pieces(source) == [
        ("paragraph", ("Site",), "Lead"),
        ("paragraph", ("One",), "a b c"),
        ("paragraph", ("One", "Two"), "d"),
        ("paragraph", ("One", "Two"), "e"),
    ]


def test_blocks_are_joined_by_blank_lines() -> None:
    assert read("<h1>T</h1><p>a</p><p>b</p>").text == "T\n\na\n\nb"


def test_what_a_reader_does_not_see_is_dropped() -> None:
    source = (
        "<script>s</script><style>t</style><nav>n</nav><template>u</template><!-- c --><p hidden>h</p>"
        "<p style='display: none'>i</p><form><input value=x><button>k</button></form><svg><text>v</text></svg>"
        "<p>seen</p>"
    )
    assert [text for _, _, text in pieces(source)] == ["seen"]


def test_text_after_a_dropped_element_stays() -> None:
    assert [text for _, _, text in pieces("<p>a<script>x</script>b<!-- c -->d<br>e</p>")] == ["abd\ne"]


def test_lists_and_preformatted_text_are_readable() -> None:
    source = "<ul><li>a<ul><li>b</li></ul></li><li><p>c</p></li></ul><pre>x\n  y\n\n z</pre>"
    assert pieces(source) == [
        ("list", (), "- a\n  - b\n- c"),
        ("code", (), "x\n  y\n\n z"),
    ]


def test_a_table_that_arranges_the_page_is_no_table() -> None:
    source = "<table><tr><td><h1>A</h1><p>text</p></td></tr></table>"
    assert pieces(source) == [("paragraph", ("A",), "text")]


def test_the_declared_charset_is_used() -> None:
    data = '<meta charset="windows-1251"><p>Привет</p>'.encode("cp1251")
    assert parse(data, "text/html", "a.html").text == "Привет"


def test_a_wrong_declaration_does_not_spoil_utf_16() -> None:
    assert parse("<meta charset=utf-8><p>Grüße</p>".encode("utf-16"), "text/html", "a.html").text == "Grüße"


def test_an_xml_declaration_and_control_characters_do_no_harm() -> None:
    source = "<?xml version='1.0' encoding='ascii'?><html><body><p>a\x00b</p>" + "<p>x</p>" * 40
    assert read(source).text.startswith("a b")


def test_a_page_without_text_has_no_blocks() -> None:
    assert read("<html><head><title>T</title></head><body><script>x</script></body></html>").blocks == ()


@pytest.mark.parametrize("label", ["undefined", "punycode", "utf-7", "idna", "unicode_escape", "rot13", "none-such"])
def test_a_charset_that_no_browser_knows_is_ignored(label: str) -> None:
    body = "".join(f"é{n} +AGE- \\x41 " for n in range(20_000))
    with cpu_seconds_below(5):
        assert read(f'<meta charset="{label}"><p>{body}</p>').text == body.strip()


@pytest.mark.parametrize(
    ("label", "codec", "text"),
    [
        ("x-sjis", "cp932", "こんにちは"),
        ("GBK", "gbk", "你好世界"),
        ("latin1", "cp1252", "“naïve”"),
        ("koi8-r", "koi8-r", "Привет"),
    ],
)
def test_the_charsets_of_browsers_are_taken(label: str, codec: str, text: str) -> None:
    assert parse(f"<meta charset={label}><p>{text}</p>".encode(codec), "text/html", "a.html").text == text


def test_a_page_nested_too_deep_is_refused_and_not_cut_off() -> None:
    assert read("<div>" * 1_900 + "inner" + "</div>" * 1_900 + "<p>after").text == "inner\n\nafter"
    with pytest.raises(DocumentError, match=r"page\.html .*depth.* nested at most 2,048 deep"):
        read("<p>before</p>" + "<div>" * 4_000 + "inner" + "</div>" * 4_000 + "<p>after")


@pytest.mark.timeout(60)
def test_a_charset_cannot_make_decoding_slow() -> None:
    body = "ab" * 100_000
    with cpu_seconds_below(5):
        assert read(f"<meta charset=punycode><p>x-{body}</p>").text == f"x-{body}"


def texts(source: str) -> list[str]:
    return [text for _, _, text in pieces(source)]


def test_what_a_click_shows_is_read() -> None:
    source = (
        "<h1>Ferry</h1><h2><button aria-expanded=false><span>When does it sail?</span></button></h2>"
        "<div hidden><p>At seven.</p></div>"
        "<button data-bs-toggle=collapse data-bs-target='#fare'>What does it cost?</button>"
        "<div id=fare style='display:none'><p>Four crowns.</p></div>"
        "<details><summary>May dogs come?</summary><p>On a lead.</p></details>"
        "<dl><dt>Deck</dt><dd hidden>Upper and lower.</dd></dl><p hidden>never shown</p>"
    )
    assert pieces(source) == [
        ("paragraph", ("Ferry", "When does it sail?"), "At seven."),
        ("paragraph", ("Ferry", "When does it sail?"), "What does it cost?\nFour crowns."),
        ("paragraph", ("Ferry", "When does it sail?"), "May dogs come?\nOn a lead."),
        ("paragraph", ("Ferry", "When does it sail?"), "Deck\nUpper and lower."),
    ]


def test_the_label_of_a_tab_stands_above_its_panel() -> None:
    by_order = (
        "<ul role=tablist><li role=tab>Sail</li><li role=tab>Motor</li></ul>"
        "<div><div role=tabpanel>Raise it.</div><div role=tabpanel hidden>Start it.</div></div>"
    )
    by_id = (
        "<div role=tablist><button role=tab aria-controls=b>Motor</button><a role=tab href='#a'>Sail</a></div>"
        "<p>between</p><div id=a role=tabpanel>Raise it.</div><div id=b role=tabpanel hidden>Start it.</div>"
    )
    assert texts(by_order) == ["Sail\nRaise it.", "Motor\nStart it."]
    assert texts(by_id) == ["between", "Sail\nRaise it.", "Motor\nStart it."]


@pytest.mark.parametrize(
    "frame",
    [
        "<div role=navigation><a href=/>Fares</a></div>",
        "<div class='cc-window cc-banner'><span>Our site sets cookies</span><a>Got it</a></div>",
        "<div class='cookie-banner'>Our site sets cookies <button>Yes</button></div>",
        "<div id=consent>We track you <a href=/p>policy</a></div>",
        "<footer>Imprint</footer>",
        "<header class=site><a href=/>Harbour company</a></header>",
        "<div class='left-sidebar'><a href=/a>Tides</a> <a href=/b>Moorings</a></div>",
        "<ol class=breadcrumb><li><a href=/>Start</a></li></ol>",
        "<a href='#c'>Skip to main content</a>",
        "<aside><a href=/x>Other ports</a></aside>",
        "<a href='https://example.org/edit'>Edit this page</a>",
        "<div role=dialog><h2>Newsletter</h2><p>Sign up now</p></div>",
        "<div class='footer dark'><p>Made by the harbour company</p></div>",
        "<div id=footer>Imprint</div>",
        "<div class=d-print-none><h2>Feedback</h2><p>Did this help you?</p></div>",
        "<p class=site-title>Harbour company</p>",
        "<div class='pageSection group'><h2>Attachments:</h2><p>pier.png (image/png)</p></div>",
    ],
)
def test_what_frames_a_page_is_left_out(frame: str) -> None:
    page = "<p>The pier is open from May.</p>"
    assert texts(f"<body>{frame}<div id=c><h1>Pier</h1>{page}</div>{frame}</body>") == ["The pier is open from May."]


@pytest.mark.parametrize(
    "content",
    [
        "<div class=section id=navigation><h2>Lights</h2><p>Keep the red one to port.</p></div>",
        "<section id=cookies><h2>Ginger biscuits</h2><p>Bake them for long.</p><a href=/r>more</a></section>",
        "<aside class='admonition sidebar'><p>The lock closes at nine, ring twice.</p><a href=/l>Lock</a></aside>",
        "<div class=menu><p>Soup of the day, two crowns</p></div>",
        "<article><header><p>By the harbour master</p></header><p>Text.</p><footer>Written in May.</footer></article>",
        "<blockquote><p>Hold fast.</p><footer>A sailor</footer></blockquote>",
        "<main><article><p>Text.</p><div class=footer>Written in June.</div></article></main>",
        "<div class=footer><h1>Anchors</h1><p>All of the page lies in its foot.</p></div>",
        "<main><aside><p>Mind the swell.</p></aside><p>Text.</p></main>",
        "<div role=note class='hatnote navigation-not-searchable'>Main article: <a href=/h>Harbour</a></div>",
        "<div aria-hidden=true><p>Seen by the eye only.</p></div>",
        "<main><p>A.</p></main><p>What is beside it is longer by far than what is in the main part.</p>",
    ],
)
def test_content_that_has_a_name_of_boilerplate_stays(content: str) -> None:
    words = " ".join(" ".join((*path, text)) for _, path, text in pieces(f"<body><h1>Log</h1>{content}</body>"))
    bare = re.sub(r"<[^>]*>", " ", content).split()
    assert [word for word in bare if word not in words] == []


def test_a_footer_in_the_main_part_is_that_of_the_page() -> None:
    page = (
        "<main><nav>Log</nav><h1>Pier</h1><p>It is open.</p><footer><p>Made by the harbour company</p></footer></main>"
    )
    assert texts(f"<body>{page}</body>") == ["It is open."]


def test_the_only_main_part_is_the_page_and_keeps_the_title_outside() -> None:
    source = (
        "<body><div><h1>Locks</h1><p>Share this</p></div><main><h2>Upper</h2>"
        "<p>It lifts boats of any draught by four metres.</p></main><div>Visitors today: 4</div></body>"
    )
    assert pieces(source) == [("paragraph", ("Locks", "Upper"), "It lifts boats of any draught by four metres.")]


@pytest.mark.parametrize(
    "link",
    [
        "<a class=headerlink href='#x' title='Permalink'>¶</a>",
        "<a href='#x'>#</a>",
        "<a class=hash-link href='#x' aria-label='Direct link'>\u200b</a>",
        "<a href='#x'><span>Section titled “Winch”</span></a>",
        "<button>Copy</button>",
    ],
)
def test_links_beside_a_heading_are_no_part_of_it(link: str) -> None:
    assert pieces(f"<h2>Winch {link}</h2><p>Grease it.</p>") == [("paragraph", ("Winch",), "Grease it.")]
    assert pieces("<h2><a class=anchor href='#x'>Winch</a></h2><p>a</p>") == [("paragraph", ("Winch",), "a")]


CODE = "if wet:\n    pump()\n\n    log()"


@pytest.mark.parametrize(
    "source",
    [
        "<table><tr><td class=linenos><pre>1\n2\n3\n4</pre></td><td class=code><pre>{}</pre></td></tr></table>",
        "<table><tr><td class=gutter><pre>1<br>2</pre></td><td class=code><pre>{}</pre></td></tr></table>",
        "<pre><span class=lineno>1 </span>{}</pre>",
        "<pre><code><div>if wet:</div><div>    pump()</div><div>\n</div><div>    log()</div></code></pre>",
        "<pre><span class=line>if wet:</span><br><span class=line>    pump()</span><br><br>    log()</pre>",
        "<div class=fragment><div class=line>if wet:</div>\n<div class=line>    pump()</div>\n\n"
        "<div class=line>    log()</div>\n</div>",
        "<table><tr><td class=blob-num data-line-number=1></td><td class=blob-code>if wet:</td></tr>"
        "<tr><td class=blob-num></td><td class=blob-code>&nbsp;   pump()\n</td></tr>"
        "<tr><td class=blob-code>\n</td></tr>"
        "<tr><td class=blob-num></td><td class=blob-code>    log()</td></tr></table>",
    ],
)
def test_code_keeps_its_lines_and_loses_their_numbers(source: str) -> None:
    assert pieces(source.replace("{}", CODE)) == [("code", (), CODE)]


def test_code_in_a_list_is_code() -> None:
    source = f"<ol start=3><li>Run it<pre>{CODE}</pre>then wait</li><li>Stop</li></ol>"
    assert [(kind, text) for kind, _, text in pieces(source)] == [
        ("list", "3. Run it"),
        ("code", CODE),
        ("list", "then wait\n4. Stop"),
    ]


def test_items_are_numbered_as_the_page_numbers_them() -> None:
    source = "<ol type=a><li>x</li><li value=4>y</li></ol><ol type=I><li>v</li></ol><ul>\n<li>\n<p>z</p></ul>"
    assert texts(source) == ["a. x\nd. y", "I. v", "- z"]
    assert texts("<ul><li><input type=checkbox checked> done<li><input type=checkbox>open</ul>") == [
        "- [x] done\n- [ ] open"
    ]


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("10<sup>6</sup> kg", "10^6 kg"),
        ("10<sup>-3</sup>", "10^-3"),
        ("x<sup>n+1</sup>", "x^(n+1)"),
        ("the hull<sup><a href='#n'>2</a></sup>.", "the hull^2."),
        ("the hull<sup>[2]</sup>", "the hull[2]"),
        ("<sup>2</sup>See there", "[2] See there"),
        ("the 1<sup>st</sup> mate", "the 1st mate"),
        ("H<sub>2</sub>O", "H2O"),
        ("10<sub>2</sub>", "10_2"),
        ("v<sub>max</sub>", "v_max"),
        ("<ruby>港<rp>(</rp><rt>みなと</rt><rp>)</rp></ruby>へ", "港へ"),
        ("a<wbr>b", "ab"),
        ("<span><div>one</div><div>two</div></span>", "one\n\ntwo"),
        ("<a href=/a>one</a><a href=/b>two</a>", "one two"),
        ("<span class=selected-value>one</span><span class='selected-value red'>two</span>", "one two"),
        ("<span>wo</span><span>rd</span>", "word"),
    ],
)
def test_signs_that_are_raised_lowered_or_beside_a_word_do_not_change_it(source: str, text: str) -> None:
    assert read(f"<p>{source}</p>").text == text


MATHML = "<math><mfrac><mi>a</mi><mi>b</mi></mfrac><mo>=</mo><msup><mi>c</mi><mn>2</mn></msup></math>"
SOURCED = "<math><semantics><mi>F</mi><annotation encoding='application/x-tex'>F=ma</annotation></semantics></math>"


@pytest.mark.parametrize(
    ("source", "text"),
    [
        (MATHML, "a/b=c^2"),
        ("<math alttext='{\\displaystyle F=ma}'><mi>F</mi></math>", "F=ma"),
        (
            f"<span class=katex><span class=katex-mathml>{SOURCED}</span><span class=katex-html>F=ma</span></span>",
            "F=ma",
        ),
        ("<span class=MathJax><span>F</span></span><script type='math/tex'>F=ma</script>", "F=ma"),
        (f"<span style='display:none'>{SOURCED}</span><img class=mwe-math-fallback-image-inline alt='F=ma'>", "F=ma"),
        ("<img class=math src=f.png alt='F = ma'>", "F = ma"),
    ],
)
def test_a_formula_is_read_once(source: str, text: str) -> None:
    assert read(f"<p>so {source} holds</p>").text == f"so {text} holds"


def row_with(source: str, word: str) -> str:
    return next(line for line in read(source).text.split("\n") if word in line)


def test_cells_that_span_rows_and_columns_stand_in_each() -> None:
    source = (
        "<table><thead><tr><th>Quay<th>Berth<th>Depth</tr></thead><tr><td rowspan=3>North<td>N1<td>4 m</tr>"
        "<tr><td>N2<td>5 m</tr><tr><td colspan=2>dry</tr><tr><td>South<td>S1<td>6 m</tr></table>"
    )
    assert all(part in row_with(source, "5 m") for part in ("North", "N2"))
    assert row_with(source, "dry").count("dry") == 2
    assert "North" not in row_with(source, "6 m")


def test_a_cell_as_wide_as_the_table_is_a_paragraph_between_rows() -> None:
    source = "<table><tr><th>Fish<th>Price</tr><tr><td colspan=2>Salted</tr><tr><td>Cod<td>4</tr></table>"
    assert ("paragraph", (), "Salted") in pieces(source)
    assert "Salted" not in row_with(source, "Cod")


def test_cells_that_arrange_a_page_are_blocks() -> None:
    source = "<table><tr><td><ul><li>Home</ul><td><h1>Tides</h1><p>High at six.</p><p>Low at noon.</p></table>"
    assert texts(source) == ["- Home", "High at six.", "Low at noon."]
    assert texts("<table role=presentation><tr><td>one<td>two</tr></table>") == ["one | two"]


def test_a_heading_around_blocks_keeps_its_words_and_one_around_a_page_is_none() -> None:
    assert pieces("<h1><div>Dry</div><div>dock</div></h1><p>a</p>") == [("paragraph", ("Dry dock",), "a")]
    assert pieces("<h1><img alt='Dock plan' src=a></h1><p>a</p>") == [("paragraph", ("Dock plan",), "a")]
    assert texts("<h2><ul><li>a</li></ul></h2>") == ["- a"]


@pytest.mark.parametrize(
    "source",
    [
        "<div class=menu>" * 1_500 + "<a href='#a'>x</a>" * 20_000,
        "<div hidden><p>a</p></div><button aria-expanded=true>b</button>" * 10_000,
        "<table><tr><td rowspan=60000 colspan=1000>x</td></tr>" + "<tr><td>y</td></tr>" * 20_000,
        "<table><tr><td>" * 600 + "x" * 100_000,
        "<sup>" * 1_500 + "x" * 100_000,
        "<h1>" * 1_500 + "x<br>" * 20_000,
        "<footer><p>a</p></footer>" * 30_000,
        "<h2><button>a</button></h2>" * 20_000,
        "<a href='#x'>" + "<b>" * 1_000 + "a" * 100_000,
        "<main>a</main>" * 30_000,
        "<i class='" + "nav-" * 50_000 + "'>a</i>",
    ],
    ids="menus hidden span tables raised headings footers buttons link mains class".split(),
)
@pytest.mark.timeout(120)
def test_hostile_pages_cost_no_more_than_their_length(source: str) -> None:
    with cpu_seconds_below(6):
        read(source)


def test_a_title_as_wide_as_a_table_stands_above_the_row_that_names_its_columns() -> None:
    rows = "".join(f"<tr><td>Gauge {n}</td><td>{n} mm</td></tr>" for n in range(20))
    for title in ("<td colspan=2>Rainfall</td>", "<th colspan=2>Rainfall</th>"):
        found = pieces(f"<table><tr>{title}</tr><tr><th>Gauge</th><th>Depth</th></tr>{rows}</table>")
        assert found[0] == ("paragraph", (), "Rainfall")
        assert found[1][2].splitlines()[7] == "Gauge: Gauge 7 | Depth: 7 mm"


def test_the_number_of_a_note_sticks_to_no_word_though_its_style_alone_raises_it() -> None:
    for number in ("<a epub:type='noteref' href='#n'>1</a>", "<sup><a role='doc-noteref' href='#n'>1</a></sup>"):
        assert read(f"<p>The weir{number}.</p>").text == "The weir^1."


@pytest.mark.parametrize(
    "panel", ["<div class=panel style='display:none'>", "<div hidden>", "<div class=accordion-content>"]
)
def test_a_button_above_what_it_shows_is_read_with_it(panel: str) -> None:
    source = f"<button class=accordion>Where is the key?</button>{panel}<p>Under the third stone.</p></div>"
    assert texts(source) == ["Where is the key?\nUnder the third stone."]
    assert "Copy" not in read(f"<button>Copy this</button>{panel}<p>x</p></div>").text
