"use strict";
// The session, without the page: what follows from a list of inputs and the run that it makes.

// The inputs that lead to frame `at` of `run`, and no further.
function until(script, run, at) {
  const { action, part } = run.frames[at];
  if (action === null) return [];
  const inputs = script.actions.slice(0, action);
  const next = run.frames[at + 1];
  if (part === 0 || !next || next.action !== action) return [...inputs, script.actions[action]];
  return [...inputs, { do: "step", times: part }];
}

// The state of every process at frame `at`.
function states(run, at) {
  const all = new Map();
  for (const frame of run.frames.slice(0, at + 1)) for (const state of frame.changed) all.set(state.node, state);
  return all;
}

const isFlying = (trip, at) => trip.sent <= at && trip.number !== null && (trip.end === null || trip.end > at);

function next(run, at, by, upkeep) {
  let to = at + by;
  while (run.frames[to] && run.frames[to].quiet && !upkeep) to += by;
  return run.frames[to] ? to : null;
}

// Seeds are text here: numbers above 2^53 would be rounded. Null if `text` is no whole number below 2^64.
function seedOf(text) {
  if (!/^\d{1,20}$/.test(text)) return null;
  const seed = BigInt(text);
  return seed < 1n << 64n ? seed.toString() : null;
}

const millis = (us) => `${Math.floor(us / 1000)}.${Math.floor(us % 1000 / 100)}`;

function words(input) {
  const { do: what, ...rest } = input;
  const fields = Object.entries(rest).map(([name, value]) => `${name} ${value}`).join(", ");
  return what + (fields ? `: ${fields}` : "");
}

