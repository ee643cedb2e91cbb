/**
 * look: stat of a place that a user named, for decisions about the place as a whole.
 */
import { type Stats, statSync } from 'node:fs';
import { SourceError } from '../errors.js';
import { isSystemError, reasonOfSystem } from '../system-error.js';

/** What lies at `place`, links followed; undefined if nothing does. Throws a SourceError when that cannot be told. */
export function look(place: string): Stats | undefined {
  try {
    return statSync(place);
  } catch (error) {
    if (!isSystemError(error)) throw error;
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return undefined;
    throw new SourceError(`cannot read ${place}: ${reasonOfSystem(error)}`, { cause: error });
  }
}
