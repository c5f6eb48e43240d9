/** Every limit that two services must agree on. Bytes are UTF-8 bytes. */
export const limits = {
  /** Body of a public request. The gateway can be configured lower or higher, up to `bodyBytesCeiling`. */
  bodyBytesDefault: 512 * 1024,
  bodyBytesCeiling: 2 * 1024 * 1024,
  /** Nesting of arrays and objects in a body, including the body's own object. */
  nestingMax: 64,
  /** A handler's outputs, as JSON text. Larger outputs make the execution fail. */
  outputsBytesMax: 512 * 1024,
  /** An error message. Longer ones are truncated. */
  errorMessageBytesMax: 4_096,
  /** Characters of one line for people: a header of a dead letter, the message of a progress report. */
  lineCharsMax: 1_000,
  /** Entries of a page: default and maximum. */
  pageDefault: 20,
  pageMax: 100,
  /** Labels of a request, and the characters (UTF-16) of a value. */
  labelsMax: 10,
  labelValueCharsMax: 255,
  /** Entries of one index that one page of a filtered list examines. */
  examinedMax: 1_000,
  /** Entries of one call of a bulk operation: default and maximum. */
  bulkDefault: 100,
  bulkMax: 500,
  /** All payloads on a page of requests; a single larger one has a page to itself. The gateway holds many pages at once. */
  pageBytesMax: 2 * 1024 * 1024,
  /** Dead letters in one call that replays them: the payload of each one's request is read. */
  replaysMax: 32,
  /** A page of a move: its records, which hold up other requests while they are read, and their size as JSON; a single larger one has a page to itself. */
  movedRecordsMax: 500,
  movedBytesMax: 1024 * 1024,
  /** Items of an internal batch, and the body that carries it. */
  batchItemsMax: 128,
  batchBytesMax: 8 * 1024 * 1024,
  internalBodyBytesMax: 64 * 1024 * 1024,
  /** Executions in one `resultsRecorded` call. */
  confirmMax: 1_000,
  /** Results in one `removeResults` call: those of a request with the most attempts fit. */
  removedResultsMax: 1_000,
  /** Executions in one `executionStates` call, and in one `followLogs` call. */
  statesMax: 1_000,
  followMax: 100,
  /** The part of a log that one `followLogs` call returns; a single larger chunk is returned alone. */
  followBytesMax: 64 * 1024,
  /** How long a request may wait for an execution to end. */
  waitSecondsMax: 60,
  /** Requests of one gateway that wait for executions to end, and the payloads that they hold. */
  waitingMax: 2_000,
  waitingBytesMax: 64 * 1024 * 1024,
  /** Event streams of one gateway, and of one of its API keys. */
  streamsMax: 2_000,
  streamsPerKeyMax: 20,
  /** Executions that one claim may name or return. */
  claimMax: 64,
  /** All payloads in the response to one claim; a single larger one is returned alone. */
  claimBytesMax: 16 * 1024 * 1024,
  /** Runs that one worker may hold: the response to its heartbeat lists them all. */
  workerRunsMax: 1_024,
  /** Tries within one execution, and their maximum total duration. */
  triesMax: 100,
  timeoutSecondsMax: 30 * 86_400,
  /** Schedules, the characters of their texts, and how many of the next firings are shown. */
  schedulesMax: 1_000,
  cronCharsMax: 255,
  timeZoneCharsMax: 64,
  scheduleNameCharsMax: 100,
  nextFirings: 5,
  /** How far ahead an execution may be scheduled. */
  startAheadSecondsMax: 366 * 86_400,
  /** Requests in one public batch. */
  batchRequestsMax: 100,
  /** How long the Idempotency-Key of a request is kept. That of an execution is kept with it. */
  idempotencySecondsKept: 7 * 86_400,
  /** Processors that one worker may announce, and that may be known in all. */
  workerProcessorsMax: 128,
  processorsMax: 1_000,
  /** All announcements together, as JSON: they fit into one response. */
  processorsBytesMax: 24 * 1024 * 1024,
  inputSchemaCharsMax: 64 * 1024,
  /** The log of one run, which its worker truncates, and one chunk of it. */
  logBytesMax: 256 * 1024,
  logChunkBytesMax: 64 * 1024,
  /** What is stored of the log of one run at most. It has room for the end of a truncated log, too. */
  logStoredBytesMax: 384 * 1024,
  /** Attempts of one request. */
  attemptMax: 1_000,
  /** Webhooks, the length of the address of one, and the processors that one may name. */
  webhooksMax: 100,
  webhookUrlCharsMax: 2_000,
  webhookProcessorsMax: 100,
  /** A record on any topic but the dead letter queue; and one on the dead letter queue, which carries the bytes and the origin of any record. */
  recordBytesMax: 8 * 1024 * 1024,
  deadLetterBytesMax: 16 * 1024 * 1024,
  /** The key, and the headers as JSON, of an unreadable record, so that they fit into a dead letter together with its value. */
  originBytesMax: 1024 * 1024,
} as const;
