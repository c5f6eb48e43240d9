import { expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { contracts, folders, read, root, services, standalone } from "./folders.ts";

/**
 * Services share no code but contracts, so a little is repeated in each. What is repeated is the same to the
 * letter: a fault that is mended in one is mended in all.
 */
const twins = [
  "src/adapters/client-http.ts",
  "src/adapters/consumer-kafka.ts",
  "src/adapters/group-commit.ts",
  "src/adapters/kafka-client.ts",
  "src/adapters/kafka-security.ts",
  "src/adapters/publisher-kafka.ts",
  "src/counters.ts",
  "src/environment.ts",
  "src/failpoint.ts",
  "src/gather.ts",
  "src/health.ts",
  "src/in-time.ts",
  "src/log.ts",
  "src/loop.ts",
  "src/open-address.ts",
  "src/process.ts",
  "src/refused.ts",
  "src/routes/commands.ts",
  "src/routes/health.ts",
  "test/any-json.ts",
  "test/conformance/publisher.ts",
  "test/conformance/consumer.ts",
  "test/open-address.test.ts",
  "test/servers.ts",
  "bunfig.toml",
  "tsconfig.json",
];

/**
 * Where not every folder has its copy: the doors of services that are asked by others, and of those that only say how
 * they are (the gateway has its own); the patches, wherever the patched is used.
 */
const partTwins: [path: string, folders: string[]][] = [
  ["src/app.ts", ["requests-service", "results-service"]],
  ["src/app.ts", ["processor", "results-listener"]],
  ...["kafkajs@2.2.4", "mongodb@7.9.0"].map((patched): [string, string[]] => [
    `patches/${patched}.patch`,
    folders.filter((folder) => read(`${folder}/package.json`).includes(`"${patched.split("@")[0]}"`)),
  ]),
];

for (const [path, owners] of partTwins) {
  test(`${path} is the same in ${owners.join(", ")}`, () => {
    const texts = new Set(owners.map((folder) => read(`${folder}/${path}`)));
    expect(texts.size).toBe(1);
  });
}

for (const path of twins) {
  test(`${path} is the same in every service that has it`, () => {
    const copies = [contracts, ...services, standalone].filter((folder) =>
      existsSync(join(root, folder, path)),
    );
    expect(copies.length).toBeGreaterThan(0);
    const texts = new Set(copies.map((folder) => read(`${folder}/${path}`)));
    expect(texts.size).toBe(1);
  });
}
