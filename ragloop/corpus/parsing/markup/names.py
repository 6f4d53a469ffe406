"""What the classes and ids of elements say of them, in the themes and generators that most pages come from."""

import re
from enum import StrEnum

_WORDS = re.compile(r"[-_]+")
_NEVER = frozenset(
    """breadcrumb breadcrumbs breadcrumb-section skip-link skip-nav skiplink skip-to-content skip-main md-skip
    viewcode-link viewcode-back mw-editsection mw-jump-link sharedaddy jp-relatedposts addtoany_share_save_container
    rst-versions wy-breadcrumbs wy-nav-side md-source-file md-content__button theme-edit-this-page
    theme-doc-breadcrumbs page-edit edit-link edit-page edit-page-link github-link copybtn copy-button clipboard-btn
    btn-clipboard clipboard-copy copy-code-button material-icons material-symbols-outlined material-symbols-rounded
    screen-reader-shortcut printfooter catlinks src srclink MathJax_Preview noprint-nav prev-next-area sidebar-toggle
    navbar-toggler book-summary book-header navigation-next navigation-prev footer-nav docs-prevnext MsoToc1 MsoToc2
    MsoToc3 MsoToc4 MsoToc5 post-navigation paging-navigation social-links social-icons share-buttons share-links
    navheader navfooter method-click-advice related-posts newsletter-signup adsbygoogle advertisement
    header-anchor-icon hide-when-compact d-print-none hidden-print noprint no-print pageSection page-metadata aui-icon
    search-results site-branding site-title site-description author-bio comment-respond sharrre-container
    td-page-meta__lastmod cc-window cc-banner""".split()
)
_FOOTERS = frozenset(("footer", "site-footer", "page-footer"))
_LINKS = frozenset(
    """nav navbar navigation menu sidebar sphinxsidebar toc localtoc pagination pager share sharing social
    footer topbar toolbar""".split()
)
_PARTS = frozenset("has with no not content main toctree".split())
"""Words in names of what is beside boilerplate or is none."""
_NUMBERS = frozenset(
    """lineno linenos linenodiv lnt ln line-number line-numbers linenumber linenumbers gutter hljs-ln-numbers blob-num
    rouge-gutter code-line-number lineno-container react-syntax-highlighter-line-number""".split()
)
_LINES = frozenset("line token-line code-line code-block-line view-line ec-line hljs-line".split())
_PANELS = frozenset(
    """tab tabs tabbed pane panel tabpanel accordion collapse collapsible details faq answer toggle togglable expand
    expander expandable spoiler math""".split()
)
_RENDERED = frozenset("MathJax MathJax_Display MathJax_SVG MathJax_SVG_Display MathJax_CHTML MJXc-display".split())
_CONSENT = frozenset(("cookie", "cookies", "gdpr", "consent", "onetrust", "cookiebot", "cookieconsent", "cookiebar"))
_NOTICES = frozenset(
    """banner notice consent bar law popup modal overlay message dialog notification disclaimer sdk alert
    container""".split()
)


class Purpose(StrEnum):
    """What an element is for, as its names say."""

    UNKNOWN = "unknown"
    NO_CONTENT = "no content"
    LINKS = "links, if it holds little else"
    FOOTER = "what stands at the foot of a page"
    CONSENT = "a notice on cookies"
    MAYBE_CONSENT = "a notice on cookies, if it asks for something"
    LINE_NUMBER = "the number of a line of code"
    LINE = "a line of code"
    CODE = "code"
    PANEL = "content that is shown on request"
    FORMULA = "a formula as it is drawn"
    TITLE = "the title of a document"
    CHECKED = "a box that is checked"
    UNCHECKED = "a box that is not checked"
    APART = "a word apart from those beside it"


_EXACT = {
    **dict.fromkeys(_LINES, Purpose.LINE),
    **dict.fromkeys(_NUMBERS, Purpose.LINE_NUMBER),
    **dict.fromkeys(_NEVER, Purpose.NO_CONTENT),
    **dict.fromkeys(_FOOTERS, Purpose.FOOTER),
    **dict.fromkeys(_RENDERED, Purpose.FORMULA),
    "katex-html": Purpose.FORMULA,
    "mwe-math-fallback-image-inline": Purpose.FORMULA,
    "mwe-math-fallback-image-display": Purpose.FORMULA,
    "fragment": Purpose.CODE,
    "MsoTitle": Purpose.TITLE,
    "checkbox-on": Purpose.CHECKED,
    "checkbox-off": Purpose.UNCHECKED,
    **dict.fromkeys(("selected-value", "badge", "VPBadge", "chip", "pill", "tag"), Purpose.APART),
}


def purpose(names: str) -> Purpose:
    """Return what a class attribute says, the first of its names that says anything."""
    tokens = names.split()
    for token in tokens:
        if token in _EXACT:
            return _EXACT[token]
    for token in tokens:
        words = set(_WORDS.split(token.lower()))
        if not words.isdisjoint(_CONSENT):
            return Purpose.CONSENT if words & _NOTICES - {token.lower()} else Purpose.MAYBE_CONSENT
        if not words.isdisjoint(_LINKS) and words.isdisjoint(_PARTS):
            return Purpose.LINKS
    for token in tokens:
        if not _PANELS.isdisjoint(_WORDS.split(token.lower())):
            return Purpose.PANEL
    return Purpose.UNKNOWN
