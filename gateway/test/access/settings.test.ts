import { expect, test } from "bun:test";
import { accessProblems, isLoopback, loadAccess } from "../../src/access/settings.ts";

const entry = (name: string, digit: string) => `${name}:read:${digit.repeat(64)}`;

test("without keys only loopback is allowed, unless ALLOW_ANONYMOUS=1", () => {
  for (const HOST of [undefined, "", "127.0.0.1", "localhost", "::1", "127.9.9.9"]) {
    expect(loadAccess({ HOST })).toEqual({ kind: "loaded", keys: [], allowedHosts: new Set() });
  }
  for (const HOST of ["0.0.0.0", "::", "10.0.0.1", "gateway", "127.0.0.1.example.org", "localhost.org"]) {
    expect([HOST, isLoopback(HOST)]).toEqual([HOST, false]);
    expect(accessProblems({ HOST })).toEqual([
      expect.stringMatching(/^HOST .*set API_KEYS .*or ALLOW_ANONYMOUS=1/),
    ]);
    expect(accessProblems({ HOST, ALLOW_ANONYMOUS: "0" })).toHaveLength(1);
    expect(loadAccess({ HOST, ALLOW_ANONYMOUS: "1" })).toEqual({
      kind: "loaded",
      keys: [],
      allowedHosts: "any",
    });
    expect(loadAccess({ HOST, API_KEYS: entry("a", "0") }).kind).toBe("loaded");
  }
});

test("keys are read from API_KEYS or API_KEYS_FILE", () => {
  const files: string[] = [];
  const readFile = (path: string) => {
    files.push(path);
    return `# ours\n${entry("b", "1")}\n`;
  };
  const names = (env: Parameters<typeof loadAccess>[0]) => {
    const loaded = loadAccess(env, readFile);
    return loaded.kind === "loaded" ? loaded.keys.map(({ name }) => name) : loaded.problems;
  };
  expect(names({ API_KEYS: entry("a", "0") })).toEqual(["a"]);
  expect(files).toEqual([]);
  expect(names({ API_KEYS_FILE: "/keys" })).toEqual(["b"]);
  expect(files).toEqual(["/keys"]);
});

test("an unreadable file, or a list without keys, is an error and never open access", () => {
  expect(accessProblems({ API_KEYS_FILE: "/nowhere/secret" })).toEqual([
    "API_KEYS_FILE must be a readable file.",
  ]);
  const loaded = loadAccess({ API_KEYS_FILE: "/keys" }, () => "# none\n");
  expect(loaded.kind).toBe("wrong");
  expect(accessProblems({ API_KEYS: " , ," })).toEqual([expect.stringMatching(/^API_KEYS contains no key/)]);
});

test("an invalid host name is an error even if it has no effect", () => {
  for (const env of [{ ALLOWED_HOSTS: "a%b" }, { PUBLIC_URL: "https://[::1/x" }]) {
    const mistake = [expect.stringMatching(/^ALLOWED_HOSTS and PUBLIC_URL must contain valid/)];
    expect(accessProblems(env)).toEqual(mistake);
    expect(accessProblems({ ...env, API_KEYS: entry("a", "0") })).toEqual(mistake);
  }
});

test("all problems are reported at once", () => {
  const problems = accessProblems({
    HOST: "0.0.0.0",
    API_KEYS: `secret,${entry("a", "0")},${entry("a", "1")}`,
    API_KEYS_FILE: "/nowhere/secret",
    ALLOW_ANONYMOUS: "1",
  });
  expect(problems).toHaveLength(5);
  expect(problems.join()).not.toContain("secret");
});
