"use strict";

// Shows what /v1/interactions says of one answer. All text is set as text, never as markup.
const at = (id) => document.getElementById(id);
const interaction = decodeURIComponent(location.pathname.split("/").pop());
const rounded = (number) => (number === null || number === undefined ? "" : Number(number).toFixed(3));

async function called(path, body) {
  const key = at("key").value.trim();
  const headers = { "Content-Type": "application/json", ...(key ? { Authorization: `Bearer ${key}` } : {}) };
  const reply = await fetch(path, body === undefined ? { headers } : { method: "POST", headers, body: JSON.stringify(body) });
  const found = await reply.json();
  if (!reply.ok) throw new Error(found.error.message);
  return found;
}

function made(name, ...parts) {
  const element = document.createElement(name);
  element.append(...parts);
  return element;
}

function tell(text, isError = false) {
  at("status").textContent = text;
  at("status").classList.toggle("error", isError);
}

// A passage is a button that shows it in its document; of one that is in no document there is only what the log says.
function passage(one, citations) {
  const cited = citations.filter((citation) => citation.chunk_id === one.chunk_id);
  const name = cited[0]?.heading || cited[0]?.uri || one.chunk_id || "not in the index";
  const place = one.document_id ? made("button", name) : document.createTextNode(name);
  if (one.document_id) {
    place.type = "button";
    place.addEventListener("click", () => open(one));
  }
  const marks = cited.map((citation) => `[${citation.n}]`).join(" ");
  const cells = [one.rank, place, marks, rounded(one.score), rounded(one.similarity), rounded(one.relevance), one.verdict ?? ""];
  return made("tr", ...cells.map((cell) => made("td", cell)));
}

async function open(one) {
  try {
    const found = await called(`/v1/documents/${encodeURIComponent(one.document_id)}`);
    at("title").textContent = found.title || found.uri;
    const chunks = found.chunks.map((chunk) => made(chunk.chunk_id === one.chunk_id ? "mark" : "span", chunk.text));
    at("chunks").replaceChildren(...chunks.flatMap((chunk) => [chunk, "\n\n"]));
    at("document").hidden = false;
    const isThere = at("chunks").querySelector("mark");
    tell(isThere ? "" : "The passage is not in the document any more: it changed since.");
    (isThere ?? at("document")).scrollIntoView({ block: "nearest" });
  } catch (error) {
    tell(error.message, true);
  }
}

// What the log holds beside question, answer, passages and feedback, in the order of the log; nothing that is empty.
function* evidence(found) {
  const apart = new Set(["object", "question", "answer", "passages", "citations", "feedback"]);
  for (const [name, value] of Object.entries(found)) {
    if (apart.has(name) || value === null || value === "") continue;
    if (typeof value !== "object") yield [name, String(value)];
    else for (const [part, inner] of Object.entries(value)) yield [`${name}: ${part}`, typeof inner === "object" ? JSON.stringify(inner) : String(inner)];
  }
}

function heading(text) {
  const cell = made("th", text);
  cell.scope = "row";
  return cell;
}

function show(found) {
  at("asked").textContent = found.question;
  at("text").textContent = found.answer;
  at("passages").tBodies[0].replaceChildren(...(found.passages ?? []).map((one) => passage(one, found.citations ?? [])));
  at("evidence").tBodies[0].replaceChildren(...[...evidence(found)].map(([name, value]) => made("tr", heading(name), made("td", value))));
  const said = found.feedback.map((one) => made("li", [one.given_at.slice(0, 16), one.kind, one.correction].filter(Boolean).join(" · ")));
  at("feedback").replaceChildren(...(said.length ? said : [made("li", "none")]));
  at("shown").hidden = false;
}

async function vote(body) {
  try {
    await called("/v1/feedback", { interaction_id: interaction, ...body });
    show(await called(`/v1/interactions/${encodeURIComponent(interaction)}`));
    at("correction").hidden = true;
    at("correct").setAttribute("aria-expanded", "false");
    tell("Thank you: it is in the log.");
  } catch (error) {
    tell(error.message, true);
  }
}

async function load() {
  try {
    show(await called(`/v1/interactions/${encodeURIComponent(interaction)}`));
    tell("");
  } catch (error) {
    at("shown").hidden = true;
    at("more").open = true;
    tell(error.message, true);
  }
}

for (const button of at("vote").querySelectorAll("button[data-kind]")) {
  button.addEventListener("click", () => vote({ kind: button.dataset.kind }));
}
at("correct").addEventListener("click", () => {
  at("correction").hidden = false;
  at("correct").setAttribute("aria-expanded", "true");
  at("right").focus();
});
at("correction").addEventListener("submit", (event) => {
  event.preventDefault();
  vote({ kind: "correction", correction: at("right").value });
});
at("key").value = sessionStorage.getItem("key") ?? "";
at("key").addEventListener("change", () => {
  sessionStorage.setItem("key", at("key").value);
  load();
});
load();
