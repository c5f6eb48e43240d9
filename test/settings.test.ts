import { expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { kafkaSettings } from "../contracts/src/settings/kafka.ts";
import { read, root, services } from "./folders.ts";

/** Settings are declared once, in contracts; what else lists them lists these, with these defaults. */
const names = Object.keys(kafkaSettings).toSorted();
const optional = Object.entries<{ default?: string }>(kafkaSettings).filter(
  ([, setting]) => "default" in setting,
);
const named = (text: string) => [...new Set(text.match(/\bKAFKA_[A-Z]+(_[A-Z]+)*/g))].toSorted();

test("compose.yaml hands on every setting of the Kafka connection, with its default", () => {
  const compose = read("compose.yaml");
  const block = /^x-kafka: &kafka\n((?: .*\n)+)/m.exec(compose)?.[1] ?? "";
  expect(named(block)).toEqual(names);
  for (const [name, setting] of optional)
    expect(block).toContain(`  ${name}: \${${name}:-${setting.default}}\n`);
});

test(".env.example has those that compose.yaml lets somebody set, with their defaults", () => {
  const example = read(".env.example");
  expect(named(example)).toEqual(optional.map(([name]) => name).toSorted());
  for (const [name, setting] of optional) expect(example).toContain(`#${name}=${setting.default}\n`);
});

for (const service of services.filter((each) => existsSync(join(root, each, "src/adapters/kafka")))) {
  test(`the table of ${service}'s README has every setting of the Kafka connection`, () => {
    const rows = read(`${service}/README.md`).match(/^\| `KAFKA_.*$/gm) ?? [];
    expect(named(rows.join("\n"))).toEqual(names);
  });
}
