// The explorer's page in a browser: step, back, crash, drop, cut, variant, keys, phone, export; and the runs in the report of
// experiments. It needs Node, playwright-core (`npm install --no-save playwright-core`) and Chromium; where one of these is
// missing, it says that it was skipped.
//
//     cargo build -p paxos-bench && node bench/tests/explore/browser.mjs target/debug/paxos-bench [DIR FOR SCREENSHOTS]
//
// `.ci/browser` runs it, and installs what is missing where it can.
//
// With PAGE_FROM=bench/templates it serves the script and the styles from there, to try changes without a build.
import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import assert from "node:assert/strict";
import { blank, launch } from "./chromium.mjs";

const [program, pictures] = process.argv.slice(2);
const browser = await launch("bench/tests/explore/browser.mjs");
const temporary = mkdtempSync(join(tmpdir(), "explore-"));
const server = spawn(program, ["explore", "--port", "0", "--scenario", "leader-crash"], { stdio: ["ignore", "pipe", "inherit"] });
const home = await new Promise((resolve, reject) => {
  server.stdout.once("data", (text) => resolve(String(text).trim()));
  server.once("exit", () => reject(new Error("the server ended")));
});

const complaints = [];

async function open(options, url = home) {
  const page = await blank(browser, home, complaints, options);
  const from = process.env.PAGE_FROM;
  if (from) {
    await page.route(home, async (route) => {
      const response = await route.fetch();
      let body = await response.text();
      const put = (start, end, text) => { const a = body.lastIndexOf(start) + start.length; body = body.slice(0, a) + text + body.slice(body.indexOf(end, a)); };
      put("<script>", "</script>", ["session", "view", "input"].map((part) => readFileSync(join(from, `explore-${part}.js`), "utf8")).join(""));
      const root = body.match(/<style>\s*:root \{[^}]*\}/)[0];
      put("<style>", "</style>", root.replace("<style>", "") + readFileSync(join(from, "explore.css"), "utf8") + readFileSync(join(from, "explore-drawing.css"), "utf8"));
      await route.fulfill({ response, body });
    });
  }
  await page.goto(url);
  return page;
}

const picture = async (page, name, fullPage = false) => { if (pictures) await page.screenshot({ path: join(pictures, `${name}.png`), fullPage }); };
const status = (page) => page.locator("#status").innerText();
const cursor = (page) => page.evaluate(() => at);
const settled = (page) => page.waitForFunction(() => !busy);
const press = async (page, ...keys) => { for (const key of keys) { await page.keyboard.press(key); await settled(page); } };
const card = (page, node) => page.locator(`[data-node="${node}"].state`);
let done = 0;
async function check(name, test) {
  await test();
  done += 1;
  console.log(`ok: ${name}`);
}

