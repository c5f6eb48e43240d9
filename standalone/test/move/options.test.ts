import { expect, test } from "bun:test";
import { nameOf, readOptions } from "../../src/move/command/options.ts";

const env = {
  SATE_API_KEY: "a key",
  REQUESTS_MONGO_URL: "mongodb://u:secret@a/requests",
  RESULTS_MONGO_URL: "mongodb://b/results",
};

test("everything can come from the environment, and arguments come first", () => {
  const options = {
    from: "http://127.0.0.1:5003",
    key: "a key",
    requestsUrl: "mongodb://u:secret@a/requests",
    resultsUrl: "mongodb://b/results",
    copyOnly: false,
  };
  expect(readOptions([], env)).toEqual({ kind: "options", options });
  const args = [
    "--from",
    "https://old.example/",
    "--key",
    "k",
    "--requests-db",
    "mongodb://c/d",
    "--copy-only",
  ];
  const given = { from: "https://old.example", key: "k", requestsUrl: "mongodb://c/d", copyOnly: true };
  expect(readOptions(args, env)).toEqual({ kind: "options", options: { ...options, ...given } });
});

test("what is missing, wrong or unknown is named, without values", () => {
  const problemOf = (args: string[], from = {}) => {
    const read = readOptions(args, from);
    return read.kind === "wrong" ? read.problem : read.kind;
  };
  expect(problemOf([])).toMatch(
    /^--requests-db or REQUESTS_MONGO_URL must be .*\n--results-db or RESULTS_MONGO_URL must be /,
  );
  expect(problemOf(["--requests-db", "mongodb://u:secret@a"], env)).not.toContain("secret");
  expect(problemOf(["--from", "nowhere"], env)).toBe("--from must be an address, http://host:port.");
  expect(problemOf(["--form", "x"], env)).toContain("'--form'");
  expect(problemOf(["x"], env)).toContain("'x'");
  expect(problemOf(["--help"])).toBe("help");
});

test("the name of a database has no user, password or options", () => {
  expect(nameOf("mongodb://u:secret@a:1,b:2/requests?authSource=x")).toBe("mongodb://a:1,b:2/requests");
});
