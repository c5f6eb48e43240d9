import { expect, test } from "bun:test";
import { direct } from "../src/adapters/direct.ts";

class Theirs extends Error {
  override name = "Unavailable";
}
class Ours extends Error {
  override name = "Unavailable";
}

const functions = {
  answers: async (body: { n: number }) => body.n + 1,
  isAway: async () => {
    throw new Theirs("It is away.", { cause: "why" });
  },
  isBroken: async () => {
    throw new TypeError("a fault");
  },
};

test("answers pass, what is away is away in the port's own words, and a fault stays a fault", async () => {
  const port = direct(functions, Ours);
  expect(await port.answers({ n: 1 })).toBe(2);
  const away = await port.isAway().catch((error: unknown) => error);
  expect(away).toBeInstanceOf(Ours);
  expect(away).toMatchObject({ message: "It is away.", cause: "why" });
  expect(port.isBroken()).rejects.toBeInstanceOf(TypeError);
});
