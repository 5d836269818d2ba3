// Asks the trader once a second and shows what it says. Everything is set as text, so that nothing that it says can become markup.

const EVERY_MS = 1000, KEEP_MS = 3600000;
const state = {rows: [], fills: [], began: 0, range: 120, frames: {}, framesAt: 0, answered: null};
const find = (selector) => document.querySelector(selector);
const fixed = (digits) => (value) => value.toLocaleString("en-US", {minimumFractionDigits: digits, maximumFractionDigits: digits});
const short = (value) => value.toLocaleString("en-US", {maximumFractionDigits: 2});
const sign = (value) => (value < 0 ? "−" : "+");

const AS = {
  text: String,
  count: fixed(0),
  shares: short,
  cents: (value) => `${short(value * 100)} ¢`,
  cents2: (value) => `${fixed(2)(value * 100)} ¢`,
  dollars: (value) => `$${fixed(2)(value)}`,
  gain: (value) => `${sign(value)}$${fixed(2)(Math.abs(value))}`,
  micros: (value) => (value < 1000 ? `${fixed(0)(value)} µs` : `${fixed(1)(value / 1000)} ms`),
  millis: (value) => (value < 1000 ? `${fixed(0)(value)} ms` : `${fixed(1)(value / 1000)} s`),
  duration: (value) => {
    const s = Math.max(0, Math.floor(value)), pad = (one) => String(one).padStart(2, "0");
    return s >= 3600 ? `${Math.floor(s / 3600)}:${pad(Math.floor(s / 60) % 60)}:${pad(s % 60)}` : `${Math.floor(s / 60)}:${pad(s % 60)}`;
  },
};

const CHARTS = {
  price: new Chart(find("#price"), {
    lines: [
      {column: "bid", colour: "bid", label: "bid", step: true, width: 1.2}, {column: "ask", colour: "ask", label: "ask", step: true, width: 1.2},
      {column: "own_bid", colour: "bid", label: "our bid", step: true, width: 2, dash: [2, 3]},
      {column: "own_ask", colour: "ask", label: "our ask", step: true, width: 2, dash: [2, 3]},
      {column: "fair", colour: "fair", label: "fair", width: 1.8},
    ],
    band: ["bid", "ask"], format: AS.cents, axis: AS.cents, minSpan: 0.06,
  }),
  pnl: new Chart(find("#pnl"), {lines: [{column: "pnl", colour: "bid", label: "marked", width: 1.8}], zero: true, format: AS.gain, axis: (value) => (value ? `${sign(value)}$${short(Math.abs(value))}` : "$0"), minSpan: 2}),
  inventory: new Chart(find("#inventory"), {
    lines: [{column: "yes", colour: "bid", label: "YES", step: true}, {column: "no", colour: "ask", label: "NO", step: true}],
    zero: true, format: short, axis: short, minSpan: 20,
  }),
};
const LEGS = {
  frame_to_snapshot: "frame → snapshot", snapshot_to_intent: "snapshot → intent", tick_lateness: "tick lateness",
  intent_to_outbox: "intent → outbox", outbox_to_wire: "outbox → wire", wire_to_ack: "wire → ack",
};

// --- asking ---

async function ask(path) {
  const token = sessionStorage.getItem("token");
  const answer = await fetch(path, {headers: token ? {Authorization: `Bearer ${token}`} : {}, cache: "no-store"});
  if (answer.status === 401) throw Object.assign(new Error("token"), {needsToken: true});
  return answer;
}

async function readSeries() {
  for (;;) {
    const last = state.rows[state.rows.length - 1], fill = state.fills[state.fills.length - 1];
    const said = await (await ask(`series?since=${last ? last.number : 0}&fills=${fill ? fill.number : 0}`)).json();
    if (state.began && said.began_ms !== state.began) {          // another run: its numbers begin anew
      Object.assign(state, {rows: [], fills: [], began: 0});
      continue;
    }
    state.began = said.began_ms;
    state.rows.push(...said.rows.map((row) => Object.fromEntries(said.columns.map((column, index) => [column, row[index]]))));
    state.fills.push(...said.fills);
    if (!said.more) break;
  }
  const oldest = Date.now() - KEEP_MS * 1.05;
  state.rows = state.rows.filter((row, index, all) => row.at_ms > oldest || index === all.length - 1);
  state.fills = state.fills.filter((fill, index, all) => fill.at_ms > oldest || index === all.length - 1);
}

