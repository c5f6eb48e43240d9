export type SizeLimits<Item> = {
  itemsMax?: number;
  /** Of all items together, in the unit of `sizeOf`. A single larger item is taken alone. */
  sizeMax?: number;
  sizeOf?: (item: Item) => number;
};

/** Returns a function that takes items one by one and returns whether each still fits, together with those before it. */
export function fitting<Item>(limits: SizeLimits<Item>): (item: Item) => boolean {
  const {
    itemsMax = Number.POSITIVE_INFINITY,
    sizeMax = Number.POSITIVE_INFINITY,
    sizeOf = () => 0,
  } = limits;
  let items = 0;
  let size = 0;
  return (item) => {
    size += sizeOf(item);
    return items++ === 0 || (items <= itemsMax && size <= sizeMax);
  };
}

/** Removes the first items of a queue that fit together, and returns them. */
export function takeFitting<Item>(queue: Item[], limits: SizeLimits<Item>): Item[] {
  const fits = fitting(limits);
  const end = queue.findIndex((item) => !fits(item));
  return queue.splice(0, end < 0 ? queue.length : end);
}

/** The items in their order, in parts that fit. */
export function inParts<Item>(items: readonly Item[], limits: SizeLimits<Item>): Item[][] {
  const left = [...items];
  const parts: Item[][] = [];
  while (left.length > 0) parts.push(takeFitting(left, limits));
  return parts;
}
