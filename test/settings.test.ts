import { describe, expect, test } from "bun:test";
import { misspeltSettings } from "../contracts/src/settings/misspelt.ts";
import { Settings as gateway } from "../gateway/src/config.ts";
import { Settings as processor } from "../processor/src/config.ts";
import { Settings as requestsService } from "../requests-service/src/config.ts";
import { Settings as resultsListener } from "../results-listener/src/config.ts";
import { Settings as resultsService } from "../results-service/src/config.ts";
import { Settings as standalone } from "../standalone/src/config.ts";
import { read } from "./folders.ts";

/** Settings are declared once, in contracts; whatever else lists them must list these, with these defaults. */
type Schema = { properties: Record<string, { default?: unknown }> };
const services: Record<string, Schema> = {
  gateway,
  processor,
  "requests-service": requestsService,
  "results-listener": resultsListener,
  "results-service": resultsService,
};
const defaults = (settings: Schema) =>
  Object.fromEntries(Object.entries(settings.properties).map(([name, { default: value }]) => [name, value]));
const known: Record<string, unknown> = Object.assign({}, ...Object.values(services).map(defaults));

/** A README's table of settings: the default of each variable. */
function table(path: string): Record<string, string | undefined> {
  const [block = ""] = /^\| variable .*\n(\|.*\n)+/m.exec(read(path)) ?? [];
  const rows = block.matchAll(/^\| (`.*?`) *\| (.*?) *\|/gm);
  const pairs = [...rows].flatMap(([, names = "", values = ""]) => {
    const each = values.split(", ");
    return names
      .split(", ")
      .map((name, index) => [name.replaceAll("`", ""), (each[index] ?? values).replaceAll("`", "")]);
  });
  return Object.fromEntries(pairs);
}

const shown = (value: unknown) => (value === undefined ? "–" : value === "" ? "none" : String(value));

for (const [folder, settings] of Object.entries({ ...services, standalone })) {
  test(`the table of ${folder}'s README has every setting with its default`, () => {
    const wanted = Object.entries(defaults(settings)).map(([name, value]) => [name, shown(value)]);
    expect(table(`${folder}/README.md`)).toEqual(Object.fromEntries(wanted));
  });
}

test("the table of the README has settings of the gateway and of standalone, with their defaults", () => {
  const rows = table("README.md");
  expect(Object.keys(rows).length).toBeGreaterThan(10);
  const all = { ...defaults(standalone), LOG_LEVEL: "info" };
  for (const [name, value] of Object.entries(rows)) {
    expect([name, value]).toEqual([name, shown(all[name as keyof typeof all])]);
  }
});

type Compose = {
  services: Record<string, { environment: Record<string, unknown>; stop_grace_period: string }>;
};
const compose = Bun.YAML.parse(read("compose.yaml")) as Compose;
/** `NAME: ${NAME:-default}`: what somebody may set in .env. */
const open = /(?<!\$)\$\{([A-Z_]+)(?::-([^}]*))?/g;

for (const [service, settings] of Object.entries(services)) {
  describe(`compose.yaml, ${service}`, () => {
    const { environment, stop_grace_period } = compose.services[service] as Compose["services"][string];

    test("sets every setting, and nothing else", () => {
      expect(Object.keys(environment).toSorted()).toEqual(Object.keys(settings.properties).toSorted());
    });

    test("hands on each that has a default, with this default; the port is fixed", () => {
      for (const [name, value] of Object.entries(defaults(settings))) {
        if (value === undefined || name === "HOST") continue;
        const wanted = name === "PORT" ? String(value) : `\${${name}:-${value}}`;
        expect([name, String(environment[name])]).toEqual([name, wanted]);
      }
    });

    test("gives it more time to stop than it takes by default", () => {
      expect(Number.parseInt(stop_grace_period, 10)).toBeGreaterThan(Number(known.SHUTDOWN_SECONDS));
    });
  });
}

test(".env.example has what compose.yaml lets somebody set, settings with their defaults", () => {
  const example = Object.fromEntries(
    [...read(".env.example").matchAll(/^#?([A-Z_]+)=(.*)$/gm)].map(([, name = "", value = ""]) => [
      name,
      value,
    ]),
  );
  const variables = [...read("compose.yaml").matchAll(open)].map(([, name = ""]) => name);
  expect(Object.keys(example).toSorted()).toEqual([...new Set(variables)].toSorted());
  for (const [name, value] of Object.entries(example)) {
    expect([name, value]).toEqual([name, String(known[name] ?? "")]);
  }
});

test("every service may get the settings of all others without a warning", () => {
  const everything = { ...known, ...defaults(standalone) };
  const env = Object.fromEntries(Object.keys(everything).map((name) => [name, "x"]));
  for (const settings of [...Object.values(services), standalone]) {
    expect(misspeltSettings(settings, env)).toEqual([]);
  }
});
