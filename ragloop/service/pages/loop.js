"use strict";

// Shows what /v1/loop says. All text is set as text, never as markup.
const at = (id) => document.getElementById(id);
const percent = (share) => `${Math.round(100 * share)} %`;
const count = (number, what) => `${number.toLocaleString()} ${what}`;

function duration(seconds) {
  if (seconds === null) return "unknown";
  if (seconds < 120) return `${Math.round(seconds)} s`;
  return seconds < 7200 ? `${Math.round(seconds / 60)} min` : `${Math.round(seconds / 3600)} h`;
}

function row(cells) {
  const made = document.createElement("tr");
  for (const one of cells) {
    const cell = document.createElement("td");
    cell.append(one);
    made.append(cell);
  }
  return made;
}

function meter(value, most) {
  const made = Object.assign(document.createElement("meter"), { max: Math.max(1, most), value });
  made.setAttribute("aria-hidden", "true"); // the number stands beside it
  return made;
}

function documents(found, objective) {
  if (!found) return "This caller is not told how many documents there are, or nothing is indexed yet.";
  const lag = found.lag_s.p95 === null ? "a first index has no lag" : `lag ${duration(found.lag_s.p50)} (median), ${duration(found.lag_s.p95)} (p95); the objective is ${objective} min`;
  return `${count(found.documents, "documents")}, ${count(found.chunks, "chunks")}, ${count(found.quarantined, "in quarantine")}; ${lag}.`;
}

function answers(found) {
  const lanes = Object.entries(found.lanes).map(([name, number]) => count(number, name));
  const cost = found.cost_usd ? `, ${found.cost_usd} US dollars` : "";
  return lanes.length ? `The last ${found.days.length} days: ${lanes.join(", ")}; ${count(found.cut, "cut")}${cost}.` : "Nothing was asked yet.";
}

const dollars = (found) => (found.low === null ? `${found.usd}` : `${found.usd} (${found.low} to ${found.high})`);

function costs(found) {
  if (!found) return "This caller is not told what training and storage cost, nor from where on an adapter pays.";
  const month = found.month_usd ? `a month is forecast at ${dollars(found.month_usd)}` : "too few days to forecast a month";
  const pays = found.break_even
    .filter((one) => !one.why_not && one.questions !== null)
    .map((one) => `${one.lane} is cheaper than ${one.against} from ${Math.round(one.questions).toLocaleString()} questions a month on`);
  return [`${found.total_usd} US dollars in ${found.window_days} days, ${found.training_usd} of them for training`, month, ...pays].join("; ") + ".";
}

function learning(found) {
  const serving = found.serving.map((one) => `${one.champion ?? "the base model"} answers in ${one.lane}${one.challenger ? `, ${one.challenger} is tried at ${percent(one.share)}` : ""}`);
  const who = serving.length ? `${serving.join("; ")}; the base model answers elsewhere.` : "The base model answers.";
  if (!found.drift) return `${who} Drift was never measured, or this caller is not told.`;
  const drifted = found.drift.signals.filter((one) => one.state === "drift").map((one) => one.name);
  const due = found.drift.decision.due ? "training is due" : "training is not due";
  const early = found.drift.signals.filter((one) => one.state === "waits").map((one) => `${one.name} differs for ${count(one.days, "days")}`);
  const told = [drifted.length ? `drift of ${drifted.join(", ")}` : "no drift", ...early, due];
  return `${who} Measured ${found.drift.at.slice(0, 16)}: ${told.join(", ")}.`;
}

function show(found) {
  at("documents").textContent = documents(found.documents, found.objective_minutes);
  at("answers").textContent = answers(found);
  at("costs").textContent = costs(found.costs);
  at("drift").textContent = learning(found);
  const most = Math.max(...found.days.map((one) => one.questions));
  at("days").tBodies[0].replaceChildren(
    ...found.days.map((one) => row([one.day, one.questions, meter(one.questions, most), one.abstained, one.up, one.down, one.corrections])),
  );
  const topics = found.topics ?? [];
  at("topics").tBodies[0].replaceChildren(
    ...topics.map((one) => row([one.name ?? one.topic_id.slice(0, 8), one.questions, percent(one.repeat_share), one.share < 1 ? `${one.lane} ${percent(one.share)}` : one.lane, one.next ?? "", one.held_back_by.join("; "), one.cost_usd ?? ""])),
  );
  at("topics").hidden = !topics.length;
  at("adapters").tBodies[0].replaceChildren(
    ...found.adapters.map((one) => row([one.adapter_id, one.lane, one.created_at.slice(0, 16), one.state, one.verdict ?? "", one.reasons.join("; ")])),
  );
  at("adapters").hidden = !found.adapters.length;
  at("shown").hidden = false;
}

async function load() {
  const key = at("key").value.trim();
  const reply = await fetch("/v1/loop", { headers: key ? { Authorization: `Bearer ${key}` } : {} });
  const found = await reply.json();
  at("status").textContent = reply.ok ? "" : found.error.message;
  at("status").classList.toggle("error", !reply.ok);
  at("more").open = !reply.ok;
  if (reply.ok) show(found);
}

at("open").addEventListener("submit", (event) => {
  event.preventDefault();
  location.assign(`/interactions/${encodeURIComponent(at("interaction").value.trim())}`);
});
at("key").value = sessionStorage.getItem("key") ?? "";
at("key").addEventListener("change", () => {
  sessionStorage.setItem("key", at("key").value);
  load();
});
load();
