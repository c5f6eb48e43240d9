import { expect, test } from "bun:test";
import { topicSpec, topics } from "../contracts/src/records/topics.ts";
import { misspeltSettings } from "../contracts/src/settings/misspelt.ts";
import { Settings as gateway } from "../gateway/src/config.ts";
import { Settings as processor } from "../processor/src/config.ts";
import { Settings as requestsService } from "../requests-service/src/config.ts";
import { Settings as resultsListener } from "../results-listener/src/config.ts";
import { Settings as resultsService } from "../results-service/src/config.ts";
import { Settings as standaloneSettings } from "../standalone/src/config.ts";
import { read } from "./folders.ts";

/** Settings are declared once, in contracts. All other lists of them must have these, with these defaults. */
type Defaults = Record<string, unknown>;
const defaults = ({ properties }: { properties: Record<string, { default?: unknown }> }): Defaults =>
  Object.fromEntries(Object.entries(properties).map(([name, { default: value }]) => [name, value]));
const services: Record<string, Defaults> = {
  gateway: defaults(gateway),
  processor: defaults(processor),
  "requests-service": defaults(requestsService),
  "results-listener": defaults(resultsListener),
  "results-service": defaults(resultsService),
};
const standalone = defaults(standaloneSettings);
const known: Defaults = Object.assign({}, ...Object.values(services));

/** A README's table of settings: the default of each variable. */
function table(path: string): Record<string, string | undefined> {
  const [block = ""] = /^\| variable .*\n(\|.*\n)+/m.exec(read(path)) ?? [];
  const rows = block.replaceAll("`", "").matchAll(/^\| ([A-Z].*?) *\| (.*?) *\|/gm);
  const pairs = [...rows].flatMap(([, names = "", values = ""]) => {
    const each = values.split(", ");
    return names.split(", ").map((name, index) => [name, each[index] ?? values]);
  });
  return Object.fromEntries(pairs);
}

const shown = (value: unknown) => (value === undefined ? "–" : value === "" ? "none" : String(value));

test.each(Object.entries({ ...services, standalone }))(
  "the table of %s's README has every setting with its default",
  (folder, settings) => {
    const rows = Object.entries(settings).map(([name, value]) => [name, shown(value)]);
    expect(table(`${folder}/README.md`)).toEqual(Object.fromEntries(rows));
  },
);

test("the table of the README has settings of the gateway and of standalone, with their defaults", () => {
  const rows = Object.entries(table("README.md"));
  expect(rows.length).toBeGreaterThan(10);
  const all: Defaults = { ...standalone, LOG_LEVEL: "info" };
  for (const [name, value] of rows) expect([name, value]).toEqual([name, shown(all[name])]);
});

type Service = { environment: Record<string, unknown>; stop_grace_period: string };
const compose = Bun.YAML.parse(read("compose.yaml")) as { services: Record<string, Service> };

test.each(Object.entries(services))(
  "compose.yaml passes on exactly the settings of %s, with their defaults, and gives it more time to stop than it takes",
  (service, settings) => {
    const { environment, stop_grace_period } = compose.services[service] as Service;
    const expected = Object.entries(settings).map(([name, value]) => {
      // The folder of processors is mounted; its path in the container is fixed.
      const isFixed = value === undefined || ["HOST", "PORT", "PROCESSORS_DIR"].includes(name);
      return [name, isFixed ? environment[name] : `\${${name}:-${value}}`];
    });
    expect(environment).toEqual(Object.fromEntries(expected));
    expect(environment.PORT).toBe(settings.PORT);
    expect(Number.parseInt(stop_grace_period, 10)).toBeGreaterThan(Number(known.SHUTDOWN_SECONDS));
  },
);

test(".env.example has the variables of compose.yaml, with the defaults of the settings", () => {
  const example = [...read(".env.example").matchAll(/^#?([A-Z_]+)=(.*)$/gm)];
  const variables = [...read("compose.yaml").matchAll(/(?<!\$)\$\{([A-Z_]+)/g)].map(([, name]) => name);
  expect(example.map(([, name]) => name).toSorted()).toEqual([...new Set(variables)].toSorted());
  for (const [, name = "", value] of example)
    expect([name, value]).toEqual([name, String(known[name] ?? "")]);
});

test("each service accepts the settings of all others without a warning", () => {
  const env = Object.fromEntries(Object.keys({ ...known, ...standalone }).map((name) => [name, "x"]));
  for (const settings of [
    gateway,
    processor,
    requestsService,
    resultsListener,
    resultsService,
    standaloneSettings,
  ])
    expect(misspeltSettings(settings, env)).toEqual([]);
});

test("the README of requests-service lists the settings that a topic needs", () => {
  const entries = Object.values(topics).flatMap((topic) => topicSpec(topic).configEntries);
  for (const { name, value } of entries)
    expect(read("requests-service/README.md")).toContain(`${name}=${value}`);
});
