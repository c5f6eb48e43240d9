/**
 * Escapes control characters, which a terminal would obey, but line feed and tab. Text of others is shown to people,
 * and `curl` writes it to a terminal.
 */
export function printable(text: string): string {
  return text.replaceAll(/[^\P{Cc}\n\t]/gu, (character) => {
    return `\\x${character.charCodeAt(0).toString(16).padStart(2, "0")}`;
  });
}
