"""The ask page and the loop page as the package carries them."""

import re

import pytest

from tests.support.served import Served

FILES = {
    "/": "text/html",
    "/loop": "text/html",
    "/ask.css": "text/css",
    "/ask.js": "text/javascript",
    "/loop.js": "text/javascript",
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
    for name, script in (("/", "/ask.js"), ("/loop", "/loop.js")):
        page = service.api.get(name).text
        assert re.findall(r"<script[^>]*>", page) == [f'<script src="{script}" defer>']
        assert not re.search(r"\son\w+=|<style|\sstyle=", page)
    for path in FILES:
        assert not re.search(r"""://|["'(]//""", service.api.get(path).text)


def test_the_script_sets_no_markup(service: Served) -> None:
    script = service.api.get("/ask.js").text + service.api.get("/loop.js").text
    for name in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("):
        assert name not in script


@pytest.mark.parametrize("name", ["question", "key", "model", "right"])
def test_each_field_has_a_label(service: Served, name: str) -> None:
    assert f'<label for="{name}">' in service.api.get("/").text
