"use strict";

// Asks over the same API that every other client uses. All text is set as text, never as markup.
const at = (id) => document.getElementById(id);
const state = { interaction: null, citations: new Map(), documents: new Map(), asking: null };

function headers() {
  const key = at("key").value.trim();
  return { "Content-Type": "application/json", ...(key ? { Authorization: `Bearer ${key}` } : {}) };
}

async function called(path, body) {
  const options = body === undefined ? { headers: headers() } : { method: "POST", headers: headers(), body: JSON.stringify(body) };
  const reply = await fetch(path, options);
  if (!reply.ok) throw new Error(await said(reply));
  return reply;
}

async function said(reply) {
  try {
    return (await reply.json()).error.message;
  } catch {
    return `the service replied with ${reply.status}`;
  }
}

function tell(text, isError = false) {
  at("status").textContent = text;
  at("status").classList.toggle("error", isError);
}

async function listModels() {
  try {
    const found = (await (await called("/v1/models")).json()).data.filter((one) => !one.id.endsWith(":links"));
    at("model").replaceChildren(...found.map((one) => new Option(one.id, one.id)));
    tell("");
  } catch (error) {
    at("more").open = true;
    tell(error.message, true);
  }
}

// Yield the objects of a stream of events; comments and the last [DONE] are passed over.
async function* events(reply) {
  const reader = reply.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    rest += value;
    const blocks = rest.split("\n\n");
    rest = blocks.pop();
    for (const block of blocks) {
      if (block.startsWith("data: {")) yield JSON.parse(block.slice(6));
    }
  }
}

async function ask(question) {
  state.asking?.abort();
  const asking = (state.asking = new AbortController());
  begin(question);
  const body = { model: at("model").value || "ragloop", stream: true, messages: [{ role: "user", content: question }] };
  try {
    const reply = await fetch("/v1/chat/completions", {
      method: "POST", headers: headers(), body: JSON.stringify(body), signal: asking.signal,
    });
    if (!reply.ok) throw new Error(await said(reply));
    for await (const one of events(reply)) take(one);
    tell("");
  } catch (error) {
    if (error.name !== "AbortError") tell(error.message, true);
  }
}

function begin(question) {
  Object.assign(state, { interaction: null, citations: new Map(), documents: new Map() });
  at("asked").textContent = question;
  for (const id of ["text", "sources", "facts"]) at(id).replaceChildren();
  for (const id of ["vote", "evidence", "correction", "document"]) at(id).hidden = true;
  at("answer").hidden = false;
  for (const one of at("vote").querySelectorAll("button")) one.removeAttribute("aria-pressed");
  tell("Looking …");
}

function take(one) {
  if (one.error) throw new Error(one.error.message);
  at("text").append(one.choices[0]?.delta?.content ?? "");
  if (one.ragloop) finish(one.ragloop);
}

function finish(found) {
  state.interaction = found.interaction_id;
  for (const one of found.citations) state.citations.set(String(one.n), one);
  const parts = at("text").textContent.split(/(\[\d{1,3}\])/);
  at("text").replaceChildren(...parts.map((part) => marked(part) ?? document.createTextNode(part)));
  at("sources").replaceChildren(...found.citations.map(source));
  const by = found.adapter ? `${found.lane} · ${found.adapter}` : found.lane;
  const why = found.fallback ? ` · ${found.fallback}` : "";
  at("facts").textContent = `${found.abstained ? "no answer · " : ""}${by} · ${Math.round(found.latency_ms)} ms${why}`;
  at("vote").hidden = at("evidence").hidden = !found.interaction_id;
  at("evidence").href = `/interactions/${found.interaction_id}`;
}

function marked(part) {
  const citation = state.citations.get(part.slice(1, -1));
  if (!citation || !part.startsWith("[")) return null;
  const button = Object.assign(document.createElement("button"), { type: "button", className: "mark", textContent: part });
  button.setAttribute("aria-label", `Source ${citation.n}: ${citation.title || citation.uri}`);
  for (const when of ["click", "mouseenter", "focus"]) button.addEventListener(when, () => show(citation));
  return button;
}

function source(citation) {
  const item = Object.assign(document.createElement("li"), { value: citation.n });
  const button = Object.assign(document.createElement("button"), { type: "button" });
  const called = citation.title || citation.uri;
  button.textContent = citation.heading.startsWith(called) ? citation.heading : [called, citation.heading].filter(Boolean).join(" · ");
  button.title = citation.uri;
  button.addEventListener("click", () => show(citation));
  item.append(button);
  return item;
}

async function show(citation) {
  try {
    const path = `/v1/documents/${encodeURIComponent(citation.document_id)}`;
    if (!state.documents.has(path)) state.documents.set(path, await (await called(path)).json());
    const found = state.documents.get(path);
    at("title").textContent = found.title || found.uri;
    at("chunks").replaceChildren(...found.chunks.flatMap((one) => [chunk(one, citation.chunk_id), "\n\n"]));
    at("document").hidden = false;
    at("chunks").querySelector("mark")?.scrollIntoView({ block: "nearest" });
  } catch (error) {
    tell(error.message, true);
  }
}

function chunk(one, cited) {
  return Object.assign(document.createElement(one.chunk_id === cited ? "mark" : "span"), { textContent: one.text });
}

async function vote(body, button) {
  try {
    await called("/v1/feedback", { interaction_id: state.interaction, ...body });
    for (const one of at("vote").querySelectorAll("button")) one.setAttribute("aria-pressed", String(one === button));
    at("correction").hidden = true;
    tell("Thank you: it is in the log.");
  } catch (error) {
    tell(error.message, true);
  }
}

at("ask").addEventListener("submit", (event) => {
  event.preventDefault();
  ask(at("question").value);
});
at("vote").addEventListener("click", ({ target }) => {
  if (target.dataset.kind) vote({ kind: target.dataset.kind }, target);
});
at("correct").addEventListener("click", () => {
  at("correction").hidden = false;
  at("right").focus();
});
at("correction").addEventListener("submit", (event) => {
  event.preventDefault();
  vote({ kind: "correction", correction: at("right").value }, at("correct"));
});
at("key").value = sessionStorage.getItem("key") ?? "";
at("key").addEventListener("change", () => {
  sessionStorage.setItem("key", at("key").value);
  listModels();
});
listModels();
