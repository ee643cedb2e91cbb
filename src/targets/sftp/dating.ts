/**
 * Dating: how a server lets the mode and the times of a file be set: while it is open, by its path, or not at all. The channels of
 * a connection have one in common, and learn it by the first refusal.
 */
import { TargetError } from '../../errors.js';

export class Dating {
  way: 'open' | 'path' | 'none' = 'open';
  /** Is called once, when it turns out that there is no way. */
  onNone: () => void = () => undefined;

  /** The server refused that way. */
  refuse(way: 'open' | 'path'): void {
    if (this.way !== way) return;
    this.way = way === 'open' ? 'path' : 'none';
    if (this.way === 'none') this.onNone();
  }
}

/** Whether a server does not do that at all, or not for this account. */
export function isRefused(error: unknown): boolean {
  return error instanceof TargetError && (error.kind === 'denied' || error.kind === 'unsupported');
}
