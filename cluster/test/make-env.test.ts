import { afterAll, expect, test } from "bun:test";
import { linkSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { composeFile } from "../src/compose/compose.ts";

const folder = mkdtempSync(join(tmpdir(), "sate-env-"));
const target = join(folder, ".env");
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Runs the command, and returns the file and what it has printed. */
function make(existing?: string) {
  if (existing !== undefined) writeFileSync(target, existing, { mode: 0o644 });
  const command = [process.execPath, join(import.meta.dir, "../src/env/make-env.ts"), target];
  const { exitCode, stderr } = Bun.spawnSync(command);
  expect(exitCode).toBe(0);
  return { text: readFileSync(target, "utf8"), shown: stderr.toString() };
}

const required = new Set(
  [...readFileSync(composeFile, "utf8").matchAll(/\$\{([A-Z_]+):\?/g)].map(([, name = ""]) => name),
);
const secretsIn = (text: string) =>
  new Map(
    [...text.matchAll(/^([A-Z_]+)=([0-9a-f]{64})$/gm)].map(([, name = "", secret = ""]) => [name, secret]),
  );

test("a new file has a different secret for each variable that compose.yaml requires, is for its owner only, and stays", () => {
  const { text, shown } = make();
  const secrets = secretsIn(text);
  expect([...secrets.keys()].sort()).toEqual([...required].sort());
  expect(new Set(secrets.values()).size).toBe(required.size);
  expect(statSync(target).mode & 0o777).toBe(0o600);
  const [, hash = ""] = /^API_KEYS=first:read\+submit:([0-9a-f]{64})$/m.exec(text) ?? [];
  const [key = ""] = /sate_[\w-]{43}/.exec(shown) ?? [];
  expect(new Bun.CryptoHasher("sha256").update(key).digest("hex")).toBe(hash);
  expect(text).not.toContain(key);
  expect(make().text).toBe(text);
});

test("an older file keeps what it has, and is replaced as a whole, never rewritten in place", () => {
  const before = "SERVICE_TOKEN=mine\nREQUESTS_DB_ROOT_PASSWORD=\n";
  rmSync(target);
  writeFileSync(target, before, { mode: 0o644 });
  linkSync(target, join(folder, "as-it-was"));
  const { text } = make();
  expect(readFileSync(join(folder, "as-it-was"), "utf8")).toBe(before);
  expect(text).toStartWith(`${before}\nREQUESTS_DB_ROOT_PASSWORD=`);
  expect([...secretsIn(text).keys(), "SERVICE_TOKEN"].sort()).toEqual([...required].sort());
  expect(text.match(/SERVICE_TOKEN/g)).toHaveLength(1);
  expect(statSync(target).mode & 0o777).toBe(0o600);
  expect(readdirSync(folder).sort()).toEqual([".env", "as-it-was"]);
});

test.each([
  ["API_KEYS=a", false],
  ["API_KEYS_FILE=/keys", false],
  ["ALLOW_ANONYMOUS=1", false],
  ["API_KEYS=", true],
  ["ALLOW_ANONYMOUS=0", true],
  ["#API_KEYS=a", true],
])("a file with %s gets a first key: %p", (access, getsKey) => {
  const existing = `${[...required].map((name) => `${name}=x\n`).join("")}${access}\n`;
  const { text } = make(existing);
  expect(text.replace(/\n\nAPI_KEYS=first:.*\n$/, "\n")).toBe(existing);
  expect(text !== existing).toBe(getsKey);
});
