import { settingNames } from "./all.ts";
import type { Environment } from "./load.ts";

/** Shorter names, such as HOST and PORT, resemble too much that is not ours. */
const nameCharsMin = 8;

/**
 * A sentence for each variable of the environment that is no setting but resembles one of `schema`: the same letters
 * in another case or without separators, one letter missing, added, changed or swapped with the next, or two in a
 * longer name. `MAX_FAILURE=1` would otherwise silently have no effect. No value is repeated.
 */
export function misspeltSettings(schema: { properties: object }, env: Environment): string[] {
  const names = Object.keys(schema.properties).filter((name) => name.length >= nameCharsMin);
  return Object.keys(env).flatMap((given) => {
    if (settingNames.has(given) || given in schema.properties) return [];
    const meant = names
      .map((name) => ({ name, edits: editsBetween(plain(given), plain(name)) }))
      .filter(({ name, edits }) => edits <= (name.length < 12 ? 1 : 2))
      .toSorted((a, b) => a.edits - b.edits)[0]?.name;
    return meant === undefined ? [] : [`${given} is not a setting and has no effect. Did you mean ${meant}?`];
  });
}

function plain(name: string): string {
  return name.toUpperCase().replaceAll(/[^A-Z0-9]/g, "");
}

/** Optimal string alignment distance: https://en.wikipedia.org/wiki/Damerau–Levenshtein_distance */
function editsBetween(a: string, b: string): number {
  // Most variables resemble nothing, and some have names of kilobytes.
  if (Math.abs(a.length - b.length) > 2) return Number.POSITIVE_INFINITY;
  const rows = [Array.from({ length: b.length + 1 }, (_, column) => column)];
  const at = (row: number, column: number) => rows[row]?.[column] ?? Number.POSITIVE_INFINITY;
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    rows.push(row);
    for (let j = 1; j <= b.length; j++) {
      const isSame = a[i - 1] === b[j - 1];
      const isSwapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      row.push(
        Math.min(
          at(i - 1, j) + 1,
          at(i, j - 1) + 1,
          at(i - 1, j - 1) + (isSame ? 0 : 1),
          isSwapped ? at(i - 2, j - 2) + 1 : Number.POSITIVE_INFINITY,
        ),
      );
    }
  }
  return at(a.length, b.length);
}
