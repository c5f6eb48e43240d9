import { expect, test } from "bun:test";
import { topicSpec, topics } from "../contracts/src/records/topics.ts";
import { read } from "./folders.ts";

test("the README tells whoever makes a topic the settings that Sate gives it", () => {
  for (const topic of Object.values(topics))
    for (const { name, value } of topicSpec(topic).configEntries)
      expect(read("README.md")).toContain(`${name}=${value}`);
});
