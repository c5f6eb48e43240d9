/** The pages of a list, each after the last item of the one before, until one is not full or `itemsMax` were read. */
export async function* pagesOf<Item>(
  read: (page: { after?: Item | undefined; limit: number }) => Promise<Item[]>,
  limit: number,
  itemsMax = Number.POSITIVE_INFINITY,
): AsyncGenerator<Item[], void> {
  let after: Item | undefined;
  for (let count = 0; count < itemsMax; count += limit) {
    const page = await read({ after, limit });
    yield page;
    if (page.length < limit) return;
    after = page.at(-1);
  }
}
