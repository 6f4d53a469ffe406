"""The ask page, the loop page and that of an answer as the package carries them."""

import re

import pytest

from tests.support.served import Served

FILES = {
    "/": "text/html",
    "/loop": "text/html",
    "/interactions/1": "text/html",
    "/review": "text/html",
    "/ask.css": "text/css",
    "/ask.js": "text/javascript",
    "/loop.js": "text/javascript",
    "/interaction.js": "text/javascript",
    "/review.js": "text/javascript",
}


def test_the_page_comes_under_a_policy_that_lets_nothing_else_in(service: Served) -> None:
    for path, kind in FILES.items():
        reply = service.api.get(path)
        assert reply.status_code == 200
        assert reply.headers["content-type"].startswith(kind)
        policy = reply.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert reply.headers["x-content-type-options"] == "nosniff"


def test_the_page_holds_no_script_of_its_own_and_nothing_from_elsewhere(service: Served) -> None:
    for name, script in (
        ("/", "/ask.js"),
        ("/loop", "/loop.js"),
        ("/interactions/1", "/interaction.js"),
        ("/review", "/review.js"),
    ):
        page = service.api.get(name).text
        assert re.findall(r"<script[^>]*>", page) == [f'<script src="{script}" defer>']
        assert not re.search(r"\son\w+=|<style|\sstyle=", page)
    for path in FILES:
        assert not re.search(r"""://|["'(]//""", service.api.get(path).text)


def test_the_script_sets_no_markup(service: Served) -> None:
    script = "".join(service.api.get(path).text for path in FILES if path.endswith(".js"))
    for name in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("):
        assert name not in script


@pytest.mark.parametrize("name", ["question", "key", "model", "right"])
def test_each_field_has_a_label(service: Served, name: str) -> None:
    assert f'<label for="{name}">' in service.api.get("/").text


def test_an_answer_can_be_voted_on_beside_its_evidence(service: Served) -> None:
    page, script = service.api.get("/interactions/1").text, service.api.get("/interaction.js").text
    assert all(f'data-kind="{kind}"' in page for kind in ("up", "down"))
    assert '<label for="right">' in page
    assert '"/v1/feedback"' in script


@pytest.mark.parametrize("path", ["/", "/loop", "/interactions/1"])
def test_a_screen_reader_finds_a_name_for_each_form_table_and_region(service: Served, path: str) -> None:
    marked = re.findall(r'<(?:form|table)[^>]*>|<[^>]*role="(?:region|group)"[^>]*>', service.api.get(path).text)
    assert marked
    assert [one for one in marked if "aria-label" not in one] == []
