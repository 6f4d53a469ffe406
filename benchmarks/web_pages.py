"""How much of what a person would call the text of a page is read, and how much else.

The pages come from Debian packages, source distributions and branches of built sites, which anyone can download. For
each generator an XPath, written by hand, says where the content is and what in it is none; its words are the
reference. "kept" is the share of them that are read, "other" the share of the words read that are not among them.

    python benchmarks/web_pages.py FOLDER [--verbose]    (needs apt-get, dpkg-deb and git; downloads go to FOLDER)
"""

import argparse
import re
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from lxml import etree

from ragloop.corpus.parsing import parse

WORD = re.compile(r"\w+")
NEVER = "self::script or self::style or self::template or self::noscript or self::svg or self::button or self::nav"


@dataclass(frozen=True)
class Site:
    """Pages of one generator from one place: `source` is a package with its version, or a repository with a commit."""

    generator: str
    source: tuple[str, str, str]
    folder: str
    pages: tuple[str, ...]
    content: str
    without: str = "false()"


DEB, SDIST, GIT = "deb", "sdist", "git"
LINKS = "contains(@class, 'headerlink') or contains(@class, 'hash-link') or contains(@class, 'header-anchor')"
SITES = (
    Site(
        "Sphinx (python_docs_theme)",
        (DEB, "python3.11-doc", "3.11.2-6+deb12u9"),
        "usr/share/doc/python3.11/html",
        ("library/json.html", "howto/logging.html", "library/re.html", "tutorial/classes.html", "whatsnew/3.9.html"),
        "//div[@role='main']",
        LINKS,
    ),
    Site(
        "Sphinx (Django's theme)",
        (DEB, "python-django-doc", "3:3.2.25-0+deb12u7"),
        "usr/share/doc/python-django-doc/html",
        ("topics/http/urls.html", "ref/settings.html", "topics/auth/default.html"),
        "//div[contains(@class, 'yui-b')][.//h1]",
        LINKS,
    ),
    Site(
        "Sphinx (zzzeeksphinx)",
        (SDIST, "Mako", "1.3.5"),
        "Mako-1.3.5/doc",
        ("caching.html", "filtering.html", "inheritance.html", "syntax.html"),
        "//div[@id='docs-body']",
        LINKS,
    ),
    Site(
        "docutils",
        (SDIST, "lxml", "5.3.0"),
        "lxml-5.3.0/doc/html",
        ("parsing.html", "xpathxslt.html", "objectify.html"),
        "//div[@class='document']",
        "@id='sidemenu' or contains(@class, 'menutrigger') or contains(@class, 'banner')",
    ),
    Site(
        "MkDocs",
        (DEB, "mkdocs-doc", "1.4.2+dfsg-2"),
        "usr/share/doc/mkdocs/html",
        ("getting-started.html", "dev-guide/plugins.html", "dev-guide/themes.html"),
        "//div[@role='main']",
        LINKS,
    ),
    Site(
        "MkDocs (cozy-theme)",
        (GIT, "cozy/cozy.github.io", "33455643313de3034c713793e1ebb9660bbe219a"),
        "en",
        ("cozy-stack/sharing/index.html", "cozy-stack/settings/index.html", "cozy-stack/docker/index.html"),
        "//div[@role='main']",
        LINKS,
    ),
    Site(
        "mdBook",
        (DEB, "rust-doc", "1.63.0+dfsg1-2"),
        "usr/share/doc/rust-doc/html/book",
        ("ch04-01-what-is-ownership.html", "ch10-02-traits.html", "ch01-01-installation.html"),
        "//main",
    ),
    Site(
        "rustdoc",
        (DEB, "rust-doc", "1.63.0+dfsg1-2"),
        "usr/share/doc/rust-doc/html/std/vec",
        ("struct.Vec.html", "struct.Drain.html"),
        "//section[@id='main-content']",
        "contains(concat(' ', @class, ' '), ' srclink ') or @class='anchor' or contains(@class, 'hideme')",
    ),
    Site(
        "javadoc",
        (DEB, "libcommons-lang3-java-doc", "3.12.0-2+deb12u1"),
        "usr/share/doc/libcommons-lang3-java/api/org/apache/commons/lang3",
        ("BitField.html", "ArchUtils.html", "CharUtils.html"),
        "//main",
    ),
    Site(
        "doxygen",
        (DEB, "doxygen-doc", "1.9.4-4"),
        "usr/share/doc/doxygen/html",
        ("docblocks.html", "markdown.html", "faq.html"),
        "//div[@class='headertitle'] | //div[@class='contents']",
        "contains(@class, 'toc')",
    ),
    Site(
        "DocBook XSL",
        (DEB, "postgresql-doc-15", "15.20-0+deb12u1"),
        "usr/share/doc/postgresql-doc-15/html",
        ("sql-select.html", "datatype-numeric.html", "routine-vacuuming.html"),
        "//body/div[not(contains(@class, 'nav'))]",
    ),
    Site(
        "gtk-doc",
        (DEB, "libglib2.0-doc", "2.74.6-2+deb12u9"),
        "usr/share/gtk-doc/html/glib",
        ("glib-Arrays.html", "glib-building.html"),
        "//div[@class='refentry'] | //body/div[@class='refentry']",
    ),
    Site(
        "AsciiDoc",
        (DEB, "git-doc", "1:2.39.5-0+deb12u3"),
        "usr/share/doc/git-doc",
        ("git-add.html", "gittutorial.html", "git-rebase.html"),
        "//div[@id='header'] | //div[@id='content'] | //div[@id='footnotes']",
        "@id='toc'",
    ),
    Site(
        "RDoc",
        (DEB, "asciidoctor-doc", "2.0.18-2"),
        "usr/share/doc/asciidoctor-doc/html",
        ("Asciidoctor/Document.html", "Asciidoctor/Table.html"),
        "//main",
        "contains(@class, 'method-source-toggle') or contains(@class, 'method-click-advice')",
    ),
    Site(
        "Node.js",
        (DEB, "nodejs-doc", "18.20.4+dfsg-1~deb12u3"),
        "usr/share/doc/nodejs/api",
        ("url.html", "timers.html"),
        "//div[@id='apicontent']",
        "@class='mark'",
    ),
    Site(
        "Apache's manual (XSLT)",
        (DEB, "apache2-doc", "2.4.71-1~deb12u1"),
        "usr/share/doc/apache2-doc/manual/en",
        ("howto/auth.html", "mod/mod_cache.html"),
        "//div[@id='page-content']",
        "@class='toplang' or @class='bottomlang' or @id='quickview' or @class='top'",
    ),
    Site(
        "Docusaurus 2",
        (GIT, "Datenschmutz/docs", "1bb8b2a1dbd28e79f61e525cd9ffbf1d2a0d54fd"),
        "",
        ("cheat-sheets/git-cheat-sheet.html", "cheat-sheets/css-cheat-sheet.html"),
        "//main//article",
        f"{LINKS} or self::footer or contains(@class, 'tocCollapsible')",
    ),
    Site(
        "Docusaurus 3",
        (GIT, "DagStack/config-docs", "3c0a3f262c169a5294441b659831481f0debd1f8"),
        "",
        ("docs/guides/custom-source/index.html", "docs/api/python/index.html"),
        "//main//article",
        f"{LINKS} or self::footer or contains(@class, 'tocCollapsible') or contains(@class, 'theme-doc-version-badge')",
    ),
    Site(
        "Docusaurus 3 (blog)",
        (GIT, "Excel-DNA/Excel-DNA.github.io", "6b71b217647f0347a1d0faf2a3e0de8392bfe0b6"),
        "",
        (
            "docs/guides-advanced/detecting-excel-shutdown-and-autoclose/index.html",
            "blog/2011/01/30/resizing-excel-udf-result-arrays/index.html",
        ),
        "//main//article",
        f"{LINKS} or self::footer",
    ),
    Site(
        "VuePress",
        (GIT, "0xPay/0xpay.github.io", "10286d011efe3b0193fd40286c97dccf4150de67"),
        "guide",
        ("getting-started.html", "create-dapp.html", "using-vue.html"),
        "//main//*[contains(@class, 'content__default') or contains(@class, 'theme-default-content')]",
        LINKS,
    ),
    Site(
        "Notion export",
        (GIT, "hn303/eMCities-spatial-toolbox", "7e84a630a24677528d4a4f8c7c15e58d1e9b3cfb"),
        "",
        (
            "toolbox2/index.html",
            "toolbox1/Toolbox I Indicator, Index and Metrics of Urban He a1a6ee774711403fb258bea7ccf720c7/"
            "Access to public open space 47f3874c3f024b2fb73bef414baaa682.html",
        ),
        "//article",
        "contains(@class, 'katex-html') or self::mrow[parent::semantics]",
    ),
)


