import { afterAll, describe, expect, test } from "bun:test";
import { type Collection, MongoClient } from "mongodb";
import { startServers } from "./start-cluster.ts";

const { child, printed } = await startServers();
const { unavailable, REQUESTS_MONGO_URL: url = "" } = printed;
if (unavailable) console.log(`Skipped: ${unavailable}`);
afterAll(() => child.kill());

type Stored = { _id: string } & Record<string, unknown>;
type Random = { pick: <T>(from: T[]) => T; chance: (of: number) => boolean };

/** The same values from the same seed: a linear congruential generator, constants from Numerical Recipes. */
function randomOf(seed: number): Random {
  let state = seed;
  const below = (most: number) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * most);
  };
  return {
    pick: (from) => from[below(from.length)] as (typeof from)[number],
    chance: (of) => below(of) === 0,
  };
}

const texts = ["a", "ab", "b", "c", "d"];
const fields: Record<string, unknown[]> = {
  status: texts,
  processor: ["a", "b", null],
  labels: [["a"], ["a", "b"], ["c", "b"], ["d", "a"]],
  odd: [[], ["a"], "a", { a: 1 }],
  wake_at: [0, 1, 2.5, 1_000_000_000_000],
  "start.id": texts,
};
/** Half of them are created when there are documents already. */
const indexes: Record<string, 1 | -1>[] = [
  { status: 1, wake_at: 1 },
  { status: 1, processor: 1, wake_at: 1, _id: 1 },
  { wake_at: -1, _id: 1 },
  { labels: 1, wake_at: 1 },
  { status: 1, labels: 1 },
  { odd: 1, wake_at: 1 },
  { "start.id": 1 },
  { wake_at: 1, processor: -1 },
];

function documentOf({ pick, chance }: Random, _id: string): Stored {
  const some = Object.entries(fields).filter(() => !chance(3));
  const all = Object.fromEntries(some.map(([name, values]) => [name, pick(values)]));
  const { "start.id": id, ...rest } = all;
  return { _id, ...rest, ...(id !== undefined && { start: { id } }) };
}

const ids = Array.from({ length: 300 }, (_, index) => `${index % 7}-${index}`);

function conditionOn(random: Random, field: string): unknown {
  const { pick } = random;
  const values = field === "_id" ? ids : (fields[field] ?? []).flat();
  const operators = [
    () => pick(values),
    () => null,
    () => ({ $in: [pick(values), pick(values)] }),
    () => ({ $gt: pick(values) }),
    () => ({ $gte: pick(values), $lt: pick(values) }),
    () => ({ $lte: pick(values) }),
    () => ({ $ne: pick(values) }),
  ];
  return pick(operators)();
}

function queryOf(random: Random): Record<string, unknown> {
  const names = [...Object.keys(fields), "_id"].filter(() => random.chance(3));
  const query = Object.fromEntries(names.map((name) => [name, conditionOn(random, name)]));
  return random.chance(5) ? { ...query, $or: [queryOf(random), queryOf(random)] } : query;
}

function orderOf({ pick, chance }: Random): Record<string, 1 | -1> {
  const before = chance(4)
    ? {}
    : pick<object>([{ wake_at: 1 }, { wake_at: -1 }, { "start.id": 1 }, { status: 1 }, { labels: 1 }]);
  return { ...before, _id: pick([1, -1]) };
}

/** Compares with a scan: `$and` hides the query from the indexes, and without a limit nothing ends early. */
async function expectSame(documents: Collection<Stored>, random: Random): Promise<number> {
  const [query, order, limit] = [queryOf(random), orderOf(random), random.pick([1, 3, 20, 1_000])];
  const skip = random.pick([0, 0, 2]);
  const matching = documents.find({ $and: [query] } as object);
  const all = await matching.sort(order).toArray();
  const find = documents
    .find(query as object)
    .skip(skip)
    .limit(limit);
  const found = await find.clone().sort(order).toArray();
  const asked = { query, order, skip, limit };
  expect({ ...asked, found }).toEqual({ ...asked, found: all.slice(skip, skip + limit) });
  const inAnyOrder = (await find.toArray()).map(({ _id }) => _id);
  expect({ ...asked, count: new Set(inAnyOrder).size }).toEqual({ ...asked, count: found.length });
  expect({ ...asked, others: new Set(inAnyOrder).difference(new Set(all.map(({ _id }) => _id))) }).toEqual({
    ...asked,
    others: new Set(),
  });
  return found.length;
}

describe.skipIf(unavailable !== undefined)("the indexes of the MongoDB-compatible server", () => {
  test.each([1, 2, 3])(
    "return what a scan returns, also after updates and deletions (seed %d)",
    async (seed) => {
      await using client = await MongoClient.connect(url);
      const documents = client.db().collection<Stored>(`indexes-${seed}`);
      const random = randomOf(seed);
      for (const [position, index] of indexes.entries()) {
        if (position === indexes.length / 2)
          await documents.insertMany(ids.map((id) => documentOf(random, id)));
        await documents.createIndex(index);
      }
      let found = 0;
      for (let round = 0; round < 300; round++) {
        found += await expectSame(documents, random);
        const id = random.pick(ids);
        if (random.chance(3)) await documents.deleteOne({ _id: id });
        else if (random.chance(2))
          await documents.replaceOne({ _id: id }, documentOf(random, id), { upsert: true });
        else
          await documents.updateMany(queryOf(random) as object, {
            $set: { wake_at: random.pick([1, 2]) },
            $unset: { labels: "" },
          });
      }
      expect(found).toBeGreaterThan(1_000);
    },
    60_000,
  );
});
