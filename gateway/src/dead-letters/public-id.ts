import type { DeadLetterPosition } from "@sate/contracts";

/**
 * The id of a dead letter as it is in URLs. Ids are printable ASCII, and those of unreadable records contain slashes:
 * each character that is no letter, digit, `_` or `-` becomes `~` and its code in hexadecimal.
 */
export function publicIdOf(id: string): string {
  return id.replaceAll(/[^A-Za-z0-9_-]/g, (character) => `~${character.charCodeAt(0).toString(16)}`);
}

/** The reverse. The result need not be the id of anything. */
export function idOf(publicId: string): string {
  return publicId.replaceAll(/~(..)/g, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16)));
}

export function cursorOf({ time, id }: DeadLetterPosition): string {
  return `${time}.${publicIdOf(id)}`;
}

export function positionOf(cursor: string): DeadLetterPosition {
  const dot = cursor.indexOf(".");
  return { time: Number(cursor.slice(0, dot)), id: idOf(cursor.slice(dot + 1)) };
}
