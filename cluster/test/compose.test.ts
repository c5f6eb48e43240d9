import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { composeFile } from "../src/compose/compose.ts";

const text = readFileSync(composeFile, "utf8");
// biome-ignore lint/suspicious/noExplicitAny: the tests assert the shape of what they read
const { services, networks } = Bun.YAML.parse(text) as any;
const names = Object.keys(services);
const own = names.filter((name) => services[name].build);
const servers = names.filter((name) => services[name].image);
const databases = ["requests-db", "results-db"];
const processors = ["processor", "processor-examples"];
/** The folders of processors, by service. */
const processorFolders = {
  processor: `\${PROCESSORS_DIR:-./processors}:/processors:ro`,
  "processor-examples": "./examples:/processors:ro",
};
const usersScript = "./cluster/mongo/users.js:/docker-entrypoint-initdb.d/users.js:ro";
const meet = (one: string, other: string) =>
  services[one].networks.some((network: string) => services[other].networks.includes(network));
const environmentOf = (name: string): [string, string][] =>
  Object.entries(services[name].environment ?? {}).map(([variable, value]) => [variable, `${value}`]);
/** With the passwords named after their variables. */
const named = (value: string) => value.replace(/\$\{([A-Z_]+):\?[^}]*\}/g, "<$1>");

describe("compose.yaml", () => {
  test.each(names)("%s has no more rights than it needs, and limits on memory and processes", (name) => {
    const service = services[name];
    expect(service).toMatchObject({
      cap_drop: ["ALL"],
      security_opt: ["no-new-privileges:true"],
      restart: "unless-stopped",
    });
    expect(service.mem_limit).toMatch(/^\d+m$/);
    expect(service.pids_limit).toBeGreaterThan(0);
    const host = ["network_mode", "pid", "ipc", "devices", "userns_mode", "extra_hosts", "container_name"];
    for (const rule of ["privileged", "cap_add", ...host])
      expect([rule, service[rule]]).toEqual([rule, undefined]);
    if (own.includes(name)) expect(service.user).toBe("bun");
    else expect(service.image).toMatch(/^[a-z/]+:v?\d+\.\d+\.\d+$/);
    // rpk writes its settings into Redpanda's container.
    expect(service.read_only).toBe(name === "redpanda" ? undefined : true);
  });

  test("publishes the gateway, and the console to this machine only", () => {
    const published = names.flatMap((name) => services[name].ports ?? []);
    expect(published.sort()).toEqual(["127.0.0.1:8080:8080", "5003:5003"]);
  });

  test.each(databases)(
    "%s requires authentication, does not run as root, and writes only its data",
    (name) => {
      const { command, user, volumes } = services[name];
      expect(command).toContain("--auth");
      expect(user).toBe("999:999");
      expect(volumes).toEqual([`${name}:/data/db`, `${name}-config:/data/configdb`, usersScript]);
    },
  );

  test("mounts nothing of the host but processors and one script, read-only, and not Docker's socket", () => {
    const mounted = own.filter((name) => services[name].volumes);
    expect(Object.fromEntries(mounted.map((name) => [name, ...services[name].volumes]))).toEqual(
      processorFolders,
    );
    const mounts = servers.flatMap((name) => services[name].volumes ?? []);
    expect(new Set(mounts.filter((mount: string) => /^[./~$]/.test(mount)))).toEqual(new Set([usersScript]));
  });

  test("runs two sets of processors, each from its own folder, in a consumer group of its own", () => {
    const of = (variable: string) => processors.map((name) => services[name].environment[variable]);
    expect(of("PROCESSORS_DIR")).toEqual(["/processors", "/processors"]);
    expect(of("PROCESSOR_GROUP")).toEqual([`\${PROCESSOR_GROUP:-processor}`, "examples"]);
    // Only the set that a user asks for, and nothing else, has a profile.
    const profiles = names.flatMap(
      (name) => services[name].profiles?.map((each: string) => [name, each]) ?? [],
    );
    expect(profiles).toEqual([["processor-examples", "examples"]]);
  });

  test.each(processors)("gives the children of %s memory to write to, and room for processes", (name) => {
    const { tmpfs, mem_limit, pids_limit } = services[name];
    expect(tmpfs).toEqual([expect.stringMatching(/^\/tmp:size=\d+m$/)]);
    const mebibytes = (text: string) => Number(/(\d+)m$/.exec(text)?.[1]);
    // What they write counts as memory of the container.
    expect(mebibytes(tmpfs[0])).toBeLessThan(mebibytes(mem_limit) / 2);
    // A process of Bun has about twenty threads, and there are as many children as runs at once.
    expect(pids_limit).toBeGreaterThan(20 * (Number(/\d+/.exec(services[name].environment.CONCURRENCY)) + 2));
  });

  test("contains no password, and shows none in a command or health check", () => {
    const secrets = [...text.matchAll(/\$\{[A-Z_]*(?:PASSWORD|TOKEN|SECRET)[A-Z_]*([^}]*)\}/g)];
    expect(secrets.length).toBeGreaterThan(5);
    // Empty by default: the credentials of a broker of one's own.
    for (const [, rest] of secrets) expect(rest).toMatch(/^:(-$|\?)/);
    for (const name of names) {
      for (const [variable, value] of environmentOf(name))
        if (/PASSWORD|TOKEN/.test(variable)) expect(value).toMatch(/^\$\{[A-Z_]+:(\?.*|-)\}$/);
      const shown = JSON.stringify([services[name].command, services[name].healthcheck]);
      // A container may read its own variables; `ps` would show a value.
      expect(shown.replaceAll(/\$\$\{Bun\.env\.[A-Z_]+\}/g, "")).not.toMatch(/\$\{|PASSWORD|TOKEN/);
    }
  });

  test("keeps each service away from the databases and the broker that it does not use", () => {
    const reached = own.map((name) => [name, servers.filter((server) => meet(name, server)).sort()]);
    expect(Object.fromEntries(reached)).toEqual({
      gateway: [],
      processor: ["console", "redpanda"],
      "processor-examples": ["console", "redpanda"],
      "requests-service": ["console", "redpanda", "requests-db"],
      "results-listener": ["console", "redpanda", "results-db"],
      "results-service": ["results-db"],
    });
  });

  test("gives external access only to what it publishes, and to processors", () => {
    const isOpen = (network: string) => !networks[network]?.internal;
    expect(names.filter((name) => services[name].networks.some(isOpen)).sort()).toEqual([
      "console",
      "gateway",
      ...processors,
    ]);
  });

  test.each(own)("%s can reach what it has the address of, and depends on nothing else", (name) => {
    const called = environmentOf(name).flatMap(([, value]) =>
      names.filter((other) => new RegExp(`(^|//|@)${other}:\\d`).test(value)),
    );
    expect(services[name].depends_on.toSorted()).toEqual([...new Set(called)].sort());
    for (const other of called) expect([other, meet(name, other)]).toEqual([other, true]);
  });

  test("runs a broker that creates no topic by accident and skips no fsync", () => {
    const { command } = services.redpanda;
    expect(command).toContain("--unsafe-bypass-fsync=false");
    expect(command.join(" ")).not.toMatch(/--mode/);
    for (const setting of ["developer_mode", "write_caching_default", "auto_create_topics_enabled"])
      expect(command[command.indexOf(`redpanda.${setting}=false`) - 1]).toBe("--set");
  });
});

