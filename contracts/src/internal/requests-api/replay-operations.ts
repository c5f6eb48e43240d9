import { type Static, Type } from "@sinclair/typebox";
import { Traceparent, Uuid } from "../../values/ids.ts";
import { limits } from "../../values/limits.ts";
import { open } from "../../values/object.ts";
import { ExecutionRecord, RefusedAdmission } from "./records.ts";
import { batch, tagged } from "./schema.ts";

const execution = { execution: ExecutionRecord };

/** What became of the replay of one dead letter. */
export const Replay = Type.Union([
  /** A new execution of the request. */
  Type.Object({ kind: Type.Literal("started"), ...execution }, open),
  /** An earlier replay of this dead letter started this execution; this one had no effect. */
  Type.Object({ kind: Type.Literal("replayed"), ...execution }, open),
  /** The record was published to its topic again. */
  Type.Object({ kind: Type.Literal("published"), topic: Type.String() }, open),
  /** Of a dry run: the replay would succeed. */
  tagged("possible"),
  /** The request may not be executed, for this reason. */
  Type.Object({ kind: Type.Literal("refused"), request_id: Uuid, refusal: RefusedAdmission }, open),
  tagged("unknown_dead_letter"),
  /** A part of the record is missing: `cut` says which. */
  Type.Object({ kind: Type.Literal("cut"), cut: Type.String() }, open),
  /** It is an unreadable record, and the broker stores no records. */
  tagged("no_stored_topics"),
  /** The record does not say which request it is about, or from which of Sate's topics it comes. */
  tagged("no_origin"),
  /** The record would not fit into its topic. */
  tagged("too_large"),
]);
export type Replay = Static<typeof Replay>;

export const replayOperations = {
  /**
   * Replays dead letters, in order. The dead letter of an execution or of a refused attempt becomes another execution of
   * its request, admitted like any other, except that the number of failures does not matter. Of any number of replays of one
   * dead letter the first that is admitted starts an execution. An unreadable record is published to its topic again,
   * byte for byte, each time.
   *
   * `execution_id` is that of the execution, if one is started: a call that is repeated with it has started it itself.
   * `request_id`, where the caller knows it, saves reading the dead letter. A `dry_run` changes nothing; it does not count
   * dead letters of one request against each other.
   */
  replayDeadLetters: {
    path: "/internal/dead-letters/replay",
    body: Type.Object(
      {
        dead_letters: batch(
          Type.Object({ id: Type.String(), request_id: Type.Optional(Uuid), execution_id: Uuid }, open),
          limits.replaysMax,
        ),
        dry_run: Type.Boolean(),
        traceparent: Type.Optional(Traceparent),
      },
      open,
    ),
    /** In the order of the batch. */
    response: Type.Object({ answers: Type.Array(Replay) }, open),
  },
} as const;