try {
  const page = await open({ viewport: { width: 1366, height: 900 } });
  await check("it begins at the start of the scenario's run", async () => {
    assert.match(await status(page), /All processes start/);
    assert.equal(await page.locator("#scenario").inputValue(), "leader-crash");
  });
  await check("one event on and back", async () => {
    await page.locator("#step").click();
    const one = await cursor(page);
    assert.ok(one > 0);
    await press(page, "ArrowRight", "ArrowLeft");
    assert.equal(await cursor(page), one);
    await press(page, "ArrowLeft");
    assert.equal(await cursor(page), 0);
  });
  await check("the scrubber shows any frame, and hides what is later", async () => {
    await press(page, "End");
    const end = await cursor(page);
    const all = await page.locator("#body .trip:not(.later)").count();
    await page.locator("#scrub").fill(String(Math.floor(end / 2)));
    assert.equal(await cursor(page), Math.floor(end / 2));
    const half = await page.locator("#body .trip:not(.later)").count();
    assert.ok(half > 0 && half < all, `${half} of ${all}`);
    await press(page, "End");
    await picture(page, "desktop");
  });
  await check("the state shown is what the server said of the node", async () => {
    for (const node of [0, 1, 2]) {
      const said = await page.evaluate((node) => states(shown.run, at).get(node), node);
      const text = await card(page, node).innerText();
      for (const held of said.acceptor.votes) assert.ok(text.includes(`${held.slots} ${held.value} in ${held.ballot}`), text);
      if (said.leads) assert.ok(text.includes(`leads in ${said.leads}`));
      assert.ok(text.includes(`slots below s${said.learner.applied}`), text);
    }
  });
  await check("a crash at the cursor replaces what came after it", async () => {
    await press(page, "Home", "ArrowRight", "ArrowRight");
    const before = await cursor(page);
    await card(page, 1).getByRole("button", { name: "Crash n1" }).click();
    await settled(page);
    assert.equal(await cursor(page), before + 1);
    assert.match(await status(page), /n1 crashes/);
    assert.match(await card(page, 1).innerText(), /down/);
    assert.equal(await page.evaluate(() => shown.script.actions.at(-1).do), "crash");
  });
  await check("undo brings the rest back", async () => {
    await press(page, "z");
    assert.ok(await page.evaluate(() => shown.script.actions.length) > 3);
  });
  await check("by keyboard alone: submit, drop, crash, restart, stall, cut, heal", async () => {
    await page.locator("#scenario").selectOption("no-fault");
    await settled(page);
    await page.evaluate(() => document.activeElement.blur());
    await press(page, "ArrowRight", "ArrowRight", "3", "s", "]");
    const message = await page.evaluate(() => message);
    assert.ok(message !== null);
    await press(page, "l");
    assert.match(await status(page), /20 ms later/);
    await press(page, "u");
    assert.match(await status(page), /arrive twice/);
    await press(page, "d");
    assert.match(await status(page), new RegExp(`Message ${message} is lost`));
    assert.equal(await page.evaluate((number) => shown.run.messages.find((trip) => trip.number === number).fate, message), "dropped");
    await press(page, "1", "c");
    assert.match(await status(page), /n1 crashes/);
    await press(page, "r");
    assert.match(await status(page), /n1 starts again/);
    await press(page, "k");
    assert.match(await status(page), /stalls/);
    await press(page, "x", "0");
    assert.match(await status(page), /link between n1 and n0 is cut/);
    assert.deepEqual(await page.evaluate(() => shown.run.frames[at].cuts), [[0, 1]]);
    await press(page, "x", "0");
    assert.match(await status(page), /works again/);
    await press(page, "n");
    assert.match(await page.locator("#status").innerText(), /learns/);
  });
  await check("the focus is visible, and stays on a button that was pressed", async () => {
    const submit = card(page, 3).getByRole("button", { name: "Submit n3" });
    await submit.focus();
    await page.keyboard.press("Enter");
    await settled(page);
    assert.equal(await page.evaluate(() => document.activeElement.getAttribute("aria-label")), "Submit n3");
    await page.keyboard.press("Tab");
    const outline = await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle);
    assert.equal(outline, "solid");
    const nameless = await page.evaluate(() => [...document.querySelectorAll("button, select, input")].filter((one) => !(one.getAttribute("aria-label") || one.textContent.trim() || one.closest("label"))).length);
    assert.equal(nameless, 0);
  });
  await check("another variant keeps scenario and inputs", async () => {
    await page.locator("#scenario").selectOption("collision-coordinated");
    await settled(page);
    const inputs = await page.evaluate(() => JSON.stringify(shown.script.actions));
    assert.equal(await page.locator("#variant").inputValue(), "fast");
    await press(page, "End");
    await picture(page, "collision");
    await page.locator("#variant").selectOption("multi");
    await settled(page);
    assert.equal(await page.evaluate(() => shown.run.variant), "multi");
    assert.equal(await page.evaluate(() => JSON.stringify(shown.script.actions)), inputs);
  });
  await check("a seed is sent as it was typed, and a wrong one is refused with a sentence", async () => {
    const type = async (text) => { await page.locator("#seed").fill(text); await page.locator("#seed").press("Enter"); await page.locator("#seed").blur(); await settled(page); };
    for (const seed of ["9007199254740993", "18446744073709551615"]) {
      await type(seed);
      assert.equal(await page.evaluate(() => shown.run.seed), seed);
      assert.equal(String(await page.evaluate(() => shown.script.seed)), seed);
    }
    for (const wrong of ["abc", "18446744073709551616", "-1"]) {
      await type(wrong);
      assert.match(await status(page), /is no seed: give a whole number/);
      assert.equal(await page.locator("#seed").inputValue(), "18446744073709551615");
    }
    await type("1");
    assert.equal(await page.evaluate(() => shown.run.seed), "1");
  });
  await check("each mistake ends with the invariant that catches it", async () => {
    const names = await page.evaluate(() => data.scenarios.filter((one) => one.title.startsWith("Mistake")).map((one) => one.name));
    assert.equal(names.length, 9);
    for (const name of names) {
      await page.locator("#scenario").selectOption(name);
      await settled(page);
      await page.evaluate(() => document.activeElement.blur());
      await press(page, "End");
      assert.ok(await page.locator("#broken").isVisible(), name);
    }
  });
  await check("a broken invariant is shown with its sentence and source", async () => {
    await page.locator("#scenario").selectOption("lying-disk");
    await settled(page);
    assert.ok(await page.locator("#broken").isHidden());
    await page.evaluate(() => document.activeElement.blur());
    await press(page, "End");
    assert.match(await page.locator("#broken").innerText(), /nothing_is_forgotten[\s\S]*Paxos Made Simple §2\.5/);
    await picture(page, "broken");
  });
  await check("play goes on by itself, and stops", async () => {
    await press(page, "Home", " ");
    await page.waitForFunction(() => at > 1, null, { timeout: 5000 });
    await press(page, " ");
    assert.ok(await page.evaluate(() => playing === null));
  });
  await check("members change", async () => {
    await page.locator("#scenario").selectOption("members");
    await settled(page);
    await page.evaluate(() => document.activeElement.blur());
    await press(page, "End");
    assert.match(await card(page, 0).innerText(), /members\s+\{n0, n1, n3\}/);
    await picture(page, "members");
  });
  let session;
  await check("a session is saved and loaded", async () => {
    const [download] = await Promise.all([page.waitForEvent("download"), page.locator("#save").click()]);
    session = join(temporary, "session.json");
    await download.saveAs(session);
    assert.equal(JSON.parse(readFileSync(session, "utf8")).scenario, "members");
    await page.locator("#scenario").selectOption("duel");
    await settled(page);
    await page.locator("#file").setInputFiles(session);
    await page.waitForFunction(() => shown.run.scenario === "members");
  });
  await check("a wrong session is refused with a sentence", async () => {
    await page.locator("#file").setInputFiles({ name: "x.json", mimeType: "application/json", buffer: Buffer.from("{\"paxos-explore\": 1, \"variant\": \"fast\", \"scenario\": \"none\"}") });
    await page.waitForFunction(() => /there is no scenario/.test(document.getElementById("status").textContent));
    // The browser writes refused requests to the console by itself.
    complaints.splice(0, complaints.length, ...complaints.filter((text) => !/400/.test(text)));
  });
  for (const form of ["html", "svg"]) {
    await check(`the run is exported as ${form.toUpperCase()}, and the file asks nobody`, async () => {
      const [download] = await Promise.all([page.waitForEvent("download"), page.locator(`#${form}`).click()]);
      const path = join(temporary, `run.${form}`);
      await download.saveAs(path);
      const file = await open({ viewport: { width: 1100, height: 800 } }, pathToFileURL(path).href);
      if (form === "html") {
        await press2(file, "ArrowRight", "ArrowRight", "ArrowLeft");
        assert.ok(await file.evaluate(() => at) > 0);
        await press2(file, "End");
        assert.match(await file.locator("#states").innerText(), /learned/);
        assert.equal(await file.getByRole("button", { name: /Crash/ }).count(), 0);
      }
      await picture(file, `export-${form}`);
      await file.context().close();
    });
  }
  await check("on a phone nothing is cut off or overlaps", async () => {
    const phone = await open({ viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true });
    await phone.locator("#last").tap();
    const wide = await phone.evaluate(() => document.documentElement.scrollWidth);
    assert.ok(wide <= 390, `${wide} wide`);
    const overlapping = await phone.evaluate(() => {
      const all = [...document.querySelectorAll("button, select, #seed, #scrub")].filter((one) => one.offsetParent);
      const boxes = all.map((one) => [one.id || one.textContent, one.getBoundingClientRect()]);
      const meet = (a, b) => a.left < b.right - 1 && b.left < a.right - 1 && a.top < b.bottom - 1 && b.top < a.bottom - 1;
      const bar = document.querySelector(".transport");
      const within = (name) => bar.querySelector(`#${CSS.escape(name)}`);
      return boxes.flatMap(([name, box], nth) => boxes.slice(nth + 1).filter(([other, rest]) => meet(box, rest) && !within(name) && !within(other)).map(([other]) => `${name} and ${other}`));
    });
    assert.deepEqual(overlapping, []);
    await picture(phone, "phone");
    await picture(phone, "phone-whole", true);
    await phone.context().close();
  });
  await check("dark", async () => {
    const dark = await open({ viewport: { width: 1366, height: 900 }, colorScheme: "dark" });
    await press(dark, "End");
    await picture(dark, "dark");
    await dark.context().close();
  });
  await check("the report has a run of each variant to step through", async () => {
    const [results, out] = [join(temporary, "results"), join(temporary, "report")];
    for (const words of [["experiment", "counts", "--quick", "--out", results], ["report", results, "--out", out]]) {
      execFileSync(program, words, { stdio: ["ignore", "ignore", "inherit"] });
    }
    const report = await open({ viewport: { width: 1100, height: 900 } }, pathToFileURL(join(out, "report.html")).href);
    for (const variant of ["basic", "simple", "multi", "fast"]) {
      await report.click(`#run-${variant} summary`);
      const frame = report.frameLocator(`#run-${variant} iframe`);
      assert.match(await frame.locator("#status").innerText(), /All processes start/);
      await frame.locator("#step").click();
      assert.doesNotMatch(await frame.locator("#status").innerText(), /All processes start/);
      await frame.locator("#last").click();
      assert.match(await frame.locator("#status").innerText(), /n3 has its answer to c3#1/);
    }
    await picture(report, "report", true);
    await report.context().close();
  });
  await check("no complaint, and no request to anywhere else", async () => assert.deepEqual(complaints, []));
  console.log(`${done} checks`);
} finally {
  await browser.close();
  server.kill("SIGINT");
  rmSync(temporary, { recursive: true, force: true });
}

async function press2(file, ...keys) {
  for (const key of keys) await file.keyboard.press(key);
}