async function turn() {
  try {
    if (!document.hidden) {
      const [stats, health] = await Promise.all([ask("stats").then((one) => one.json()), ask("health").then((one) => one.json()), readSeries()]);
      state.answered = Date.now();
      document.body.classList.remove("waiting");
      find("#banner").hidden = find("#login").hidden = true;
      show(stats, health);
    }
  } catch (problem) {
    document.body.classList.add("waiting");
    find("#login").hidden = !problem.needsToken;
    find("#banner").hidden = Boolean(problem.needsToken);
    const since = state.answered ? ` since ${new Date(state.answered).toLocaleTimeString("en-GB")}` : "";
    find("#banner").textContent = `No answer from the trader${since}. Asking again every second.`;
  }
  setTimeout(turn, EVERY_MS);
}

// --- showing ---

const at = (stats, path) => path.split(".").reduce((found, key) => (found === null || found === undefined ? null : found[key]), stats);
const text = (value, as) => (value === null || value === undefined || value === "" ? "–" : AS[as || "text"](value));

function put(element, said, tone) {
  if (element.textContent !== said) element.textContent = said;
  element.classList.remove("good", "bad", "careful");
  if (tone) element.classList.add(tone);
}

/* Rows of [text, class] cells; only what changed is touched, so that nothing flickers and a selection survives. */
function fillTable(body, rows, nothing) {
  const wanted = rows.length || !nothing ? rows : [[[nothing, "none"]]];
  while (body.rows.length > wanted.length) body.deleteRow(-1);
  wanted.forEach((cells, index) => {
    const row = body.rows[index] || body.insertRow();
    while (row.cells.length > cells.length) row.deleteCell(-1);
    cells.forEach(([said, name], column) => {
      const cell = row.cells[column] || row.insertCell();
      if (cell.textContent !== said) cell.textContent = said;
      cell.className = name || "";
      cell.colSpan = cells.length === 1 ? 9 : 1;
    });
  });
}

function fillList(list, items, nothing) {
  const wanted = items.length ? items : [[nothing, "", "none"]];
  list.replaceChildren(...wanted.map(([name, more, kind]) => {
    const item = document.createElement("li"), value = document.createElement("span");
    value.textContent = more;
    item.append(name, ...(more ? [value] : []));
    item.className = kind || "";
    return item;
  }));
}

function show(stats, health) {
  for (const element of document.querySelectorAll("[data-path]")) {
    const value = at(stats, element.dataset.path), isGain = element.dataset.as === "gain" && typeof value === "number";
    put(element, text(value, element.dataset.as), isGain && value ? (value < 0 ? "bad" : "good") : "");
  }
  showFleet(stats);
  const reference = stats.reference || {}, held = stats.inventory;
  const distance = reference.price && reference.strike ? reference.price - reference.strike : null;
  put(find("#distance"), text(distance, "gain"));
  put(find("#net"), held ? `${sign(held.yes - held.no)}${short(Math.abs(held.yes - held.no))}` : "–");
  put(find("#cancel-alls"), text(Object.values(stats.cancel_alls || {}).reduce((sum, one) => sum + one, 0), "count"));
  showState(stats, health);
  showOrders(stats);
  showFeeds(stats);
  showThreads(stats.roles);
  showCharts(stats);
}

/* A fleet without a desk has nothing of what a desk shows. */
function showFleet(stats) {
  const isAlone = stats.session === "watching";
  find("#fleet").hidden = !stats.fleet;
  document.body.classList.toggle("watching", isAlone);
  if (isAlone) put(find("h1"), `Fleet of ${text(at(stats, "fleet.registry.total_markets"), "count")} markets`);
  document.title = isAlone ? "fleet · trader" : `${stats.trading_mode || "–"} · ${text(stats.pnl_marked_usd, "gain")} · trader`;
}

function showState(stats, health) {
  const mode = stats.trading_mode;
  put(find("#trading-mode"), mode || "–", mode === "NORMAL" ? "good" : mode === "STOP" ? "bad" : "careful");
  const sick = Object.entries(health.components).filter(([, one]) => !one.ok);
  put(find("#health"), health.ok ? "healthy" : `${sick.length} unwell`, health.ok ? "good" : "bad");
  const guards = Object.entries(stats.guards_for_ms || {}).map(([name, ms]) => [name, `for ${AS.millis(ms)}`, "careful"]);
  fillList(find("#guards ul"), stats.strategy_reason ? [...guards, ["strategy", stats.strategy_reason, ""]] : guards, "none");
  fillList(find("#components"), Object.entries(health.components).map(([name, one]) => (one.ok ? [name, ""] : [`${name}: ${one.reason}`, "", "sick"])), "–");
}

