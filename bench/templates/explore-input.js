"use strict";
// What is done on the page: buttons and keys, and the inputs that they make.

// How runs are asked for. This is all that knows about HTTP.
async function ask(script, form) {
  const body = JSON.stringify({ script, upkeep: $("upkeep").checked, form });
  const response = await fetch("/run", { method: "POST", body, headers: { "Content-Type": "application/json" } });
  const text = await response.text();
  if (!response.ok) throw new Error(text.trim());
  return form ? text : JSON.parse(text);
}

// Asks for the run of `script`, and shows the frame `place` of it: a number, or the last one.
async function make(script, place) {
  if (busy) return;
  busy = true;
  try {
    const made = await ask(script);
    take(made, place === undefined ? made.run.frames.length - 1 : place);
  } catch (error) {
    tell(error.message, true);
    pause();
  } finally {
    busy = false;
  }
}

const remember = () => { past.push({ script: shown.script, at }); if (past.length > 200) past.shift(); };

// One input, at the cursor.
async function act(input) {
  if (!live || busy) return;
  remember();
  const script = { ...shown.script, actions: [...until(shown.script, shown.run, at), input] };
  await make(script);
}

async function forth() {
  const to = next(shown.run, at, 1, $("upkeep").checked);
  if (to !== null) return show(to);
  if (!live || shown.run.broken) return pause();
  const before = shown.run.frames.length;
  // Past the end of the list, a step is an input of its own.
  const made = { ...shown.script, actions: [...shown.script.actions, { do: $("upkeep").checked ? "step" : "next" }] };
  if (busy) return;
  remember();
  await make(made);
  if (shown.run.frames.length === before) { past.pop(); tell("Nothing is left to happen.", true); pause(); }
}

function back() {
  pause();
  const to = next(shown.run, at, -1, $("upkeep").checked);
  show(to === null ? 0 : to);
}

function pause() {
  if (playing !== null) clearTimeout(playing);
  playing = null;
  $("play").textContent = "Play";
}

function play() {
  if (playing !== null) return pause();
  $("play").textContent = "Pause";
  const tick = async () => {
    await forth();
    if (playing !== null) playing = setTimeout(tick, 450);
  };
  playing = setTimeout(tick, 0);
}

