/**
 * What the parts of a connection have in common to say: that there is none, and what a server said.
 */
import { TargetError } from '../../errors.js';

/** For a connection that did not come to be. `reason` is the end of a sentence. */
export function unreachable(label: string, reason: string, cause?: unknown): TargetError {
  return new TargetError('unreachable', `cannot connect to ${label}: ${reason}`, { cause });
}

/** Text from the server, fit for a terminal: no control characters, at most 200 characters. */
export function printable(text: string): string {
  return text
    .replace(/[\p{Cc}\s]+/gu, ' ')
    .trim()
    .slice(0, 200);
}
