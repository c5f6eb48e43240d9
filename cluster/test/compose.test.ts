import { afterAll, describe, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { composeFile } from "../src/compose/compose.ts";
import { allowList, build, instructionsOf } from "./dockerfile.ts";

const root = dirname(composeFile);
const text = readFileSync(composeFile, "utf8");
// biome-ignore lint/suspicious/noExplicitAny: what the tests look at has the shape that they assert
const compose = Bun.YAML.parse(text) as any;
const names = Object.keys(compose.services);
const own = names.filter((name) => compose.services[name].build);
const servers = names.filter((name) => compose.services[name].image);
const networksOf = (name: string): string[] => compose.services[name].networks;
const meet = (one: string, other: string) =>
  networksOf(one).some((network) => networksOf(other).includes(network));

describe("compose.yaml", () => {
  test("has the five services, a broker with its console, and two databases", () => {
    expect(own.sort()).toEqual([
      "gateway",
      "processor",
      "requests-service",
      "results-listener",
      "results-service",
    ]);
    expect(servers.sort()).toEqual(["console", "redpanda", "requests-db", "results-db"]);
  });

  test("publishes the gateway, and the console to this machine only", () => {
    const published = names.flatMap((name) => compose.services[name].ports ?? []);
    expect(published.sort()).toEqual(["127.0.0.1:8080:8080", "5003:5003"]);
    expect(names.filter((name) => compose.services[name].network_mode)).toEqual([]);
  });

  test.each(own)("%s has no more rights than it needs, and bounds", (name) => {
    const service = compose.services[name];
    expect(service).toMatchObject({
      user: "bun",
      read_only: true,
      cap_drop: ["ALL"],
      security_opt: ["no-new-privileges:true"],
      restart: "unless-stopped",
      command: ["bun", "src/main.ts"],
    });
    expect(service.mem_limit).toMatch(/^\d+m$/);
    expect(service.pids_limit).toBeGreaterThan(0);
    expect(service.healthcheck.test.slice(0, 3)).toEqual(["CMD", "bun", "-e"]);
    for (const rule of ["privileged", "cap_add", "volumes", "container_name", "pid", "devices"]) {
      expect(service[rule]).toBeUndefined();
    }
  });

  test.each(servers)(
    "%s has a pinned image, no capabilities, bounds on memory and processes, and is restarted",
    (name) => {
      const service = compose.services[name];
      expect(service.image).toMatch(/^[a-z/]+:v?\d+\.\d+\.\d+$/);
      expect(service.cap_drop).toEqual(["ALL"]);
      expect(service.security_opt).toEqual(["no-new-privileges:true"]);
      expect(service.mem_limit).toMatch(/^\d+m$/);
      expect(service.pids_limit).toBeGreaterThan(0);
      expect(service.restart).toBe("unless-stopped");
      expect(service.container_name).toBeUndefined();
    },
  );

  test.each(["requests-db", "results-db"])(
    "%s asks who one is, is not root, and writes to its data alone",
    (name) => {
      const { command, user, read_only, volumes, ports } = compose.services[name];
      expect(command).toContain("--auth");
      expect([user, read_only, ports]).toEqual(["999:999", true, undefined]);
      expect(volumes).toEqual([
        `${name}:/data/db`,
        `${name}-config:/data/configdb`,
        "./cluster/mongo/users.js:/docker-entrypoint-initdb.d/users.js:ro",
      ]);
    },
  );

  test("gives nothing of the machine away: no socket of Docker, no folder but that of one script", () => {
    const mounts = names.flatMap((name) => compose.services[name].volumes ?? []);
    const ofTheMachine = mounts.filter((mount: string) => /^[./~]/.test(mount));
    expect(new Set(ofTheMachine)).toEqual(
      new Set(["./cluster/mongo/users.js:/docker-entrypoint-initdb.d/users.js:ro"]),
    );
    expect(compose.services.console.read_only).toBe(true);
    for (const name of names) {
      for (const rule of ["privileged", "cap_add", "pid", "ipc", "devices", "userns_mode", "extra_hosts"]) {
        expect([name, compose.services[name][rule]]).toEqual([name, undefined]);
      }
    }
  });

  test("gives each service a user of its own, whose password no other has", () => {
    const passwordsOf = (name: string) =>
      JSON.stringify(compose.services[name].environment ?? {}).match(/[A-Z_]+_DB_PASSWORD/g) ?? [];
    const given = own.flatMap((name) => [...new Set(passwordsOf(name))]);
    expect(given.sort()).toEqual([
      "REQUESTS_SERVICE_DB_PASSWORD",
      "RESULTS_LISTENER_DB_PASSWORD",
      "RESULTS_SERVICE_DB_PASSWORD",
    ]);
    for (const name of own) expect(JSON.stringify(compose.services[name])).not.toContain("ROOT_PASSWORD");
  });

  test("gives every service the time for its own clean stop", () => {
    for (const name of own) {
      const [, seconds] = /^(\d+)s$/.exec(compose.services[name].stop_grace_period) ?? [];
      const [, own] = /:-(\d+)\}$/.exec(compose.services[name].environment.SHUTDOWN_SECONDS) ?? [];
      expect(Number(seconds)).toBeGreaterThan(Number(own));
    }
  });

  test("has no password of its own, and none in a command", () => {
    const secrets = [...text.matchAll(/\$\{([A-Z_]*(?:PASSWORD|TOKEN|SECRET)[A-Z_]*)([^}]*)\}/g)];
    expect(secrets.length).toBeGreaterThan(5);
    // Those of a broker of one's own may be missing: without them nobody says who he is, as compose's broker has it.
    const wanted = (rest: string) => rest === ":-" || rest.startsWith(":?");
    for (const [, , rest = ""] of secrets) expect(wanted(rest)).toBe(true);
    for (const name of names) {
      for (const [variable, value] of Object.entries(compose.services[name].environment ?? {})) {
        if (/PASSWORD|TOKEN/.test(variable)) expect(value).toMatch(/^\$\{[A-Z_]+:(\?.*|-)\}$/);
      }
      const said = JSON.stringify([compose.services[name].command, compose.services[name].healthcheck]);
      // The names of variables may stand there, to be read inside the container; a value would be shown by `ps`.
      expect(said.replaceAll(/\$\$\{Bun\.env\.[A-Z_]+\}/g, "")).not.toMatch(/\$\{|PASSWORD|TOKEN/);
    }
  });

  test("opens the gateway to nobody by itself, and its health check needs no secret", () => {
    const { environment, healthcheck } = compose.services.gateway;
    expect(environment).toMatchObject({
      HOST: "0.0.0.0",
      API_KEYS: `\${API_KEYS:-}`,
      ALLOW_ANONYMOUS: `\${ALLOW_ANONYMOUS:-0}`,
    });
    expect(healthcheck.test.at(-1)).toContain("/ready`)).ok");
    expect(healthcheck.test.at(-1)).not.toContain("TOKEN");
  });

  test("keeps the gateway away from databases and broker, the processor from the databases, and results-service from the broker", () => {
    const reaches = (name: string) => servers.filter((server) => meet(name, server)).sort();
    expect(reaches("gateway")).toEqual([]);
    expect(reaches("processor")).toEqual(["console", "redpanda"]);
    expect(reaches("requests-service")).toEqual(["console", "redpanda", "requests-db"]);
    expect(reaches("results-listener")).toEqual(["console", "redpanda", "results-db"]);
    expect(reaches("results-service")).toEqual(["results-db"]);
  });

  test("leads outside from nothing but what it publishes", () => {
    const open = Object.keys(compose.networks).filter((network) => !compose.networks[network]?.internal);
    const outside = names.filter((name) => networksOf(name).some((network) => open.includes(network)));
    expect(outside.sort()).toEqual(["console", "gateway"]);
  });

  test("lets everyone reach what it is told the address of, and depends only on what it reaches", () => {
    for (const name of own) {
      const { environment, depends_on } = compose.services[name];
      const told = Object.values(environment).flatMap((value) =>
        names.filter((other) => new RegExp(`(^|//|@)${other}:\\d`).test(`${value}`)),
      );
      expect(told.length).toBeGreaterThan(0);
      for (const other of [...told, ...depends_on])
        expect([name, other, meet(name, other)]).toEqual([name, other, true]);
      expect([...depends_on].sort()).toEqual([...new Set(told)].sort());
    }
  });

  test("runs a broker that makes no topic by accident and skips no fsync", () => {
    const command: string[] = compose.services.redpanda.command;
    expect(command).toContain("--unsafe-bypass-fsync=false");
    expect(command.join(" ")).not.toMatch(/--mode/);
    for (const setting of [
      "redpanda.developer_mode=false",
      "redpanda.write_caching_default=false",
      "redpanda.auto_create_topics_enabled=false",
    ]) {
      expect(command[command.indexOf(setting) - 1]).toBe("--set");
    }
  });
});

