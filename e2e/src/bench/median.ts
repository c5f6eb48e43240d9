export const median = (all: number[]): number => all.toSorted((a, b) => a - b)[all.length >> 1] ?? 0;
