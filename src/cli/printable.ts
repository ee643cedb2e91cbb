/**
 * printable: text that others have written, such as the name of a file or what a server says, as a terminal may show it.
 */

/** A name that cannot break the line or the terminal it is shown on. */
export function printable(path: string): string {
  return path.replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`);
}

/** As `printable`, for text of several lines. */
export function printableLines(text: string): string {
  return text.split('\n').map(printable).join('\n');
}
