"use strict";

// The page works without this: it keeps the key between pages of the tab, and lets a person judge by single keys.
const key = document.getElementById("key");
const answers = [...document.querySelectorAll("fieldset[data-answer]")];

if (key) {
  key.value = sessionStorage.getItem("key") ?? "";
  key.addEventListener("input", () => sessionStorage.setItem("key", key.value));
}

// u: right, d: wrong, c: write what is right, j and k: the next answer and the one before, Ctrl+Enter: save.
function press(event) {
  const form = document.getElementById("review");
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    event.preventDefault();
    form?.requestSubmit();
    return;
  }
  if (event.target.matches("textarea, input[type=password]") || event.ctrlKey || event.metaKey || event.altKey) return;
  const here = answers.findIndex((one) => one.contains(document.activeElement));
  const to = { j: here + 1, k: here - 1 }[event.key];
  if (to !== undefined && answers[to]) answers[to].querySelector("input").focus();
  if (here < 0) return;
  const field = { u: "[value=up]", d: "[value=down]", c: "textarea" }[event.key];
  if (!field) return;
  const found = answers[here].querySelector(field);
  event.preventDefault();
  found.focus();
  if (found.type === "radio") found.checked = true;
}

document.addEventListener("keydown", press);
