/**
 * Backlog: tells when the system may have dropped events, which it does without a word that reaches us.
 *
 * The kernel keeps up to `fs.inotify.max_queued_events` for us, and all that wait are delivered in one turn of the event
 * loop. So where it dropped some, one turn brings that many; and a turn with far fewer proves that it dropped none.
 */
import { readFileSync } from 'node:fs';
import { orUndefined } from '../system-error.js';

const MOST_QUEUED = 16_384; // the kernel's own default
const SHARE = 0.5; // some of what is queued is never delivered to us: half is near enough

export class Backlog {
  readonly #limit: number;
  readonly #onFull: () => void;
  #inTurn = 0;

  /** Calls `onFull` in the turn that brings too many, once. */
  constructor(limit: number, onFull: () => void) {
    this.#limit = limit;
    this.#onFull = onFull;
  }

  add(events: number): void {
    if (this.#inTurn === 0) setImmediate(() => (this.#inTurn = 0));
    const before = this.#inTurn;
    this.#inTurn += events;
    if (before < this.#limit && this.#inTurn >= this.#limit) this.#onFull();
  }
}

/** From how many events in one turn on some may have been dropped. */
export function backlogLimit(): number {
  return Math.max(1, Math.floor(mostQueued() * SHARE));
}

function mostQueued(): number {
  const text = orUndefined(() => readFileSync('/proc/sys/fs/inotify/max_queued_events', 'utf8'));
  return Number(text) || MOST_QUEUED;
}
