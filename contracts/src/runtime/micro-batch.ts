import { type SizeLimits, takeFitting } from "./fitting.ts";

type Waiting<Item, Result> = {
  item: Item;
  resolve: (result: Result) => void;
  reject: (error: unknown) => void;
};

/**
 * Turns a function of many items into a function of one. One call is in flight at a time, and the next one carries
 * everything that arrived meanwhile. A lone item waits only for the end of the current turn of the event loop. `work`
 * returns results in the order of its items; if it rejects, all items of the call do. Callers must limit how many items
 * wait.
 */
export function microBatch<Item, Result>(
  work: (items: Item[]) => Promise<Result[]>,
  limits: SizeLimits<Item>,
): (item: Item) => Promise<Result> {
  const { sizeOf = () => 0 } = limits;
  const waiting: Waiting<Item, Result>[] = [];
  let isUnderWay = false;

  async function workAll(): Promise<void> {
    while (waiting.length > 0) {
      const group = takeFitting(waiting, { ...limits, sizeOf: ({ item }) => sizeOf(item) });
      try {
        const results = await work(group.map(({ item }) => item));
        for (const [index, { resolve }] of group.entries()) resolve(results[index] as Result);
      } catch (error) {
        for (const { reject } of group) reject(error);
      }
    }
    isUnderWay = false;
  }

  return (item) =>
    new Promise((resolve, reject) => {
      waiting.push({ item, resolve, reject });
      if (isUnderWay) return;
      isUnderWay = true;
      setImmediate(workAll);
    });
}
