import { createHash } from "node:crypto";
import type { JsonText } from "@sate/contracts";

/** Where a client is in an event stream: the state that it has seen, and the last chunk of the log. */
export type Place = { state: string; epoch: number; sequence: number };

/** The place of a client that has seen nothing. Epochs begin at 1. */
export const start: Place = { state: "", epoch: 0, sequence: 0 };

/** The state of the last event of a stream. */
export const ended = "end";

const stateChars = 11;
const idPattern = new RegExp(`^([\\w-]{${stateChars}}|${ended})\\.(\\d{1,9})-(\\d{1,9})$`);

/** A short name of a state: different states have different names. */
export function nameOfState(text: string): string {
  return createHash("sha256").update(text).digest("base64url").slice(0, stateChars);
}

/**
 * The place of a client that sends this `Last-Event-ID`; `null` if that is no id of ours.
 * https://html.spec.whatwg.org/multipage/server-sent-events.html#the-last-event-id-header
 */
export function placeOf(lastEventId: string | null): Place | null {
  const [, state, epoch, sequence] = idPattern.exec(lastEventId ?? "") ?? [];
  return state === undefined ? null : { state, epoch: Number(epoch), sequence: Number(sequence) };
}

/** An event with its id. Line breaks, which JSON may have between its values, are kept as line feeds. */
export function eventText(name: string, { state, epoch, sequence }: Place, data: JsonText): string {
  const lines = data.split(/\r\n|\r|\n/).map((line) => `data: ${line}\n`);
  return `event: ${name}\nid: ${state}.${epoch}-${sequence}\n${lines.join("")}\n`;
}

/** The time after which a client connects again, in ms. It is not an event, and makes the server send the headers. */
export const firstText = "retry: 1000\n\n";

export const commentText = ":\n\n";
