/**
 * Escapes control characters other than line feed and tab. Logs contain text from user code, `curl` writes them to a
 * terminal, and a terminal interprets control characters.
 */
export function printable(text: string): string {
  return text.replaceAll(/[^\P{Cc}\n\t]/gu, (character) => {
    return `\\x${character.charCodeAt(0).toString(16).padStart(2, "0")}`;
  });
}
