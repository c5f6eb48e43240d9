import { expect, test } from "bun:test";
import { Unavailable } from "../../src/internal/unavailable.ts";
import { databaseCalls } from "../../src/runtime/database-calls.ts";

const reasonOf = (call: Promise<unknown>) =>
  call.catch((error: Unavailable) => [error.name, error.reason, error.message]);

test("every failure of a call is an Unavailable that says what happened", async () => {
  const { guarded, close } = databaseCalls("the Results DB", 10);
  const failing = guarded(() => Promise.reject(new Error("secret")));
  expect(await reasonOf(failing())).toEqual([
    "Unavailable",
    "no_response",
    "A call to the Results DB failed.",
  ]);
  const hanging = guarded(() => new Promise(() => {}));
  expect(await reasonOf(hanging())).toEqual([
    "Unavailable",
    "no_response",
    "A call to the Results DB did not end within 10 ms.",
  ]);
  const known = new Unavailable("The database stored nothing.", { reason: "not_done" });
  const refusing = guarded(() => Promise.reject(known));
  expect(await refusing().catch((error) => error)).toBe(known);
  await close();
  expect(await reasonOf(failing())).toEqual([
    "Unavailable",
    "not_done",
    "The connection to the Results DB is closed.",
  ]);
});
