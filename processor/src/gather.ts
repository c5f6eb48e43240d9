export type GatherOptions<Item> = {
  /** Of one call. */
  itemsMax: number;
  /** Of one call, in the unit of `sizeOf`; a single larger item goes alone. */
  sizeMax?: number;
  sizeOf?: (item: Item) => number;
  /** Items that may wait while a call is under way; more are refused with what `full` makes. */
  waitingMax: number;
  full: () => Error;
};

type Waiting<Item, Answer> = {
  item: Item;
  resolve: (answer: Answer) => void;
  reject: (error: unknown) => void;
};

/**
 * Makes a function of many items into a function of one: one call is under way at a time, filled with what
 * has gathered meanwhile. A lone item waits for nothing but the end of its turn of the event loop. `work`
 * answers in the order of its items; if it rejects, all of them do.
 */
export function gather<Item, Answer>(
  work: (items: Item[]) => Promise<Answer[]>,
  { itemsMax, sizeMax = Number.POSITIVE_INFINITY, sizeOf = () => 0, waitingMax, full }: GatherOptions<Item>,
): (item: Item) => Promise<Answer> {
  const waiting: Waiting<Item, Answer>[] = [];
  let isUnderWay = false;

  function next(): Waiting<Item, Answer>[] {
    let size = 0;
    let count = 0;
    for (const { item } of waiting) {
      size += sizeOf(item);
      if (count >= itemsMax || (count > 0 && size > sizeMax)) break;
      count++;
    }
    return waiting.splice(0, count);
  }

  async function workAll(): Promise<void> {
    while (waiting.length > 0) {
      const group = next();
      try {
        const answers = await work(group.map(({ item }) => item));
        for (const [index, { resolve }] of group.entries()) resolve(answers[index] as Answer);
      } catch (error) {
        for (const { reject } of group) reject(error);
      }
    }
    isUnderWay = false;
  }

  return (item) =>
    new Promise((resolve, reject) => {
      if (waiting.length >= waitingMax) return reject(full());
      waiting.push({ item, resolve, reject });
      if (isUnderWay) return;
      isUnderWay = true;
      setImmediate(workAll);
    });
}