def fetched(site: Site, folder: Path) -> Path:
    """Return the folder that the pages of a site are under, after downloading it where it is not yet there."""
    kind, name, version = site.source
    place = folder / kind / f"{name}-{version}".replace("/", "+").replace(":", "_")
    if place.exists():
        return place / site.folder
    place.mkdir(parents=True)
    if kind == GIT:
        # Not all of a site: its pages only.
        repository = folder / "git" / name.replace("/", "+")
        if not repository.exists():
            address = f"https://github.com/{name}"
            run("git", "clone", "--bare", "--filter=blob:none", address, str(repository))
        for page in site.pages:
            path = Path(site.folder, page)
            (place / path).parent.mkdir(parents=True, exist_ok=True)
            shown = run("git", "-C", str(repository), "show", f"{version}:{path.as_posix()}")
            (place / path).write_bytes(shown)
    elif kind == SDIST:
        pip = (sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--no-binary", ":all:", "-d", str(place))
        run(*pip, f"{name}=={version}")
        run("tar", "xzf", str(next(place.glob("*.tar.gz"))), "-C", str(place))
    else:
        run("apt-get", "download", f"{name}={version}", at=place)
        run("dpkg-deb", "-x", str(next(place.glob("*.deb"))), str(place))
    return place / site.folder


def run(*command: str, at: Path | None = None) -> bytes:
    return subprocess.run(command, check=True, cwd=at, stdout=subprocess.PIPE).stdout


def reference(site: Site, data: bytes) -> Counter[str]:
    """Return the words of the content, as the XPath says where it is."""
    root = etree.fromstring(data, etree.HTMLParser(encoding="utf-8", huge_tree=True))
    for one in list(root.iter(etree.Comment, etree.ProcessingInstruction)):
        one.text = ""
    words: Counter[str] = Counter()
    texts = cast("list[str]", root.xpath(f"({site.content})//text()[not(ancestor::*[{NEVER} or {site.without}])]"))
    for text in texts:
        words.update(WORD.findall(text))
    return words


def measure(site: Site, folder: Path, *, verbose: bool) -> tuple[int, int, int, float, int]:
    """Return how many words there are, are kept and are others, the seconds of CPU and the bytes."""
    place = fetched(site, folder)
    total, kept, other, spent, size = 0, 0, 0, 0.0, 0
    for page in site.pages:
        data = (place / page).read_bytes()
        expected = reference(site, data)
        if not expected:
            raise SystemExit(f"{page} of {site.generator} has nothing at {site.content}: correct it")
        began = time.process_time()
        document = parse(data, "text/html", page)
        spent += time.process_time() - began
        found = Counter(WORD.findall(document.text))
        if verbose:
            lost, added = (expected - found).most_common(12), (found - expected).most_common(12)
            print(f"    {page}: {expected.total():,} words; lost {lost}; other {added}")
        total += expected.total()
        kept += (expected & found).total()
        other += (found - expected).total()
        size += len(data)
    return total, kept, other, spent, size


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="where downloads are kept")
    parser.add_argument("--verbose", action="store_true", help="show which words are lost and which are others")
    wanted = parser.parse_args()
    sums = [0, 0, 0, 0.0, 0]
    for site in SITES:
        figures = measure(site, wanted.folder.resolve(), verbose=wanted.verbose)
        sums = [one + more for one, more in zip(sums, figures, strict=True)]
        print(line(site.generator, len(site.pages), *figures), flush=True)
    print(line("all", sum(len(site.pages) for site in SITES), *sums))


def line(name: str, pages: int, total: float, kept: float, other: float, spent: float, size: float) -> str:
    shares = f"kept {kept / total:.3f}   other {other / (kept + other):.3f}"
    return f"{name:28} {pages:3} pages {total:8,} words   {shares}   {1e6 * spent / size:.2f} s/MB"


if __name__ == "__main__":
    main()
