import type { Invariant } from "../evidence/evidence.ts";
import {
  attemptsAreDense,
  finalStaysFinal,
  nothingAcknowledgedIsLost,
  noUnaskedEffects,
} from "./acknowledged.ts";
import { failuresAreBounded, integrity, oneResult } from "./outcomes.ts";
import {
  clocksDoNotMatter,
  consumedIsKnown,
  faultsAsPromised,
  hygiene,
  liveness,
  malformedIsDeadLettered,
  noLiveCorpse,
  nothingToPublish,
  replayChangesNothing,
} from "./rest.ts";
import { neverAfterTheEnd, noOverlap, oneActive, onlyTheLastRunCounts } from "./runs.ts";

/** The 19 invariants, and 0: what is promised about single faults. */
export const invariants: Invariant[] = [
  faultsAsPromised,
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
  clocksDoNotMatter,
  hygiene,
];