describe("the users of the databases", () => {
  type User = { user: string; pwd: string; roles: { role: string; db: string }[] };
  type Role = {
    role: string;
    privileges: { resource: { db: string }; actions: string[] }[];
    roles: unknown[];
  };
  /** Runs users.js with the environment that compose.yaml gives to the database, the passwords named after their variables. */
  const madeIn = (database: string) => {
    const environment: Record<string, string> = {};
    for (const [name, value] of Object.entries(compose.services[database].environment)) {
      environment[name] = `${value}`.replace(/\$\{([A-Z_]+):\?[^}]*\}/g, "<$1>");
    }
    const users: User[] = [];
    const roles: Role[] = [];
    const db = {
      getName: () => environment.MONGO_INITDB_DATABASE,
      createUser: (user: User) => void users.push(user),
      createRole: (role: Role) => void roles.push(role),
    };
    const script = readFileSync(join(root, "cluster/mongo/users.js"), "utf8");
    new Function("db", "process", script)(db, { env: environment });
    return { users, roles };
  };
  const usersOf = (database: string) => madeIn(database).users;
  /** What each user may do, and in which database. */
  const rightsOf = ({ users, roles }: ReturnType<typeof madeIn>) =>
    Object.fromEntries(
      users.map(({ user, roles: [has] }) => {
        const role = roles.find(({ role }) => role === has?.role);
        expect(role?.roles).toEqual([]);
        const rights = role?.privileges.map(({ resource, actions }) => [resource.db, ...actions.toSorted()]);
        return [user, rights?.flat()];
      }),
    );

  test("are one for each service, which can neither drop a collection nor an index, and results-service only reads", () => {
    const readsAndWrites = ["createIndex", "find", "insert", "remove", "update"];
    expect(rightsOf(madeIn("requests-db"))).toEqual({ "requests-service": ["requests", ...readsAndWrites] });
    expect(rightsOf(madeIn("results-db"))).toEqual({
      "results-listener": ["results", ...readsAndWrites],
      "results-service": ["results", "find"],
    });
  });

  test("are those with which the services connect, to their database, each with a password of its own", () => {
    const users = [...usersOf("requests-db"), ...usersOf("results-db")];
    const passwords = users.map(({ pwd }) => pwd);
    expect(new Set(passwords).size).toBe(users.length);
    for (const { user, pwd, roles } of users) {
      const { environment } = compose.services[user];
      const url = `${environment.REQUESTS_MONGO_URL ?? environment.RESULTS_MONGO_URL}`;
      const named = url.replace(/\$\{([A-Z_]+):\?[^}]*\}/g, "<$1>");
      const database = roles[0]?.db;
      expect(named).toBe(`mongodb://${user}:${pwd}@${database}-db:27017/${database}`);
    }
  });
});

