import type { Invariant } from "../evidence.ts";
import {
  attemptsAreDense,
  finalStaysFinal,
  nothingAcknowledgedIsLost,
  noUnaskedEffects,
} from "./acknowledged.ts";
import { failuresAreBounded, integrity, oneResult } from "./outcomes.ts";
import {
  consumedIsKnown,
  hygiene,
  liveness,
  malformedIsDeadLettered,
  noLiveCorpse,
  nothingToPublish,
  replayChangesNothing,
} from "./rest.ts";
import { neverAfterTheEnd, noOverlap, oneActive, onlyTheLastRunCounts } from "./runs.ts";

/** Of the 19 invariants all but 18: the clocks of single processes cannot be set here. */
export const invariants: Invariant[] = [
  nothingAcknowledgedIsLost,
  noUnaskedEffects,
  oneActive,
  noOverlap,
  neverAfterTheEnd,
  attemptsAreDense,
  failuresAreBounded,
  oneResult,
  integrity,
  finalStaysFinal,
  onlyTheLastRunCounts,
  consumedIsKnown,
  nothingToPublish,
  replayChangesNothing,
  malformedIsDeadLettered,
  liveness,
  noLiveCorpse,
  hygiene,
];
