// The report in a browser: from disk, on a phone, on paper, in the dark, and as colour-blind people see it. It needs what
// browser.mjs needs.
//
//     node bench/tests/explore/report.mjs REPORT.html [DIR FOR SCREENSHOTS]
import { statSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import assert from "node:assert/strict";
import { blank, launch } from "./chromium.mjs";

const [file, pictures] = process.argv.slice(2);
const browser = await launch("bench/tests/explore/report.mjs");
const complaints = [];
const open = async (options) => {
  const page = await blank(browser, null, complaints, options);
  await page.goto(pathToFileURL(file).href);
  return page;
};
const picture = async (page, name, fullPage = true) => { if (pictures) await page.screenshot({ path: join(pictures, `${name}.png`), fullPage }); };

// The smallest text that is read without zooming, in CSS pixels.
const READABLE = 9.5;
// The colours of Basic, Simple, Multi and Fast Paxos, and of Fast Flexible Paxos, as in bench/src/lab/experiments/chart/palette.rs.
const VARIANTS = ["#E69F00", "#CC79A7", "#0072B2", "#D55E00", "#009E73"];
// The distance of two colours in CIELAB below which two areas side by side look alike.
const APART = 10;
// The width and height in CSS pixels that A4 leaves between margins of 1 cm.
const PAPER = { width: 718, height: 1046 };

let done = 0;
async function check(name, test) {
  await test();
  done += 1;
  console.log(`ok: ${name}`);
}

/// Each text in the page that is smaller than this on the screen.
const tiny = (page, readable) => page.evaluate((readable) => {
  const small = [];
  for (const text of document.querySelectorAll("main figure svg text, p, dt, dd, li, td, th, figcaption, summary, code, h1, h2")) {
    const picture = text.ownerSVGElement;
    if (text.getClientRects().length === 0 || text.closest("dialog")) continue;
    const scale = picture ? picture.getBoundingClientRect().width / picture.viewBox.baseVal.width : 1;
    const size = parseFloat(getComputedStyle(text).fontSize) * scale;
    if (size < readable) small.push(`${text.textContent.trim().slice(0, 40)}: ${size.toFixed(1)} px`);
  }
  return small;
}, readable);

/// Each figure that leaves this paper, or whose parts leave it.
const cut = (page, paper) => page.evaluate((paper) => [...document.querySelectorAll("figure")].flatMap((figure) => {
  const [box, picture] = [figure.getBoundingClientRect(), figure.querySelector("svg").getBoundingClientRect()];
  const faults = [];
  if (picture.left < -1 || picture.right > paper.width + 1) faults.push(`${figure.id} is ${picture.width} wide`);
  if (box.height > paper.height) faults.push(`${figure.id} is ${box.height} high`);
  if (getComputedStyle(figure).breakInside !== "avoid") faults.push(`${figure.id} may be divided`);
  return faults;
}), paper);

/// Each heading that may be divided, or left alone at the end of a page.
const lonely = (page) => page.evaluate(() => [...document.querySelectorAll("h1, h2, h3, dt, .home > p")].filter((heading) => {
  const { breakInside, breakAfter } = getComputedStyle(heading);
  return breakInside !== "avoid" || breakAfter !== "avoid";
}).map((heading) => heading.textContent));

/// The colours of the fills and lines in the figures that are no grey: those that tell series apart.
const colours = (page) => page.evaluate(() => {
  const found = new Set();
  for (const shape of document.querySelectorAll("figure svg [fill], figure svg [stroke]")) {
    for (const colour of [shape.getAttribute("fill"), shape.getAttribute("stroke")]) if (/^#[0-9A-F]{6}$/i.test(colour ?? "")) found.add(colour.toUpperCase());
  }
  return [...found];
});

/// The hatch of the bars of each colour: a name, or nothing.
const bars = (page) => page.evaluate(() => Object.fromEntries([...document.querySelectorAll("figure .series:has(> rect)")].map((bar) => {
  return [bar.getAttribute("fill").toUpperCase(), bar.querySelector(".hatch")?.getAttribute("class") ?? ""];
})));

/// The texts of a column of the facts of `counts`.
const column = (page, nth) => page.locator(`#counts tbody td:nth-child(${nth + 1})`).allTextContents();

/// CIELAB of a colour in sRGB.
function lab([r, g, b]) {
  const linear = [r, g, b].map((part) => part / 255).map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
  const row = (a, b, c, white) => (a * linear[0] + b * linear[1] + c * linear[2]) / white;
  const f = (t) => (t > 216 / 24389 ? Math.cbrt(t) : (24389 / 27 * t + 16) / 116);
  const [x, y, z] = [row(0.4124, 0.3576, 0.1805, 0.9505), row(0.2126, 0.7152, 0.0722, 1), row(0.0193, 0.1192, 0.9505, 1.089)].map(f);
  return [116 * y - 16, 500 * (x - y), 200 * (y - z)];
}

/// How these colours look with a deficiency: the middle of a square of each, in a screenshot.
async function seen(colours, deficiency) {
  const page = await blank(browser, null, complaints, { viewport: { width: 40 * colours.length, height: 40 } });
  await page.setContent(`<body style="margin:0;display:flex">${colours.map((colour) => `<i style="width:40px;height:40px;background:${colour}"></i>`).join("")}</body>`);
  const devtools = await page.context().newCDPSession(page);
  await devtools.send("Emulation.setEmulatedVisionDeficiency", { type: deficiency });
  const shot = (await page.screenshot()).toString("base64");
  await devtools.send("Emulation.setEmulatedVisionDeficiency", { type: "none" });
  const pixels = await page.evaluate(async ([shot, count]) => {
    const image = new Image();
    image.src = `data:image/png;base64,${shot}`;
    await image.decode();
    const canvas = Object.assign(document.createElement("canvas"), { width: image.width, height: image.height });
    const context = canvas.getContext("2d", { willReadFrequently: true });
    context.drawImage(image, 0, 0);
    return Array.from({ length: count }, (_, nth) => [...context.getImageData(40 * nth + 20, 20, 1, 1).data].slice(0, 3));
  }, [shot, colours.length]);
  await page.context().close();
  return pixels;
}

try {
  await check("it is smaller than 3 MB", async () => assert.ok(statSync(file).size < 3_000_000, `${statSync(file).size} bytes`));
  const page = await open({ viewport: { width: 1100, height: 900 } });
  await check("it has figures, and each has a caption with the command that repeats it", async () => {
    const [figures, captions] = [await page.locator("figure svg:visible").count(), await page.locator("figure figcaption code:visible").count() / 2];
    assert.ok(figures > 0 && figures === captions, `${figures} figures, ${captions} captions`);
    await picture(page, "report-desktop");
  });
  await check("a table can be sorted with its headers, by pointer and by keyboard", async () => {
    const section = page.locator("#counts");
    await section.locator("summary").click();
    const [table, before] = [section.locator("table"), await column(page, 1)];
    const values = table.locator("th").nth(1);
    assert.equal(await values.textContent(), "value");
    await values.locator("button").click();
    assert.equal(await values.getAttribute("aria-sort"), "ascending");
    const rising = (await column(page, 1)).filter((value) => value !== "" && !Number.isNaN(Number(value))).map(Number);
    assert.ok(rising.length > 5 && rising.every((value, nth) => nth === 0 || rising[nth - 1] <= value), `${rising}`);
    await page.keyboard.press("Enter");
    assert.equal(await values.getAttribute("aria-sort"), "descending");
    const falling = (await column(page, 1)).filter((value) => value !== "" && !Number.isNaN(Number(value))).map(Number);
    assert.deepEqual(falling, [...falling].sort((one, two) => two - one));
    assert.deepEqual((await column(page, 1)).sort(), before.sort());
  });
  await check("a table can be filtered", async () => {
    const [box, rows] = [page.locator("#counts input[type=search]"), page.locator("#counts tbody tr:visible")];
    const all = await rows.count();
    await box.fill("multi reply");
    const few = await rows.allTextContents();
    assert.ok(few.length > 0 && few.length < all && few.every((row) => /multi/i.test(row) && /reply/i.test(row)), `${few}`);
    assert.equal(await page.locator("#counts .filter output").textContent(), `${few.length} of ${all}`);
    await box.fill("");
    assert.equal(await rows.count(), all);
  });
  await check("a mark shows its value when it is pointed at, and its series when the legend is", async () => {
    const drawing = page.locator("#wan-clients svg.wide");
    const bar = drawing.locator(".series [data-tip]").first();
    await bar.hover();
    const told = await page.locator(".told:visible").textContent();
    // No leader serves every region with Basic Paxos.
    assert.match(told, /^basic\n.*\nlatency \(ms\): [\d.]+$/);
    await drawing.locator(".key").last().hover();
    const [series, keys] = [await drawing.locator(".series").count(), await drawing.locator(".key").count()];
    assert.ok(keys > 1);
    const lit = await drawing.locator(".series:not(.faint)").count();
    assert.ok(lit > 0 && lit < series, `${lit} of ${series}`);
    await page.mouse.move(0, 0);
    assert.equal(await drawing.locator(".faint").count(), 0);
    assert.equal(await page.locator(".told:visible").count(), 0);
  });
  await check("a figure can be enlarged, by pointer and by keyboard", async () => {
    const [dialog, frame] = [page.locator("dialog"), page.locator("#wan-clients .picture")];
    const before = (await frame.boundingBox()).width;
    await frame.click();
    const large = async () => (await dialog.locator("svg").boundingBox()).width;
    assert.ok(await dialog.isVisible() && (await large()) > 1000 && (await large()) > before);
    await page.mouse.move(0, 0);
    assert.equal(await dialog.locator(".faint").count(), 0);
    await picture(page, "report-enlarged", false);
    const whole = await large();
    await page.keyboard.press("+");
    assert.ok((await large()) > whole * 1.2);
    await page.keyboard.press("Escape");
    assert.ok(!(await dialog.isVisible()));
    await page.locator("#wan-clients .enlarge").focus();
    await page.keyboard.press("ArrowRight");
    assert.match(await page.locator(".told:visible").textContent(), /latency \(ms\): /);
    await page.keyboard.press("Enter");
    assert.ok(await dialog.isVisible());
    await page.keyboard.press("ArrowLeft");
    assert.match(await dialog.locator(".told:visible").textContent(), /latency \(ms\): /);
    await page.keyboard.press("Escape");
    assert.ok(!(await dialog.isVisible()));
  });
  await check("without a script it shows all, and no tool that would do nothing", async () => {
    const plain = await open({ viewport: { width: 1100, height: 900 }, javaScriptEnabled: false });
    const count = (what) => plain.locator(what).count();
    assert.equal(await count("figure svg:visible"), await count("figure"));
    assert.equal(await count("button, input, dialog, .step:visible"), 0);
    assert.ok(await count(".run") > 0 && await count(".still svg:visible") === await count(".run"));
    assert.ok(await count("figure svg title") > 50 && await count(".still path.tip:visible") > 20);
    await plain.locator("#counts summary").click();
    assert.ok(await count("#counts tbody tr:visible") > 5);
    await picture(plain, "report-plain");
    await plain.context().close();
  });
  await check("on a phone all text is readable, each figure fits, and an enlarged one shows values", async () => {
    const phone = await open({ viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true });
    const wide = await phone.evaluate(() => document.documentElement.scrollWidth);
    assert.ok(wide <= 390, `${wide} wide`);
    const figures = await phone.evaluate(() => [...document.querySelectorAll("figure")].filter((figure) => {
      const [box, frame] = [figure.querySelector("svg.narrow").getBoundingClientRect(), figure.querySelector(".picture")];
      return box.width === 0 || box.left < 0 || box.right > innerWidth || frame.scrollWidth > frame.clientWidth;
    }).map((figure) => figure.id));
    assert.deepEqual(figures, []);
    assert.deepEqual(await tiny(phone, READABLE), []);
    await picture(phone, "report-phone");
    await phone.locator("#wan-clients .picture").tap();
    await phone.locator("dialog .series [data-tip]").first().tap();
    assert.match(await phone.locator("dialog .told:visible").textContent(), /latency \(ms\): /);
    await picture(phone, "report-phone-enlarged", false);
    await phone.context().close();
  });
  await check("on paper no figure is cut, no heading is alone, and the runs are drawn", async () => {
    const paper = await open({ viewport: PAPER });
    await paper.emulateMedia({ media: "print" });
    assert.deepEqual(await cut(paper, PAPER), []);
    assert.deepEqual(await lonely(paper), []);
    const [runs, steps] = [await paper.locator(".still svg:visible").count(), await paper.locator("iframe:visible, button:visible, input:visible").count()];
    assert.ok(runs > 0 && runs === await paper.locator(".run").count() && steps === 0, `${runs} runs, ${steps} tools`);
    await picture(paper, "report-print");
    const pdf = await paper.pdf({ format: "A4", margin: { top: "1cm", right: "1cm", bottom: "1cm", left: "1cm" }, ...(pictures ? { path: join(pictures, "report.pdf") } : {}) });
    assert.ok(pdf.length > 10_000);
    await paper.context().close();
  });
  await check("in the dark", async () => {
    const dark = await open({ viewport: { width: 1100, height: 900 }, colorScheme: "dark" });
    const [ink, paper] = await dark.evaluate(() => [getComputedStyle(document.querySelector("figure svg")).color, getComputedStyle(document.body).backgroundColor]);
    const light = (colour) => lab(colour.match(/\d+/g).map(Number))[0];
    assert.ok(light(ink) - light(paper) > 60, `${ink} on ${paper}`);
    await picture(dark, "report-dark");
    await dark.context().close();
  });
  const used = await colours(page);
  for (const deficiency of ["none", "deuteranopia", "protanopia", "tritanopia"]) {
    await check(`the colours of the variants differ: ${deficiency}`, async () => {
      assert.ok(VARIANTS.every((one) => used.includes(one)), `${VARIANTS} are not all in ${used}`);
      const all = (await seen(VARIANTS, deficiency)).map(lab);
      for (const [nth, one] of all.entries()) {
        for (const [other, two] of all.entries()) {
          const apart = Math.hypot(...one.map((part, axis) => part - two[axis]));
          assert.ok(other <= nth || apart > APART, `${VARIANTS[nth]} and ${VARIANTS[other]}: ${apart.toFixed(1)}`);
        }
      }
      if (pictures) {
        const devtools = await page.context().newCDPSession(page);
        await devtools.send("Emulation.setEmulatedVisionDeficiency", { type: deficiency });
        await picture(page, `report-${deficiency}`);
        await devtools.send("Emulation.setEmulatedVisionDeficiency", { type: "none" });
      }
    });
  }
  await check("in grey print the bars of the variants differ in lightness or in hatches", async () => {
    const hatches = await bars(page);
    const grey = (await seen(VARIANTS, "achromatopsia")).map(lab);
    const drawn = VARIANTS.map((colour, nth) => ({ colour, light: grey[nth][0], hatch: hatches[colour] })).filter((bar) => bar.hatch !== undefined);
    assert.ok(drawn.length >= 4, `bars of ${drawn.map((bar) => bar.colour)}`);
    for (const [nth, one] of drawn.entries()) {
      for (const two of drawn.slice(nth + 1)) {
        assert.ok(one.hatch !== two.hatch || Math.abs(one.light - two.light) > 1.5 * APART, `${one.colour} and ${two.colour}: ${one.light} and ${two.light}`);
      }
    }
    if (pictures) {
      const devtools = await page.context().newCDPSession(page);
      await devtools.send("Emulation.setEmulatedVisionDeficiency", { type: "achromatopsia" });
      await picture(page, "report-achromatopsia");
      await devtools.send("Emulation.setEmulatedVisionDeficiency", { type: "none" });
    }
  });
  await check("no complaint, and no request to anywhere", async () => assert.deepEqual(complaints, []));
  console.log(`${done} checks`);
} finally {
  await browser.close();
}
