"use strict";
// What the page shows.
//
// The page keeps a session, which is a list of inputs, and a cursor in the run that the list makes. Going back moves the
// cursor. An input at the cursor replaces what came after it, and the run is made again from the start.
const $ = (id) => document.getElementById(id);
const data = JSON.parse($("data").textContent);
const live = data.live;

let shown = data.shown;       // script, run, drawing, upkeep: as the server last made them
let at = 0;                   // the frame that is shown
let picked = null;            // the chosen process
let message = null;           // the number of the chosen message
let awaiting = false;         // whether a digit names the other end of a link
let playing = null;
let busy = false;
const past = [];              // sessions to go back to

function element(name, attributes, ...content) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes || {})) {
    if (key === "run") made.addEventListener("click", value);
    else if (value !== false && value !== null) made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...content.filter((part) => part !== null && part !== undefined && part !== ""));
  return made;
}

const button = (text, title, run, enabled = true) => element("button", { type: "button", title, run, disabled: !enabled }, text);

// Replaces what is in `place`, and leaves the focus where it was.
function fill(place, ...content) {
  const focus = place.contains(document.activeElement) ? document.activeElement : null;
  const key = focus && focus.dataset.key;
  place.replaceChildren(...content);
  if (key) {
    const again = place.querySelector(`[data-key="${key}"]`);
    if (again) again.focus();
  }
}

function keyed(node, key) {
  node.dataset.key = key;
  return node;
}

function tell(text, refused) {
  fill($("status"), element("span", { class: refused ? "refused" : "" }, text));
}

// Says which scenario, variant and seed the run has.
function chosen(run) {
  $("scenario").value = run.scenario;
  $("variant").value = run.variant;
  $("seed").value = run.seed;
}

// A new run: draws all of it, and shows the frame `to`.
function take(made, to) {
  shown = made;
  $("head").innerHTML = made.drawing.head;
  $("body").innerHTML = made.drawing.body;
  $("scrub").max = made.run.frames.length - 1;
  $("look").textContent = made.run.look;
  if (live) {
    chosen(made.run);
    document.title = `${made.run.title}: ${made.run.variant}`;
    links();
  }
  show(Math.max(0, Math.min(to, made.run.frames.length - 1)));
}

function show(to) {
  const { run, drawing } = shown;
  const moved = to !== at;
  at = to;
  const frame = run.frames[at];
  $("scrub").value = at;
  $("scrub").setAttribute("aria-valuetext", frame.text);
  for (const shape of $("body").querySelectorAll("[data-f]")) {
    const from = Number(shape.dataset.f);
    shape.classList.toggle("later", from > at && !shape.classList.contains("row"));
    if (shape.classList.contains("row")) shape.classList.toggle("now", from === at);
    if (shape.classList.contains("trip")) {
      const end = shape.dataset.e;
      shape.classList.toggle("flying", from <= at && (end === undefined || Number(end) > at));
      shape.classList.toggle("picked", message !== null && shape.dataset.m === String(message));
    }
  }
  const mark = frame.tone === "refused" ? "refused" : "";
  const text = element("span", { class: mark }, element("b", {}, `${millis(frame.at_us)} ms `), frame.text);
  // What an input did is said by itself.
  const marks = frame.marks.filter((one) => !["submits", "crashes", "restarts", "halts", "goes on"].includes(one.what)).map((one) => ` n${one.node} ${one.what} ${one.text}`.trimEnd() + ".").join("");
  fill($("status"), text, marks, at === run.frames.length - 1 && run.cut_short ? ` ${run.cut_short}` : "");
  broken();
  processes(moved);
  if (live) {
    flight();
    inputs();
    $("undo").disabled = past.length === 0;
  }
  $("first").disabled = $("back").disabled = at === 0;
  $("last").disabled = at === run.frames.length - 1;
  $("step").disabled = !live && next(run, at, 1, $("upkeep").checked) === null;
  // The names of the columns stay above what scrolls.
  const names = $("head").offsetHeight;
  const y = drawing.rows[at] + names;
  const box = $("scroll");
  if (y > box.scrollTop + box.clientHeight - 60 || y < box.scrollTop + names + 20) box.scrollTop = Math.max(0, y - box.clientHeight / 2);
}

function broken() {
  const { broken: found } = shown.run;
  const place = $("broken");
  place.hidden = !found || at < found.frame;
  if (place.hidden) return place.replaceChildren();
  if (!place.firstChild) {
    place.append(element("h2", {}, `The invariant ${found.invariant} is broken`), element("p", {}, `It says: ${found.says} (${found.source}).`), element("p", {}, `Found: ${found.message}.`));
  }
}

const held = (each, before) => each.map((one, nth) => [
  nth ? ", " : "",
  element("code", { class: one.durable ? "" : "volatile", title: one.durable ? "on disk" : "not yet on disk" },
    one.value === null ? `${one.ballot} for ${one.slots}` : `${one.slots} ${one.value} in ${one.ballot}`),
]).flat().concat(before ? ` and ${before} earlier` : "");

