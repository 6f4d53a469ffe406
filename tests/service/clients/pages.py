"""Use the three pages in headless Chromium by keyboard alone; prints one JSON object.

Runs in an environment of its own. By light and by dark it says which contrast texts have, how wide each page is on a
phone, and which elements a screen reader finds without a name.
"""

import json
import sys

from playwright.sync_api import sync_playwright

QUESTION = "Who keeps the bees?"
NAMED = {"button", "link", "textbox", "combobox", "table", "region", "form", "article", "DisclosureTriangle"}
CONTRASTS = """() => {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const rgb = (color, under) => {
    canvas.fillStyle = under; canvas.fillRect(0, 0, 1, 1);
    canvas.fillStyle = color; canvas.fillRect(0, 0, 1, 1);
    return canvas.getImageData(0, 0, 1, 1).data.slice(0, 3);
  };
  const probe = document.body.appendChild(document.createElement("i"));
  probe.style.color = "Canvas";
  const paper = getComputedStyle(probe).color;
  probe.remove();
  const linear = (one) => (one <= .03928 ? one / 12.92 : ((one + .055) / 1.055) ** 2.4);
  const light = ([r, g, b]) => [r, g, b].map((one) => linear(one / 255))
    .reduce((sum, one, n) => sum + one * [.2126, .7152, .0722][n], 0);
  const behind = (element) => {
    for (let one = element; one; one = one.parentElement) {
      const color = getComputedStyle(one).backgroundColor;
      if (!color.endsWith(", 0)")) return color;
    }
    return paper;
  };
  const found = {};
  for (const one of document.body.querySelectorAll("*")) {
    const own = [...one.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
    if (!own || !one.checkVisibility() || ["SCRIPT", "NOSCRIPT", "OPTION"].includes(one.tagName)) continue;
    const back = `rgb(${rgb(behind(one), paper).join(",")})`;
    const [a, b] = [light(rgb(getComputedStyle(one).color, back)), light(rgb(back, back))].sort((x, y) => y - x);
    const name = one.tagName.toLowerCase() + (one.className ? "." + one.className : "");
    found[name] = Math.min(found[name] ?? 99, (a + .05) / (b + .05));
  }
  return found;
}"""


def tab_to(page, selector):
    """Press the tabulator until the element has the focus, as who has no mouse does."""
    for _ in range(60):
        if page.evaluate("one => document.activeElement.matches(one)", selector):
            return
        page.keyboard.press("Tab")
    raise SystemExit(f"the keyboard does not come to {selector} at {page.url}")


def nameless(page):
    """Name the roles of what a screen reader meets on this page without a name."""
    nodes = page.context.new_cdp_session(page).send("Accessibility.getFullAXTree")["nodes"]
    shown = [one for one in nodes if not one.get("ignored") and one.get("role", {}).get("value") in NAMED]
    return sorted({one["role"]["value"] for one in shown if not one.get("name", {}).get("value")}), len(shown)


def looked_at(page):
    empty, met = nameless(page)
    width = page.evaluate("document.documentElement.scrollWidth")
    return {"nameless": empty, "met": met, "width": width, "contrasts": page.evaluate(CONTRASTS)}


def by_keyboard(page, address):
    page.goto(address)
    page.wait_for_selector("#model option", state="attached")
    page.keyboard.type(QUESTION)
    page.keyboard.press("Enter")
    page.wait_for_selector("#vote:not([hidden])")
    tab_to(page, ".mark")
    page.keyboard.press("Enter")
    page.wait_for_selector("#chunks mark")
    looks = {"ask": looked_at(page)}
    tab_to(page, "#evidence")
    page.keyboard.press("Enter")
    page.wait_for_selector("#shown:not([hidden])")
    name = page.url.rpartition("/")[2]
    tab_to(page, "#passages button")
    page.keyboard.press("Enter")
    page.wait_for_selector("#chunks mark")
    shown = page.inner_text("main")
    tab_to(page, "#vote button[data-kind=down]")
    page.keyboard.press("Space")
    page.wait_for_selector("#feedback li:has-text('down')")
    tab_to(page, "#correct")
    page.keyboard.press("Enter")
    page.keyboard.type("Ada keeps them.")
    tab_to(page, "#correction button")
    page.keyboard.press("Enter")
    page.wait_for_selector("#feedback li:has-text('Ada keeps them.')")
    looks["interaction"] = looked_at(page)
    logged = page.evaluate("id => fetch(`/v1/interactions/${id}`).then((one) => one.json())", name)
    page.goto(f"{address}/loop")
    page.wait_for_selector("#shown:not([hidden])")
    looks["loop"] = looked_at(page)
    tab_to(page, "#interaction")
    page.keyboard.type(name)
    page.keyboard.press("Enter")
    page.wait_for_selector("#passages button")
    return {"name": name, "shown": shown, "logged": logged, "looks": looks, "opened": page.url}


def main(chromium, address):
    with sync_playwright() as play:
        browser, said = play.chromium.launch(executable_path=chromium, args=["--no-sandbox"]), []
        found = {}
        for scheme, width in (("light", 1280), ("dark", 360)):
            page = browser.new_page(viewport={"width": width, "height": 640}, color_scheme=scheme)
            page.on("console", lambda one: said.append(one.text) if one.type in ("error", "warning") else None)
            page.on("pageerror", lambda one: said.append(str(one)))
            found[scheme] = by_keyboard(page, address)
        browser.close()
        return {**found, "said": said}


if __name__ == "__main__":
    print(json.dumps(main(*sys.argv[1:])))