describe("the images of the services", () => {
  const folder = mkdtempSync(join(tmpdir(), "sate-images-"));
  // Thousands of files: on a busy machine that takes more than the usual five seconds.
  afterAll(() => rmSync(folder, { recursive: true, force: true }), 60_000);

  test.each(own)(
    "%s starts from its image's files alone",
    async (name) => {
      const { dockerfile } = compose.services[name].build;
      expect(dockerfile).toBe(`${name}/Dockerfile`);
      const text = readFileSync(join(root, dockerfile), "utf8");
      const ignored = readFileSync(join(root, `${dockerfile}.dockerignore`), "utf8");
      const image = build(text, root, allowList(ignored), join(folder, name));
      expect(image.command).toEqual(compose.services[name].command);
      expect(existsSync(join(image.folder, "test"))).toBe(false);
      // Without configuration it ends with the exit code for that, which it can only when all its modules are there.
      const run = Bun.spawnSync([process.execPath, ...image.command.slice(1)], {
        cwd: image.folder,
        env: {},
        timeout: 20_000,
      });
      expect([run.exitCode, `${run.stdout}${run.stderr}`]).toEqual([
        78,
        expect.stringContaining("SERVICE_TOKEN"),
      ]);
    },
    120_000,
  );

  test.each(own)("%s is pinned, and does not run as root", (name) => {
    const instructions = instructionsOf(readFileSync(join(root, `${name}/Dockerfile`), "utf8"));
    const restOf = (word: string) =>
      instructions.filter((each) => each.word === word).map(({ rest }) => rest);
    for (const image of restOf("FROM")) expect(image).toStartWith(`oven/bun:${Bun.version}-alpine`);
    expect(restOf("RUN")).toEqual(["bun install --frozen-lockfile --production"]);
    expect(restOf("USER")).toEqual(["bun"]);
  });
});