const STATES = {WORKING: "working", PENDING_NEW: "placing", PENDING_CANCEL: "cancelling", UNKNOWN: "unknown"};
function showOrders(stats) {
  const inYes = (one) => (one.side === one.token_side ? one.price : 1 - one.price);
  fillTable(find("#orders tbody"), [...stats.quotes].sort((one, other) => inYes(other) - inYes(one)).map((one) => [
    [one.side === "BUY" ? "bid" : "ask", one.side === "BUY" ? "bid" : "ask"],
    [`${one.token_side.toLowerCase()} ${(one.side === one.token_side) ? "YES" : "NO"}`, "text"], [AS.cents(one.price)], [short(one.remaining)],
    [STATES[one.state] || one.state, "text"],
  ]), "no order is open");
  fillTable(find("#fills tbody"), (stats.last_fills || []).slice(-8).reverse().map((one) => [
    [new Date(one.at_ms).toLocaleTimeString("en-GB")], [one.side === "BUY" ? "bought" : "sold", `text ${one.side === "BUY" ? "good" : "bad"}`],
    [AS.cents(one.price)], [short(one.size)],
  ]), "none yet");
}

function showFeeds(stats) {
  const now = performance.now(), passed = (now - state.framesAt) / 1000, before = state.frames;
  const count = (one) => (one.frames === undefined ? one.polls : one.frames);
  fillTable(find("#feeds tbody"), Object.entries(stats.feeds || {}).map(([name, one]) => [
    [name], [AS.count(count(one))], [!one.connected ? "down" : name in before ? AS.count((count(one) - before[name]) / passed) : "–", one.connected ? "" : "bad"],
    [text(one.connects, "count")],
  ]));
  state.frames = Object.fromEntries(Object.entries(stats.feeds || {}).map(([name, one]) => [name, count(one)]));
  state.framesAt = now;
}

function showThreads(roles) {
  fillTable(find("#threads tbody"), roles.map((one) => {
    const isLate = one.doing_ms > one.limit_ms, doing = one.alive ? one.doing : `NOT RUNNING (${one.doing})`;
    return [[one.name], [text(one.native_id)], [isLate ? `${doing} OVERDUE` : doing, `text ${one.alive && !isLate ? "" : "bad"}`],
      [AS.millis(one.doing_ms)], [one.limit_ms > 1e9 ? "–" : AS.millis(one.limit_ms)], [AS.count(one.cycles)]];
  }));
}

function showCharts(stats) {
  const last = state.rows[state.rows.length - 1], to = last ? last.at_ms : Date.now(), from = to - state.range * 1000;
  Object.entries(CHARTS).forEach(([name, chart]) => chart.show(state.rows, name === "price" ? state.fills : [], from, to));
  const body = find("#latency tbody"), seen = state.rows.filter((row) => row.at_ms >= from);
  Object.entries(LEGS).forEach(([leg, label], index) => {
    const said = at(stats, `latency.${leg}`) || {count: 0}, known = said.count > 0;
    const row = body.rows[index] || newLeg(body, label);
    row.cells[1].textContent = known ? AS.micros(said.p50_us) : "–";
    row.cells[2].textContent = known ? AS.micros(said.p99_us) : "–";
    drawSpark(row.querySelector("canvas"), seen.map((one) => one[leg]), "bid");
  });
}

function newLeg(body, label) {
  const row = body.insertRow(), canvas = document.createElement("canvas");
  canvas.className = "spark";
  [label, "–", "–"].forEach((said) => { row.insertCell().textContent = said; });
  row.insertCell().append(canvas);
  return row;
}

// --- buttons ---

function choose(range) {
  state.range = range;
  document.querySelectorAll("[data-range]").forEach((one) => one.classList.toggle("chosen", Number(one.dataset.range) === range));
}

document.querySelectorAll("[data-range]").forEach((one) => one.addEventListener("click", () => {
  choose(Number(one.dataset.range));
  const last = state.rows[state.rows.length - 1];
  if (last) Object.entries(CHARTS).forEach(([name, chart]) => chart.show(state.rows, name === "price" ? state.fills : [], last.at_ms - state.range * 1000, last.at_ms));
}));

find("#stacks").addEventListener("click", async (event) => {
  const stacks = find("#threads pre"), isOpen = !stacks.hidden;
  if (!isOpen) stacks.textContent = await ask("threads").then((one) => one.text(), () => "no answer; try again");
  stacks.hidden = isOpen;
  event.target.textContent = isOpen ? "Show stacks" : "Hide stacks";
  event.target.setAttribute("aria-expanded", String(!isOpen));
});

find("#login").addEventListener("submit", (event) => {
  event.preventDefault();
  sessionStorage.setItem("token", find("#token").value.trim());
});

choose(state.range);
turn();
