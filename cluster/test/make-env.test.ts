import { afterAll, expect, test } from "bun:test";
import { linkSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { composeFile } from "../src/compose/compose.ts";
import { completed, secretsOf } from "../src/env/env-file.ts";

const template = readFileSync(join(dirname(composeFile), ".env.example"), "utf8");
const folder = mkdtempSync(join(tmpdir(), "sate-env-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test("the template names exactly the variables that compose.yaml requires, without a value", () => {
  const required = [...readFileSync(composeFile, "utf8").matchAll(/\$\{([A-Z_]+):\?/g)].map(
    ([, name]) => name,
  );
  // The first key is made as well; but who wants none may say so.
  expect(secretsOf(template).sort()).toEqual(["API_KEYS", ...new Set(required)].sort() as string[]);
});

test("the template's settings have the defaults of compose.yaml", () => {
  const defaults = [...readFileSync(composeFile, "utf8").matchAll(/\$\{([A-Z0-9_]+):-([^}]*)\}/g)];
  const settings = new Map(
    [...template.matchAll(/^#?([A-Z0-9_]+)=(.*)$/gm)].map(([, name, value]) => [name, value]),
  );
  for (const name of secretsOf(template)) if (name !== "API_KEYS") settings.delete(name);
  expect(settings).toEqual(new Map(defaults.map(([, name, value]) => [name, value])));
});

test("the command writes a file for its owner only, with secrets that differ, and leaves it alone after that", () => {
  const target = join(folder, ".env");
  const run = () =>
    Bun.spawnSync([process.execPath, join(import.meta.dir, "../src/env/make-env.ts"), target]);
  const first = run();
  expect(first.exitCode).toBe(0);
  const text = readFileSync(target, "utf8");
  const shown = first.stderr.toString();
  const [, hash = ""] = /^API_KEYS=first:read\+submit:([0-9a-f]{64})$/m.exec(text) ?? [];
  const [key = ""] = /sate_[\w-]{43}/.exec(shown) ?? [];
  expect(new Bun.CryptoHasher("sha256").update(key).digest("hex")).toBe(hash);
  expect(text).not.toContain(key);
  const names = secretsOf(template).filter((name) => name !== "API_KEYS");
  const secrets = names.map((name) => new RegExp(`^${name}=([0-9a-f]{64})$`, "m").exec(text)?.[1]);
  expect(secrets).not.toContain(undefined);
  expect(new Set(secrets).size).toBe(secrets.length);
  expect(statSync(target).mode & 0o777).toBe(0o600);
  expect(run().exitCode).toBe(0);
  expect(readFileSync(target, "utf8")).toBe(text);
});

test("an older file is replaced as a whole, never rewritten in place, and is for its owner only afterwards", () => {
  const own = mkdtempSync(join(folder, "older-"));
  const target = join(own, ".env");
  writeFileSync(target, "SERVICE_TOKEN=mine\n", { mode: 0o644 });
  linkSync(target, join(own, "as-it-was"));
  const command = [process.execPath, join(import.meta.dir, "../src/env/make-env.ts"), target];
  expect(Bun.spawnSync(command).exitCode).toBe(0);
  expect(readFileSync(join(own, "as-it-was"), "utf8")).toBe("SERVICE_TOKEN=mine\n");
  expect(readFileSync(target, "utf8")).toStartWith("SERVICE_TOKEN=mine\n\nREQUESTS_DB_ROOT_PASSWORD=");
  expect(statSync(target).mode & 0o777).toBe(0o600);
  expect(readdirSync(own).sort()).toEqual([".env", "as-it-was"]);
});

test("whoever has said who may come in gets no key", () => {
  const rest = secretsOf(template).flatMap((name) => (name === "API_KEYS" ? [] : [`${name}=x\n`]));
  for (const said of ["API_KEYS=a", "API_KEYS_FILE=/keys", "ALLOW_ANONYMOUS=1"]) {
    expect(completed(template, `${rest.join("")}${said}\n`, () => "new")).toBeUndefined();
  }
  for (const said of ["", "API_KEYS=", "ALLOW_ANONYMOUS=0", "#API_KEYS=a"]) {
    expect(completed(template, `${rest.join("")}${said}\n`, () => "new")).toEndWith("\n\nAPI_KEYS=new\n");
  }
});

test("a file that lacks something keeps what it has", () => {
  const before = "SERVICE_TOKEN=mine\nREQUESTS_DB_ROOT_PASSWORD=\n";
  const after = completed(template, before, () => "new");
  expect(after).toStartWith(before);
  expect(after).toContain("\nRESULTS_SERVICE_DB_PASSWORD=new\n");
  expect(after?.match(/SERVICE_TOKEN/g)).toHaveLength(1);
});
