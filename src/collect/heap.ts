/**
 * Heap: for a big tree less memory is better than a tenth of the time. Left alone, a heap doubles before it is looked through,
 * and keeps three times 16 MB for what is new, most of which is known to live for long here.
 *
 * What is set here holds for all threads of the process.
 */
import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8';

const MOST_NEW_BYTES = 16 * 1024 * 1024;

/** Of a thread that reads trees, for what is new: half of what it would take. */
export const NEW_IN_THREAD_MB = 24;

/** Big trees leave garbage that lived a little too long. */
export function keepHeapSmall(): void {
  setFlagsFromString('--heap-growing-percent=20');
}

/** Once the space for what is new has come to a size that is enough, it grows no more: to be asked for now and then. */
export function keepNewSpaceSmall(): void {
  const space = getHeapSpaceStatistics().find(({ space_name }) => space_name === 'new_space');
  if ((space?.space_size ?? 0) >= MOST_NEW_BYTES) setFlagsFromString('--semi-space-growth-factor=1');
}
