"""Use the ask page in headless Chromium as a person does; prints one JSON object. Runs in an environment of its own."""

import json
import sys

from playwright.sync_api import sync_playwright


def visit(page, address):
    page.goto(address)
    page.fill("#question", "Who keeps the bees?")
    page.keyboard.press("Enter")
    page.wait_for_selector("#vote:not([hidden])")


def evidence(page):
    page.wait_for_selector("#shown:not([hidden])")
    page.focus("#passages button")  # as the keyboard does
    page.keyboard.press("Enter")
    page.wait_for_selector("#chunks mark")
    return {one: page.inner_text(f"#{one}") for one in ("asked", "text", "passages", "evidence", "feedback", "chunks")}


def main(chromium, address):
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page, said = browser.new_page(), []
        page.on("console", lambda one: said.append(one.text) if one.type in ("error", "warning") else None)
        page.on("pageerror", lambda one: said.append(str(one)))
        visit(page, address)
        page.hover(".mark")
        page.wait_for_selector("#document:not([hidden])")
        found = {
            "text": page.inner_text("#text"),
            "marked": page.inner_text("#chunks mark"),
            "facts": page.inner_text("#facts"),
        }
        page.click("button[data-kind=down]")
        page.wait_for_selector("button[data-kind=down][aria-pressed=true]")
        page.click("#correct")
        page.fill("#right", "Ada keeps the bees.")
        page.click("#correction button")
        page.wait_for_selector("#correct[aria-pressed=true]")
        page.click("#evidence")
        found["evidence"] = evidence(page)
        phone = browser.new_page(viewport={"width": 360, "height": 640}, color_scheme="dark")
        visit(phone, address)
        phone.focus(".mark")  # as the keyboard does
        phone.wait_for_selector("#document:not([hidden])")
        found["width on a phone"] = phone.evaluate("document.documentElement.scrollWidth")
        phone.click("#evidence")
        evidence(phone)
        found["width of the evidence"] = phone.evaluate("document.documentElement.scrollWidth")
        browser.close()
        return {**found, "said": said}


if __name__ == "__main__":
    print(json.dumps(main(*sys.argv[1:])))
