import { expect, test } from "bun:test";
import { isOpenAddress } from "../src/open-address.ts";

test("only these two addresses are open, whatever the host is", () => {
  for (const origin of ["http://localhost:5004", "http://a", "http://[::1]:1", "https://x.example", ""]) {
    for (const path of ["/live", "/ready"]) expect(isOpenAddress(`${origin}${path}`)).toBe(true);
  }
});

test("nothing else is open that a URL or the router could take for them", () => {
  const paths = [
    "/",
    "/metrics",
    "/live/",
    "/live/x",
    "//live",
    "/LIVE",
    "/live?",
    "/live?/internal/runs/claim",
  ];
  paths.push(
    "/live#",
    "/live#/internal/runs/claim",
    "/live;x",
    "/live\\x",
    "/%6cive",
    "/x/../live",
    "/internal/live",
  );
  paths.push("/live\n", "/internal/runs/claim?/live", "/internal/runs/claim#/live");
  for (const origin of ["http://localhost:5004", "http://a", "http://[", ""]) {
    for (const path of paths)
      expect([origin, path, isOpenAddress(`${origin}${path}`)]).toEqual([origin, path, false]);
  }
  expect(isOpenAddress("http://a?/live")).toBe(false);
  expect(isOpenAddress("http://a#/live")).toBe(false);
});
