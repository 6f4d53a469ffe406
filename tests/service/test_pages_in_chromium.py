"""The pages in headless Chromium: by keyboard alone, light and dark, on a phone, as a screen reader names them."""

import os
import shutil
from typing import Any

import pytest

from tests.support.client_programs import run_client
from tests.support.served import Served

pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]
CHROMIUM = os.environ.get("RAGLOOP_CHROMIUM") or shutil.which("chromium") or ""
READABLE = 4.5
"""Contrast of text that WCAG 2 asks for at level AA."""
APART = {"object", "passages", "citations", "feedback"}


def leaves(found: object) -> list[str]:
    """What an object of the log says, as the page writes it; nothing that is empty."""
    if isinstance(found, dict):
        return [leaf for one in found.values() for leaf in leaves(one)]
    if found is None or found == "":
        return []
    return [str(found).lower() if isinstance(found, bool) else f"{found}"]


@pytest.mark.skipif(not CHROMIUM, reason="found no Chromium: apt install chromium, or name one in RAGLOOP_CHROMIUM")
def test_the_pages_by_keyboard_in_the_dark_on_a_phone_and_for_a_screen_reader(
    service: Served, clients_python: str
) -> None:
    found = run_client(clients_python, "pages.py", CHROMIUM, service.address)
    assert found["said"] == []
    for scheme, width in (("light", 1280), ("dark", 360)):
        visit: dict[str, Any] = found[scheme]
        assert visit["opened"].endswith(f"/interactions/{visit['name']}")
        logged = visit["logged"]
        for leaf in leaves({name: one for name, one in logged.items() if name not in APART}):
            assert leaf in visit["shown"], "the page shows everything that the log says of the answer"
        for passage in logged["passages"]:
            assert f"{passage['score']:.3f}" in visit["shown"]
        for page, look in visit["looks"].items():
            assert look["met"] > 3, page
            assert look["nameless"] == [], page
            assert look["width"] == width, page
            assert {name: one for name, one in look["contrasts"].items() if one < READABLE} == {}, page
        kinds = [(one["kind"], one["correction"]) for one in logged["feedback"]]
        assert kinds == [("down", None), ("correction", "Ada keeps them.")]
    given = {one["interaction_id"]: one["kind"] for one in service.app.journal.feedback().to_pylist()}
    assert {found["light"]["name"], found["dark"]["name"]} <= given.keys()
