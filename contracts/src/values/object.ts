/** What clients send is closed: an unknown field is an error. What they receive is open. */
export const closed = { additionalProperties: false } as const;
export const open = { additionalProperties: true } as const;