const actions = {
  documents: ["find", "insert", "update", "remove", "createIndex"],
  documentsReadOnly: ["find"],
};
const users: [database: string, users: [user: string, role: keyof typeof actions][]][] = [
  ["requests", [["requests-service", "documents"]]],
  [
    "results",
    [
      ["results-listener", "documents"],
      ["results-service", "documentsReadOnly"],
    ],
  ],
];
test.each(users)(
  "users.js gives each service that uses %s a user of its own, which can drop neither collections nor indexes",
  (db, expected) => {
    const variables = environmentOf(`${db}-db`).map(([name, value]) => [name, named(value)]);
    const created = { users: [] as object[], roles: [] as object[] };
    const database = {
      getName: () => db,
      createUser: (user: object) => void created.users.push(user),
      createRole: (role: object) => void created.roles.push(role),
    };
    const script = readFileSync(join(dirname(composeFile), "cluster/mongo/users.js"), "utf8");
    new Function("db", "process", script)(database, { env: Object.fromEntries(variables) });
    const variableOf = (user: string) => `${user.replaceAll("-", "_").toUpperCase()}_DB_PASSWORD`;
    expect(created).toEqual({
      users: expected.map(([user, role]) => ({
        ...{ user, pwd: `<${variableOf(user)}>` },
        roles: [{ role, db }],
      })),
      roles: expected.map(([, role]) => ({
        role,
        privileges: [{ resource: { db, collection: "" }, actions: actions[role] }],
        roles: [],
      })),
    });
    for (const [user] of expected) {
      const url = `mongodb://${user}:<${variableOf(user)}>@${db}-db:27017/${db}`;
      expect(environmentOf(user).map(([, value]) => named(value))).toContain(url);
      const holds = (variable: string) => (name: string) =>
        environmentOf(name).some(([, value]) => value.includes(variable));
      expect(own.filter(holds(variableOf(user)))).toEqual([user]);
      expect(own.filter(holds("ROOT_PASSWORD"))).toEqual([]);
    }
  },
);
