import { expect, test } from "bun:test";
import { limits, type ProcessorAnnouncement } from "@sate/contracts";
import { acceptAnnouncements } from "../../src/processors/accept.ts";
import type { KnownProcessor } from "../../src/processors/port.ts";

const announcementOf = (name: string, parts: object = {}): ProcessorAnnouncement => {
  return { name, kind: "module", timeout_seconds: 60, ...parts };
};
const knownOf = (name: string, bytes = 50): KnownProcessor => {
  return { announcement: announcementOf(name), bytes, announced_at: 0 };
};
const namesOf = ({ accepted }: ReturnType<typeof acceptAnnouncements>) =>
  accepted.map(({ announcement }) => announcement.name);

test("at the maximum number of names, known ones are accepted and others refused", () => {
  // One more is the simulation, announced or not.
  const known = Array.from({ length: limits.processorsMax - 2 }, (_, index) => knownOf(`p${index}`));
  const decided = acceptAnnouncements(
    ["p0", "new", "simulate", "newer"].map((name) => announcementOf(name)),
    known,
  );
  expect(namesOf(decided)).toEqual(["p0", "new", "simulate"]);
  expect(decided.refused).toEqual(["newer"]);
});

test("at the maximum of bytes, only what does not grow is accepted", () => {
  const { bytes = 0 } = acceptAnnouncements([announcementOf("a")], []).accepted[0] ?? {};
  const known = [knownOf("a", bytes), knownOf("b", limits.processorsBytesMax - bytes)];
  const larger = announcementOf("a", { input_json: '{"type":"object"}' });
  expect(acceptAnnouncements([larger], known).refused).toEqual(["a"]);
  expect(namesOf(acceptAnnouncements([announcementOf("a")], known))).toEqual(["a"]);
  expect(acceptAnnouncements([announcementOf("c")], known).refused).toEqual(["c"]);
  // What another one no longer needs is free.
  expect(namesOf(acceptAnnouncements([announcementOf("b"), larger], known))).toEqual(["b", "a"]);
});

test("the size is that of the JSON, in UTF-8", () => {
  const announcement = announcementOf("a", { input_json: '"é"' });
  const { accepted } = acceptAnnouncements([announcement], []);
  expect(accepted).toEqual([{ announcement, bytes: Buffer.byteLength(JSON.stringify(announcement)) }]);
});

test("of two announcements with one name the last one counts", () => {
  const versions = ["1", "2"].map((version) => announcementOf("a", { version }));
  const { accepted } = acceptAnnouncements(versions, []);
  expect(accepted.map(({ announcement }) => announcement.version)).toEqual(["2"]);
});

test("fields of a later version are dropped, the known ones kept", () => {
  const retry = { tries: 2, first_seconds: 1, max_seconds: 2 };
  const full = announcementOf("a", {
    ...{ version: "1", input_json: "{}", concurrency: 1, max_per_minute: 2, memory_mib: 3, retry },
  });
  const open = { ...full, later: 1, retry: { ...retry, later: 2 }, withdrawn_at: 0 };
  expect(acceptAnnouncements([open], []).accepted[0]?.announcement).toEqual(full);
});