function processes(moved) {
  const { run } = shown;
  const changed = new Set(moved ? run.frames[at].changed.map((state) => state.node) : []);
  const all = states(run, at);
  const cards = run.lanes.map((lane) => {
    const state = all.get(lane.node);
    const line = (name, ...content) => [element("dt", {}, name), element("dd", {}, ...content)];
    const rows = [];
    if (state.proposer) {
      const { ballot, highest, under_way, waiting } = state.proposer;
      const told = [ballot ? `own ballot ${ballot}` : "no ballot of its own", highest && highest !== ballot ? `has heard of ${highest}` : "", under_way ? `${under_way} under way` : "", waiting ? `${waiting} waiting` : ""];
      rows.push(line("proposer", told.filter(Boolean).join(", ")));
    }
    if (state.acceptor) {
      rows.push(line("promised", ...(state.acceptor.promised.length ? held(state.acceptor.promised) : ["nothing"])));
      rows.push(line("votes", ...(state.acceptor.votes.length ? held(state.acceptor.votes, state.acceptor.earlier) : ["none"])));
    }
    if (state.learner) {
      const { chosen, applied, earlier, state: hash } = state.learner;
      const known = chosen.map(([slot, value]) => `s${slot} ${value}`).join(", ");
      rows.push(line("learned", known ? element("code", {}, known) : "nothing", earlier ? ` and ${earlier} earlier` : ""));
      rows.push(line("executed", applied ? `slots below s${applied}, state ${hash.slice(0, 8)}` : "nothing"));
    }
    if (state.members && run.lanes.some((one) => one.role === "spare")) rows.push(line("members", state.members));
    if (state.commands.length) rows.push(line("its client", state.commands.map(([id, end]) => `${id} ${end}`).join("; ")));
    const shelf = ({ count, last }) => element("code", {}, (count > last.length ? `${count - last.length} earlier, ` : "") + last.join("; "));
    if (lane.role !== "client") {
      rows.push(line("on disk", state.disk.count ? shelf(state.disk) : "nothing"));
      if (state.unwritten.count) rows.push(line("not yet on disk", element("span", { class: "volatile" }, shelf(state.unwritten))));
    }
    const title = element("h2", {}, `n${lane.node}`, element("small", {}, lane.role),
      state.up ? null : element("small", { class: "bad" }, "down"),
      state.paused ? element("small", { class: "bad" }, "paused") : null,
      state.disk_stopped ? element("small", { class: "bad" }, "disk stalled") : null,
      state.removed ? element("small", { class: "bad" }, "removed") : null,
      state.leads ? element("small", { class: "leads" }, `leads in ${state.leads}`) : null,
      state.leader !== null && !state.leads ? element("small", {}, `follows n${state.leader}`) : null);
    const card = element("article", { class: `state${picked === lane.node ? " picked" : ""}${changed.has(lane.node) ? " fresh-card" : ""}`, "aria-label": `Process n${lane.node}`, "data-node": lane.node }, title, element("dl", {}, ...rows.flat()));
    if (live) card.append(commands(lane, state));
    return card;
  });
  fill($("states"), ...cards);
  for (const name of document.querySelectorAll("#head .name")) name.classList.toggle("picked", Number(name.dataset.node) === picked);
}

function commands(lane, state) {
  const node = lane.node;
  const one = (text, title, input, enabled = true) => keyed(button(text, title, () => act(input), enabled), `${node}-${text}`);
  const name = `n${node}`;
  const all = [one("Submit", `The client of ${name} submits a command (S)`, { do: "submit", node }, state.up)];
  all.push(state.up ? one("Crash", `${name} crashes (C)`, { do: "crash", node }) : one("Restart", `${name} starts again from its disk (R)`, { do: "restart", node }));
  all.push(state.paused ? one("Resume", `${name} goes on (P)`, { do: "resume", node }) : one("Pause", `${name} does nothing, and forgets nothing (P)`, { do: "pause", node }, state.up));
  if (lane.role !== "client") all.push(state.disk_stopped ? one("Disk on", `The disk of ${name} works again (K)`, { do: "start-disk", node }) : one("Stall disk", `The disk of ${name} finishes nothing (K)`, { do: "stop-disk", node }));
  for (const made of all) made.setAttribute("aria-label", `${made.textContent} ${name}`);
  return element("div", { class: "do" }, ...all);
}

const flying = () => shown.run.messages.filter((trip) => isFlying(trip, at) && ($("upkeep").checked || !trip.upkeep));

function flight() {
  const all = flying();
  if (!all.some((trip) => trip.number === message)) message = null;
  const rows = all.map((trip) => {
    const { number, from, to, label } = trip;
    const one = (text, title, input) => {
      const made = keyed(button(text, title, () => act(input)), `m${number}-${text}`);
      made.setAttribute("aria-label", `${text} message ${number}, ${label}`);
      return made;
    };
    return element("li", { class: number === message ? "picked" : "", "data-m": number },
      element("span", { class: "words" }, `${number}: n${from}→n${to} ${label}`),
      one("Drop", "It is lost (D)", { do: "drop", message: number }),
      one("Delay", "It arrives 20 ms later (L)", { do: "delay", message: number, ms: 20 }),
      one("Double", "It arrives twice (U)", { do: "duplicate", message: number }));
  });
  fill($("messages"), ...(rows.length ? rows : [element("li", {}, "none")]));
}

function inputs() {
  const { action } = shown.run.frames[at];
  fill($("inputs"), ...shown.script.actions.map((input, nth) => element("li", { class: nth === action ? "now" : "" }, words(input))));
  const cuts = shown.run.frames[at].cuts;
  $("cuts").textContent = cuts.length ? `Cut: ${cuts.map(([a, b]) => `n${a}–n${b}`).join(", ")}` : "No link is cut.";
}

function links() {
  for (const id of ["cut-a", "cut-b", "old", "new", "to"]) {
    const value = $(id).value;
    fill($(id), ...shown.run.lanes.filter((lane) => id.startsWith("cut") || lane.role !== "client").map((lane) => element("option", { value: lane.node }, `n${lane.node}`)));
    if (value) $(id).value = value;
  }
  if ($("cut-a").value === $("cut-b").value) $("cut-b").value = shown.run.lanes[1].node;
  const spare = shown.run.lanes.find((lane) => lane.role === "spare");
  if (spare) $("new").value = spare.node;
}

