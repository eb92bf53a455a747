// What the tests in a browser have in common: Chromium without a network, and a page whose complaints are kept.
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

const places = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
const flags = [
  "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync",
];

// Chromium crashes at its start now and then.
const attempts = 4;

/// Starts Chromium, or says that the test is skipped and ends.
export async function launch(test) {
  const chromium = process.env.CHROMIUM || places.find((path) => existsSync(path));
  let playwright = null;
  try {
    playwright = createRequire(join(process.cwd(), "package.json"))("playwright-core");
  } catch {
    // It is reported below.
  }
  if (!playwright || !chromium) {
    console.log(`skipped: ${test} needs ${playwright ? "Chromium" : "playwright-core"}`);
    process.exit(0);
  }
  for (let attempt = 1; attempt <= attempts; attempt += 1) {
    try {
      return await playwright.chromium.launch({ executablePath: chromium, args: flags, timeout: 10000 });
    } catch (error) {
      console.log(`Chromium did not start (attempt ${attempt} of ${attempts}): ${error.message.split("\n", 1)[0]}`);
    }
  }
  // It says nothing about the pages.
  console.log(`skipped: ${test} needs a Chromium that starts`);
  process.exit(0);
}

/// A new page. Errors, warnings, and requests to anywhere but `home` are added to the complaints.
export async function blank(browser, home, complaints, options) {
  const context = await browser.newContext({ acceptDownloads: true, ...options });
  context.setDefaultTimeout(15000);
  const page = await context.newPage();
  page.on("console", (message) => { if (message.type() === "error" || message.type() === "warning") complaints.push(message.text()); });
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("request", (request) => {
    const asked = request.url();
    if (!(home && asked.startsWith(home)) && !/^(data|blob|file|about):/.test(asked)) complaints.push(`asked ${asked}`);
  });
  return page;
}
