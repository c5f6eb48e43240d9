/** Every limit that two services must agree on. Bytes are bytes of UTF-8. */
export const limits = {
  /** Body of a public request. The gateway may be set lower or higher, up to `bodyBytesCeiling`. */
  bodyBytesDefault: 512 * 1024,
  bodyBytesCeiling: 2 * 1024 * 1024,
  /** Nesting of arrays and objects in a body, the body's own object counted. */
  nestingMax: 64,
  /** A handler's outputs, as JSON text; larger ones make the execution fail. */
  outputsBytesMax: 512 * 1024,
  /** Characters of an error's message; longer ones are cut. */
  errorMessageCharsMax: 1_000,
  /** Entries of a page, default and greatest. */
  pageDefault: 20,
  pageMax: 100,
  /** Payloads on a page of requests, together; a single larger one comes alone. The gateway holds many pages at once. */
  pageBytesMax: 2 * 1024 * 1024,
  /** Items of one internal batch, and the body that carries it. */
  batchItemsMax: 128,
  batchBytesMax: 8 * 1024 * 1024,
  internalBodyBytesMax: 64 * 1024 * 1024,
  /** Executions of which one call may ask whether their results are recorded. */
  confirmMax: 1_000,
  /** Executions that one claim may ask for or be given. */
  claimMax: 64,
  /** Payloads that the answer to one claim may bring, together; a single larger one comes alone. */
  claimBytesMax: 16 * 1024 * 1024,
  /** Runs that one worker may hold: its heartbeat answer lists them all. */
  workerRunsMax: 1_024,
  /** Attempts of one request. */
  attemptMax: 1_000,
  /** A record on any topic but the dead letter queue, and on the dead letter queue, which carries the bytes of any record and where it came from. */
  recordBytesMax: 8 * 1024 * 1024,
  deadLetterBytesMax: 16 * 1024 * 1024,
  /** The key, and the headers as JSON, of a record that could not be read: with its value they fit into a dead letter. */
  originBytesMax: 1024 * 1024,
} as const;
