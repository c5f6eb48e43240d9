/**
 * Whether an object accepts unknown fields. What clients send to the public API is closed: an unknown field is an error.
 * Everything else is open, because a newer version may add fields.
 */
export const closed = { additionalProperties: false } as const;
export const open = { additionalProperties: true } as const;
