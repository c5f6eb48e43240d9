import { expect, test } from "bun:test";
import { Unavailable } from "@sate/contracts";
import { createPatience, Failure } from "../../src/move/command/failure.ts";
import { nameOf } from "../../src/move/command/options.ts";
import { createProgress } from "../../src/move/command/progress.ts";
import { runMove } from "../../src/move/command/run.ts";

/** Fails with each of these, then succeeds. */
function failing(...errors: Error[]) {
  const calls = { count: 0 };
  const work = async () => {
    const error = errors[calls.count++];
    if (error) throw error;
    return "done";
  };
  return { calls, work };
}

test("what fails is tried again, and a note says so once", async () => {
  const notes: string[] = [];
  const { calls, work } = failing(new Unavailable("away"), new Unavailable("away"));
  expect(await createPatience((line) => notes.push(line))("The server", work)).toBe("done");
  expect(calls.count).toBe(3);
  expect(notes).toEqual(["The server does not respond. The command tries again for up to a minute."]);
});

test("what would fail again ends at once: a failure, and a database that rejects the user", async () => {
  const denied = Object.assign(new Error("Authentication failed for u:secret"), { code: 18 });
  for (const [error, problem] of [
    [new Failure("It is wrong.", 78), "It is wrong."],
    [
      new Unavailable("A call failed.", { cause: denied }),
      "The Requests DB rejects the user in its address.",
    ],
  ] as const) {
    const { calls, work } = failing(error);
    const ended = createPatience(() => {})("The Requests DB", work);
    expect(await ended.catch(({ message }: Error) => message)).toBe(problem);
    expect(calls.count).toBe(1);
  }
});

test("an address that the driver does not accept is refused without its password", async () => {
  const url = "mongodb://u:secret@host:port/requests";
  const options = { from: "http://127.0.0.1:1", key: undefined, copyOnly: false };
  const progress = createProgress({ write: () => {} }, () => 0);
  const moving = runMove({ ...options, requestsUrl: url, resultsUrl: "mongodb://h/results" }, progress);
  const failure = (await moving.catch((error) => error)) as Failure;
  expect([failure.exitCode, failure.message]).toEqual([
    78,
    "The MongoDB driver does not accept the address of the Requests DB.",
  ]);
  expect(nameOf(url)).not.toContain("secret");
});
