/**
 * look: what lies at a place, if anything; for watchers, whose places may vanish or be closed to them at any moment.
 */
import { type BigIntStats, statSync } from 'node:fs';
import { orUndefined } from '../system-error.js';

/** Links are followed. Undefined for what is not there, and for what may not be looked at. */
export function look(place: string): BigIntStats | undefined {
  return orUndefined(() => statSync(place, { bigint: true }));
}
