import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { until } from "@sate/contracts/test/until.ts";
import { type Browser, chromium, type Page } from "playwright-core";
import { type TestGateway, testGateway } from "../support/gateway.ts";
import { listen } from "../support/listen.ts";
import { freePort, nginxPath, startNginx } from "../support/nginx.ts";

/** The API reference as a browser shows it. */

const executablePath = Bun.which("chromium") ?? Bun.which("chromium-browser") ?? Bun.which("google-chrome");
const startMs = 60_000;

const gateway = testGateway();
let behind: TestGateway;
let browser: Browser;
let nginx: Awaited<ReturnType<typeof startNginx>>;
let direct: string;
beforeAll(async () => {
  direct = `http://127.0.0.1:${listen(gateway)}`;
  if (!executablePath || !nginxPath) return;
  const upstream = await freePort();
  nginx = await startNginx(upstream);
  behind = testGateway({ publicUrl: `${nginx.origin}/sate` });
  listen(behind, upstream);
  browser = await chromium.launch({ executablePath, args: ["--no-sandbox"], timeout: startMs });
}, startMs);
afterAll(async () => {
  await browser?.close();
  await nginx?.stop();
  await gateway.app.server?.stop(true);
  await behind?.app.server?.stop(true);
});

/** A page, all URLs that it requests, and the errors of its policy and scripts. */
async function openPage(): Promise<{ page: Page; urls: string[]; faults: string[] }> {
  const page = await browser.newPage();
  const urls: string[] = [];
  const faults: string[] = [];
  page.on("request", (request) => void urls.push(request.url()));
  page.on("requestfailed", (request) => void faults.push(`failed: ${request.url()}`));
  page.on("pageerror", (error) => void faults.push(error.message));
  page.on("console", (message) => {
    if (message.type() === "error" || message.text().startsWith("policy:")) faults.push(message.text());
  });
  // As text: these run in the browser, whose globals this project does not have.
  await page.addInitScript(`document.addEventListener("securitypolicyviolation", (event) =>
    console.log("policy: " + event.effectiveDirective + " " + event.blockedURI))`);
  return { page, urls, faults };
}

describe.skipIf(!executablePath || !nginxPath).each([
  ["directly", () => ({ address: direct, asked: gateway })],
  ["behind a prefix", () => ({ address: `${nginx.origin}/sate`, asked: behind })],
] as const)("%s", (_, place) => {
  test("the page shows, expands and tries a route, and loads nothing from elsewhere", async () => {
    const { address, asked } = place();
    const { page, urls, faults } = await openPage();
    await page.goto(`${address}/swagger`);
    const operation = page.locator("#operations-requests-createRequest");
    await operation.locator("button.opblock-summary-control").click();
    await operation.getByText("Stores the request durably").waitFor();
    await operation.getByRole("button", { name: "Try it out" }).click();
    const before = asked.requests.requests.size;
    await operation.getByRole("button", { name: "Execute", exact: true }).click();
    await operation.locator(".live-responses-table .response-col_status", { hasText: "201" }).waitFor();
    expect(asked.requests.requests.size).toBe(before + 1);
    expect(faults).toEqual([]);
    expect(urls).toContain(`${address}/swagger/json`);
    for (const url of urls.filter((one) => !one.startsWith("data:"))) expect(url).toStartWith(address);
    await page.close();
  }, 60_000);
});

test.skipIf(!executablePath || !nginxPath)(
  "an inline script is blocked by the policy, and this test sees it",
  async () => {
    const { page, faults } = await openPage();
    await page.goto(`${direct}/swagger`);
    await page.evaluate(`{
    const script = document.createElement("script");
    script.textContent = "document.title = 'mine'";
    document.body.append(script);
  }`);
    await until("it is seen", () => faults.some((fault) => fault.startsWith("policy: script-src")));
    expect(await page.title()).toBe("Sate: API reference");
    await page.close();
  },
  60_000,
);

test("the page has no inline script, and its policy allows only the server's", async () => {
  const { headers, text } = await gateway.get("/swagger");
  expect(headers.get("content-security-policy")).toStartWith("default-src 'none'; script-src 'self';");
  expect(headers.get("content-security-policy")).not.toContain("unsafe");
  for (const [script] of text.matchAll(/<script[\s\S]*?<\/script>/g)) {
    expect(script).toMatch(/^<script src="swagger\/[\w.-]+"><\/script>$/);
  }
  for (const [, path] of text.matchAll(/(?:src|href)="(swagger[^"]*)"/g)) {
    const answer = await gateway.get(`/${path}`);
    expect([path, answer.status, answer.text.length > 50]).toEqual([path, 200, true]);
  }
});

test("/swagger/ leads to the page, whatever prefix is before it", async () => {
  const { status, headers } = await gateway.get("/swagger/");
  expect([status, headers.get("location")]).toEqual([308, "../swagger"]);
  for (const path of ["/swagger", "/swagger/"]) {
    const answer = await fetch(`${direct}${path}`);
    expect([answer.status, answer.url]).toEqual([200, `${direct}/swagger`]);
  }
});
