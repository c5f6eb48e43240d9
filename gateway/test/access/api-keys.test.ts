import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import {
  allows,
  isSameSecret,
  keyOf,
  mayServe,
  newKey,
  readKeys,
  scopes,
} from "../../src/access/api-keys.ts";

const sha256 = (digit: string) => digit.repeat(64);

describe("a list of keys", () => {
  test("is separated by commas or lines, with comments", () => {
    const text = `# of the shop\na:read+submit:${sha256("0")} # Alice\n\n b:admin:${sha256("1")},c:read:${sha256("2")},\r\n`;
    const { keys, problems } = readKeys(text, "API_KEYS");
    expect(problems).toEqual([]);
    expect(keys.map(({ name, scopes }) => [name, scopes.join()])).toEqual([
      ["a", "read,submit"],
      ["b", "admin"],
      ["c", "read"],
    ]);
    expect(readKeys(" ,\n# nobody", "API_KEYS")).toEqual({ keys: [], problems: [] });
  });

  test("reports every invalid entry by its position, without quoting it", () => {
    const wrong = [
      "sate_secret",
      `secret:read:${sha256("0")}:more`,
      `se cret:read:${sha256("0")}`,
      `${"n".repeat(65)}:read:${sha256("0")}`,
      `secret::${sha256("0")}`,
      `secret:write:${sha256("0")}`,
      `secret:read+:${sha256("0")}`,
      "secret:read:secret",
      `secret:read:${sha256("0").slice(1)}`,
      `secret:work::${sha256("0")}`,
      `secret:work:Upper:${sha256("0")}`,
      `secret:work:sate:webhook:${sha256("0")}`,
      `secret:read:secret-processor:${sha256("0")}`,
      `secret:read:${"F".repeat(64)}`,
    ];
    const { keys, problems } = readKeys(wrong.join(","), "API_KEYS");
    expect([keys.length, problems.length]).toEqual([0, wrong.length]);
    for (const [index, problem] of problems.entries()) {
      expect(problem).toMatch(new RegExp(`^API_KEYS: entry ${index + 1} (must|has) .*\\.$`));
      expect(problem).not.toContain("secret");
    }
  });

  test("refuses duplicate names and duplicate keys", () => {
    const twice = readKeys(`a:read:${sha256("0")},a:read:${sha256("1")},b:read:${sha256("0")}`, "F");
    expect(twice.problems).toEqual([
      "F: entry 2 has the same name as another entry.",
      "F: entry 3 has the same key as another entry.",
    ]);
  });

  test("has at most 1,000 keys", () => {
    const list = (count: number) =>
      Array.from({ length: count }, (_, index) => `n${index}:read:${index.toString(16).padStart(64, "0")}`);
    expect(readKeys(list(1_000).join(), "F").problems).toEqual([]);
    expect(readKeys(list(1_001).join(), "F").problems).toEqual(["F: at most 1000 keys are allowed."]);
  });
});

describe("a key", () => {
  test("is random, matches only itself, and is not in its entry", () => {
    const made = ["a", "b", "c"].map((name) => newKey(name, ["read"]));
    const { keys } = readKeys(made.map(({ entry }) => entry).join("\n"), "F");
    for (const [index, { key, entry }] of made.entries()) {
      expect(key).toMatch(/^sate_[\w-]{43}$/);
      expect(entry).not.toContain(key.slice(5));
      expect(keyOf(key, keys)?.name).toBe(keys[index]?.name as string);
      for (const near of [key.slice(0, -1), `${key}a`, key.toUpperCase(), entry, entry.split(":")[2] ?? ""]) {
        expect(keyOf(near, keys)).toBeUndefined();
      }
    }
    expect(keyOf("", keys)).toBeUndefined();
  });

  test("has the scopes that its entry names, and all with admin", () => {
    const scopesOf = (named: string) => {
      const { keys } = readKeys(`a:${named}:${sha256("0")}`, "F");
      return scopes.filter((scope) => keys[0] && allows(keys[0], scope));
    };
    expect(scopesOf("read")).toEqual(["read"]);
    expect(scopesOf("submit")).toEqual(["submit"]);
    expect(scopesOf("read+submit")).toEqual(["read", "submit"]);
    expect(scopesOf("work:a")).toEqual(["work"]);
    expect(scopesOf("admin")).toEqual(["read", "submit", "work", "admin"]);
  });

  test("may serve the processors that its entry names, or all with `work` or `admin`", () => {
    const served = (named: string) => {
      const [key] = readKeys(`a:${named}:${sha256("a")}`, "F").keys;
      return key && ["x", "y.v2", sha256("b")].filter((name) => allows(key, "work") && mayServe(key, name));
    };
    expect(served("work")).toEqual(["x", "y.v2", sha256("b")]);
    expect(served("work:x")).toEqual(["x"]);
    expect(served("read+work:x+work:y.v2")).toEqual(["x", "y.v2"]);
    expect(served(`work:${sha256("b")}`)).toEqual([sha256("b")]);
    expect(served("work:x+work")).toHaveLength(3);
    expect(served("admin+work:x")).toHaveLength(3);
    expect(served("read+submit")).toEqual([]);
    expect(mayServe(undefined, "x")).toBe(true);
  });

  test("is compared in constant time with every entry", () => {
    const source = readFileSync(join(import.meta.dir, "../../src/access/api-keys.ts"), "utf8");
    const body = (name: string) => source.split(`function ${name}(`)[1]?.split("\n}")[0] ?? "";
    expect(body("keyOf")).toContain("timingSafeEqual(");
    expect(body("keyOf")).not.toMatch(/\b(break|find|some|filter)\b/);
    expect(body("isSameSecret")).toContain("timingSafeEqual(");
    const pairs = [
      ["a", "a"],
      ["a", "ab"],
      ["", "a"],
    ] as const;
    expect(pairs.map(([given, wanted]) => isSameSecret(given, wanted))).toEqual([true, false, false]);
  });
});

describe("the command", () => {
  const run = (...args: string[]) => {
    const command = [process.execPath, join(import.meta.dir, "../../src/access/make-key.ts"), ...args];
    const { exitCode, stdout, stderr } = Bun.spawnSync(command, { env: {} });
    return { exitCode, out: stdout.toString(), err: stderr.toString() };
  };

  test("prints the entry on standard output and the key on standard error", () => {
    const { exitCode, out, err } = run("alice", "read+submit");
    const key = /sate_[\w-]{43}/.exec(err)?.[0] ?? "";
    const { keys, problems } = readKeys(out, "F");
    expect([exitCode, problems, keyOf(key, keys)?.name]).toEqual([0, [], "alice"]);
    expect(out).not.toContain("sate_");
  });

  test("prints its usage for wrong arguments, and no key", () => {
    for (const args of [
      [],
      ["alice"],
      ["a b", "read"],
      ["#", "read"],
      ["a", "all"],
      ["a", "work:B"],
      ["a", "read", "b"],
    ]) {
      const { exitCode, out, err } = run(...args);
      expect([args, exitCode, out]).toEqual([args, 64, ""]);
      expect(err).toStartWith("Usage: bun run key NAME SCOPES");
      expect(err).not.toContain("sate_");
    }
  });
});
