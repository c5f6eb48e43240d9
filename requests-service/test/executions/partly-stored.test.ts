import { expect, test } from "bun:test";
import { Unavailable } from "@sate/contracts";
import { createCore, openedStore, wanted } from "../core.ts";

test("a batch of which a part was stored is not reported as undone", async () => {
  const store = openedStore();
  let inserts = 0;
  const insert: typeof store.executions.insert = async (executions) => {
    // In the first round another caller has created the second one. Then the disk is full.
    if (inserts++ === 0) return [...(await store.executions.insert(executions.slice(0, 1))), false];
    throw new Unavailable("The disk is full.", { reason: "not_done" });
  };
  const core = createCore({ store: { ...store, executions: { ...store.executions, insert } } });
  const executions = [wanted((await core.request()).id), wanted((await core.request()).id)];
  const error = await core.commands.createExecutions({ executions }).catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ name: "Unavailable", reason: "no_response" });
});
