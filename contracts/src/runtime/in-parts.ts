/** The items in their order, in parts of limited count and size; a single larger one is a part of its own. */
export function inParts<Item>(
  items: Item[],
  limits: { itemsMax?: number; bytesMax: number; bytesOf: (item: Item) => number },
): Item[][] {
  const { itemsMax = Number.POSITIVE_INFINITY, bytesMax, bytesOf } = limits;
  const parts: Item[][] = [];
  let bytes = 0;
  for (const item of items) {
    const size = bytesOf(item);
    const last = parts.at(-1);
    bytes += size;
    if (last && last.length < itemsMax && bytes <= bytesMax) {
      last.push(item);
    } else {
      parts.push([item]);
      bytes = size;
    }
  }
  return parts;
}
