import { expect, test } from "bun:test";
import { childrenOf } from "../src/system/children.ts";
import { sharedSystem } from "../src/system/shared-system.ts";
import { killAndRestart, services } from "../src/system/system.ts";
import { until } from "../src/until.ts";

const { system, client } = await sharedSystem();
const isLinux = process.platform === "linux";

async function execute(processor: string, payload: unknown) {
  const requestId = await client.createRequest(payload, processor);
  const { json } = await client.execute(requestId);
  const state = async () => (await client.get(`/requests/${requestId}/executions/${json.id}`)).json;
  return { requestId, executionId: json.id, state, ended: () => client.ended(requestId, json.id) };
}

const deadly = ["trial-exit", "trial-poison", "trial-signal", "trial-segfault", "trial-command-killed"];

test("a run that kills its process is dead-lettered as process_died, and its neighbours do not notice", async () => {
  const neighbours = await Promise.all(
    Array.from({ length: 6 }, (_, number) => execute("trial-slow", { number })),
  );
  const killed = await Promise.all([...deadly, ...deadly].map((name) => execute(name, { name })));
  for (const { requestId, ended, state } of killed) {
    expect(await ended()).toBe("dead_lettered");
    expect(await state()).toMatchObject({ runs: 1, lost: 0, error: { code: "process_died" } });
    expect(await client.results(requestId)).toHaveLength(1);
  }
  for (const { ended, state } of neighbours) {
    expect(await ended()).toBe("succeeded");
    expect(await state()).toMatchObject({ runs: 1, lost: 0 });
  }
}, 120_000);

const limited: [name: string, ...codes: string[]][] = [
  ["trial-spin", "timeout"],
  ["trial-deaf", "timeout"],
  ["trial-command-hanging", "timeout"],
  ["trial-large", "outputs_too_large"],
  ["trial-command-gigabyte", "outputs_too_large"],
  ["trial-memory", "process_died", "unexpected_error"],
  ["trial-command-memory", "process_died", "exit_1"],
];
test.each(limited)(
  "%s ends with its reason",
  async (name, ...codes) => {
    const { ended, state } = await execute(name, { name });
    await ended();
    expect(codes).toContain((await state()).error?.code as string);
  },
  60_000,
);

if (isLinux) {
  test.each(["trial-children", "trial-command-children"])(
    "nothing that %s leaves behind survives its run",
    async (name) => {
      const before = new Set(childrenOf(system.dataDir).map(({ pid }) => pid));
      const { ended } = await execute(name, { name });
      expect(await ended()).toBe("succeeded");
      // The process of a module stays for the next run of it.
      const left = () => childrenOf(system.dataDir).filter(({ pid }) => !before.has(pid));
      await until(
        "its processes are gone",
        10_000,
        () => left().length <= (name === "trial-children" ? 1 : 0),
      );
    },
    60_000,
  );

  test.each(["acts-module", "acts-command"])(
    "kill -9 of the service in a run of %s leaves no process behind, and the execution runs again",
    async (name) => {
      const { state, requestId, executionId } = await execute(name, { do: "nest" });
      const all = () => childrenOf(system.dataDir);
      // One in the group of the run, and one that has left it.
      const nested = () => all().filter(({ command }) => command.includes(executionId));
      await until("its processes run", 30_000, () => nested().length >= 2);
      const [{ boot } = { boot: "" }] = nested();
      const parents = new Set(all().flatMap((one) => (one.boot === boot ? [one.parent] : [])));
      const service = services(system).find(({ pid }) => parents.has(pid));
      if (!service) throw new Error("no service has started them");
      await killAndRestart(system, service);
      await until("none of them is left", 10_000, () => all().every((one) => one.boot !== boot));
      await until("it runs again", 60_000, async () => (await state()).runs > 1);
      await client.post(`/requests/${requestId}/executions/${executionId}/cancel`);
      expect(await client.ended(requestId, executionId)).toBe("cancelled");
      await system.ready();
    },
    120_000,
  );
}
