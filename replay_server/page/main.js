// Asks the server every second what goes on, and shows it.

import { TableCard } from "./card.js";
import { el, setText } from "./dom.js";
import { bytes, counted, seconds } from "./format.js";
import { Refused, get, token } from "./server.js";

const PERIOD_MS = 1000;
const CLOSER_PERIOD_MS = 2000;
const OPEN_AT_FIRST = 3;

const at = (id) => document.getElementById(id);
const cards = new Map();
const verdicts = new Map();
const announcer = el("p", { class: "visually-hidden", "aria-live": "polite" });
let wake = () => {};
let lastAnswer = null;

async function watch() {
  for (;;) {
    try {
      const activity = await get("v1/activity");
      if (at("sign-in").hidden) show(activity); // else the token was forgotten meanwhile
    } catch (error) {
      if (error instanceof Refused && (error.status === 401 || error.status === 403)) {
        askForToken(token.get() === null ? "" : error.message);
      } else {
        sayLost(error);
      }
    }
    await pause();
  }
}

/** Return after a second, once the page is in sight and no token is asked for. */
async function pause() {
  const isHeld = () => document.hidden || !at("sign-in").hidden;
  await new Promise((resolve) => {
    wake = () => isHeld() || resolve();
    setTimeout(wake, PERIOD_MS);
  });
}

function show(activity) {
  lastAnswer = Date.now();
  setStatus("live", "Live");
  at("forget").hidden = token.get() === null;
  at("server").hidden = false;
  if (at("version").textContent === "") showVersion();
  showServer(activity);
  showTables(activity.tables);
  announce(activity.tables);
  lookCloser();
}

async function showVersion() {
  const { version } = await get("v1/info");
  setText(at("version"), version);
}

function showServer({ tables, memory, durability }) {
  const told = [
    ["Tables", String(tables.length)],
    ["Memory", `${bytes(memory.taken)} of ${bytes(memory.limit)}`],
    ["Process", bytes(memory.resident)],
    ["Durability", survives(durability)],
  ];
  const known = at("server").querySelectorAll("dd");
  if (known.length === 0) {
    const pairs = told.map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, value)));
    at("server").append(el("dl", { class: "facts" }, ...pairs));
    return;
  }
  told.forEach(([, value], place) => setText(known[place], value));
}

function survives({ survives: kept, lag_seconds: lag }) {
  if (kept === "memory") return "in memory only";
  if (kept === "process") return "survives the process";
  return `survives the machine; ${seconds(lag ?? 0)} behind`;
}

function showTables(tables) {
  const names = new Set(tables.map(({ name }) => name));
  for (const [name, card] of cards) {
    if (names.has(name)) continue;
    card.element.remove();
    cards.delete(name);
  }
  const place = at("tables");
  tables.forEach((table, index) => {
    let card = cards.get(table.name);
    if (card === undefined) {
      card = new TableCard(table.name);
      cards.set(table.name, card);
    }
    card.update(table);
    if (place.children[index] !== card.element) place.insertBefore(card.element, place.children[index] ?? null);
  });
  unfold(tables);
  showNoTables(place, tables.length === 0);
}

/** Open a few tables in which something goes on, unless the person has chosen otherwise. */
function unfold(tables) {
  const isBusy = ({ sampled_total: drawn, draws, inserts }) =>
    tables.length === 1 || drawn > 0 || draws.waiting > 0 || inserts.waiting > 0;
  let open = [...cards.values()].filter(({ element }) => element.open).length;
  for (const card of tables.filter(isBusy).map(({ name }) => cards.get(name))) {
    if (open >= OPEN_AT_FIRST) return;
    if (card.isChosen || card.element.open) continue;
    card.element.open = true;
    open += 1;
  }
}

function showNoTables(place, isEmpty) {
  if (isEmpty && place.firstElementChild === null) {
    place.append(
      el("p", { class: "panel note none" }, "There are no tables yet. The first client to make one shows up here."),
    );
  } else if (!isEmpty) {
    place.querySelector(".none")?.remove();
  }
}

/** Tell those who listen, rather than look, when a verdict has changed. */
function announce(tables) {
  const changed = tables.filter(({ name, verdict }) => verdicts.get(name) !== verdict.headline);
  changed.forEach(({ name, verdict }) => verdicts.set(name, verdict.headline));
  const told = changed.slice(0, 3).map(({ name, verdict }) => `${name}: ${verdict.headline}.`);
  if (told.length > 0) setText(announcer, told.join(" "));
  const slow = tables.find(({ verdict }) => verdict.slow !== null || verdict.state === "stuck");
  document.title = slow === undefined ? "replay-server" : `${slow.verdict.headline} · ${slow.name} · replay-server`;
}

/** Take a closer look at the tables that are open and in sight, each every other second. */
function lookCloser() {
  const now = performance.now();
  for (const card of cards.values()) {
    if (!card.wantsCloserLook || now - card.lookedAt < CLOSER_PERIOD_MS - 100) continue;
    card.lookedAt = now;
    get(`v1/tables/${encodeURIComponent(card.name)}/activity`).then(
      (look) => card.updateCloser(look),
      (error) => console.warn(error.message), // it has gone, or the list will say what is wrong
    );
  }
}

function askForToken(problem) {
  token.forget();
  setStatus("wait", "Token needed");
  cards.forEach((card) => card.element.remove());
  cards.clear();
  verdicts.clear();
  at("server").replaceChildren();
  announcer.textContent = "";
  document.title = "replay-server";
  at("forget").hidden = at("server").hidden = true;
  at("sign-in").hidden = false;
  setText(at("token-error"), problem);
  at("token").focus();
}

function sayLost(error) {
  const since = lastAnswer === null ? "" : ` for ${counted(Math.round((Date.now() - lastAnswer) / 1000), "second")}`;
  const why = error instanceof Refused ? error.message : "no answer";
  setStatus("lost", `${why}${since}`);
}

function setStatus(state, text) {
  at("status").dataset.state = state;
  setText(at("status"), text);
}

function signIn(event) {
  event.preventDefault();
  const typed = at("token").value.trim();
  if (!/^[\x21-\x7e]+$/.test(typed)) {
    setText(at("token-error"), "That is no token: it has characters that no token has.");
    return;
  }
  token.set(typed);
  at("token").value = "";
  setText(at("token-error"), "");
  at("sign-in").hidden = true;
  setStatus("wait", "Connecting");
  wake();
}

function chooseTheme(event) {
  const chosen = event.target.value;
  if (chosen === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = chosen;
  try {
    localStorage.setItem("theme", chosen);
  } catch {
    // It holds for as long as the page does.
  }
  dispatchEvent(new Event("themechange"));
}

at("main").append(announcer);
at("token-form").addEventListener("submit", signIn);
at("forget").addEventListener("click", () => askForToken(""));
at("theme").value = document.documentElement.dataset.theme ?? "auto";
at("theme").addEventListener("change", chooseTheme);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => dispatchEvent(new Event("themechange")));
document.addEventListener("visibilitychange", () => wake());
watch();