function save(name, content, kind) {
  const link = element("a", { href: URL.createObjectURL(new Blob([content], { type: kind })), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

const fileName = (end) => `paxos-${shown.run.scenario}-${shown.run.variant}.${end}`;

async function exported(form, kind) {
  try {
    save(fileName(form), await ask(shown.script, form), kind);
    tell(`${fileName(form)} is saved.`);
  } catch (error) {
    tell(error.message, true);
  }
}

// The start, or the frame that shows the same share of the run with another variant.
async function choose(keep) {
  pause();
  const text = $("seed").value.trim();
  const seed = seedOf(text);
  if (seed === null) {
    chosen(shown.run);
    return tell(`"${text}" is no seed: give a whole number from 0 to 18446744073709551615.`, true);
  }
  remember();
  const scenario = data.scenarios.find((one) => one.name === $("scenario").value);
  const base = { ...shown.script, scenario: scenario.name, seed };
  if (keep) return make({ ...base, variant: $("variant").value }, shown.run.frames.length - 1 === at ? undefined : 0);
  return make({ ...base, variant: scenario.name === shown.run.scenario ? $("variant").value : scenario.variant, actions: scenario.actions }, 0);
}

function pick(node) {
  if (!shown.run.lanes.some((lane) => lane.node === node)) return;
  if (awaiting && picked !== null) {
    awaiting = false;
    const isCut = shown.run.frames[at].cuts.some(([a, b]) => a === Math.min(node, picked) && b === Math.max(node, picked));
    return act({ do: isCut ? "heal" : "cut", a: picked, b: node });
  }
  picked = node;
  processes(false);
  tell(`n${node} is selected.`);
}

function pickMessage(by) {
  const all = flying();
  if (!all.length) return tell("No message is under way.");
  const now = all.findIndex((trip) => trip.number === message);
  const to = now < 0 ? (by > 0 ? 0 : all.length - 1) : (now + by + all.length) % all.length;
  message = all[to].number;
  show(at);
  const row = $("messages").querySelector(".picked");
  if (row) row.scrollIntoView({ block: "nearest" });
  tell(`Message ${message}, ${all[to].label}, from n${all[to].from} to n${all[to].to}, is selected.`);
}

const withNode = (make) => () => picked === null ? tell("Select a process first, by its digit.", true) : act(make(picked, states(shown.run, at).get(picked)));
const withMessage = (make) => () => message === null ? tell("Select a message first, with [ or ].", true) : act(make(message));

const keys = {
  ArrowRight: () => { pause(); forth(); }, ArrowLeft: back,
  Home: () => { pause(); show(0); }, End: () => { pause(); show(shown.run.frames.length - 1); },
  " ": play,
};
const liveKeys = {
  n: () => act({ do: "until", what: "chosen" }),
  s: withNode((node) => ({ do: "submit", node })),
  c: withNode((node) => ({ do: "crash", node })),
  r: withNode((node) => ({ do: "restart", node })),
  p: withNode((node, state) => ({ do: state.paused ? "resume" : "pause", node })),
  k: withNode((node, state) => ({ do: state.disk_stopped ? "start-disk" : "stop-disk", node })),
  x: () => { if (picked === null) return tell("Select a process first, by its digit.", true); awaiting = true; tell(`Which link of n${picked}? Press the digit of the other process.`); },
  "[": () => pickMessage(-1), "]": () => pickMessage(1),
  d: withMessage((number) => ({ do: "drop", message: number })),
  l: withMessage((number) => ({ do: "delay", message: number, ms: 20 })),
  u: withMessage((number) => ({ do: "duplicate", message: number })),
  v: () => { const nth = data.variants.indexOf(shown.run.variant); $("variant").value = data.variants[(nth + 1) % data.variants.length]; choose(true); },
  h: () => { $("upkeep").checked = !$("upkeep").checked; redraw(); },
  z: undo,
  "?": () => { $("help").open = !$("help").open; $("help").scrollIntoView({ block: "nearest" }); },
};

async function undo() {
  const before = past.pop();
  if (before) await make(before.script, before.at);
}

// Upkeep in the diagram, or not; a file has the diagram that it was made with.
function redraw() {
  if (live) make(shown.script, at);
  else show(at);
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const target = event.target;
  const typing = target.matches("select, input:not([type=range]):not([type=checkbox])");
  const pressing = target.matches("button, summary, input[type=checkbox]") && (event.key === " " || event.key === "Enter");
  if (typing || pressing) return;
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  if (live && /^\d$/.test(key)) pick(Number(key));
  else if (keys[key] || live && liveKeys[key]) (keys[key] || liveKeys[key])();
  else return;
  event.preventDefault();
});

$("first").onclick = keys.Home;
$("last").onclick = keys.End;
$("back").onclick = back;
$("step").onclick = keys.ArrowRight;
$("play").onclick = play;
$("scrub").oninput = () => { pause(); show(Number($("scrub").value)); };
$("upkeep").onchange = redraw;
$("body").addEventListener("click", (event) => {
  const trip = event.target.closest(".trip.flying");
  if (live && trip) { message = Number(trip.dataset.m); show(at); return; }
  const row = event.target.closest(".row");
  if (row && !event.target.closest(".trip")) { pause(); show(Number(row.dataset.f)); }
});
if (live) {
  fill($("scenario"), ...data.scenarios.map((one) => element("option", { value: one.name }, one.title)));
  fill($("variant"), ...data.variants.map((one) => element("option", {}, one)));
  // The return key ends the typing of a seed, and sends no form.
  $("pick").onsubmit = (event) => event.preventDefault();
  $("scenario").onchange = () => choose(false);
  $("variant").onchange = () => choose(true);
  $("seed").onchange = () => choose(true);
  $("begin").onclick = () => choose(false);
  $("chosen").onclick = liveKeys.n;
  $("undo").onclick = undo;
  $("save").onclick = () => save(fileName("json"), JSON.stringify(shown.script, null, 2) + "\n", "application/json");
  $("load").onclick = () => $("file").click();
  $("file").onchange = async () => {
    const [file] = $("file").files;
    $("file").value = "";
    if (!file) return;
    let script;
    try { script = JSON.parse(await file.text()); } catch { return tell(`${file.name} is no session: it is not JSON.`, true); }
    if (script && typeof script.seed === "number" && !Number.isSafeInteger(script.seed)) {
      return tell(`The seed of ${file.name} is not a whole number below 2^53: put it in quotes, as in "seed": "18446744073709551615".`, true);
    }
    remember();
    make(script, 0);
  };
  $("html").onclick = () => exported("html", "text/html");
  $("svg").onclick = () => exported("svg", "image/svg+xml");
  const link = (what) => () => act({ do: what, a: Number($("cut-a").value), b: Number($("cut-b").value) });
  $("cut").onclick = link("cut");
  $("heal").onclick = link("heal");
  $("replace").onclick = () => act({ do: "replace", node: Number($("old").value) === 0 ? 1 : 0, old: Number($("old").value), new: Number($("new").value) });
  $("transfer").onclick = () => act({ do: "transfer", to: Number($("to").value) });
  $("head").addEventListener("click", (event) => { const name = event.target.closest(".name"); if (name) pick(Number(name.dataset.node)); });
}
$("upkeep").checked = shown.upkeep;
if (!live && !shown.upkeep) $("upkeep").closest("label").hidden = true;
take(shown, 0);
