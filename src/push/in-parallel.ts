/**
 * inParallel: visits many items, so many at once.
 *
 * A few workers that take the next item when they are done with one: nothing is queued, and an item costs no more than
 * the promise of its visit. With tens of thousands of small files that is what the time goes into.
 */

import { setImmediate } from 'node:timers/promises';
import { loopTurn } from '../fs/loop-turn.js';

const MOST_IN_A_TURN = 128; // what they do behind their first wait is not seen here
const LEAST_IN_A_TURN = 32; // also where others use it up

/** Calls `visit` for each item, `atOnce` of them at a time. The first failure is thrown when the others have ended. */
export async function inParallel<T>(
  items: Iterable<T>,
  atOnce: number,
  visit: (item: T) => Promise<void>,
): Promise<void> {
  const iterator = items[Symbol.iterator]();
  const failures: unknown[] = [];
  let isOver = false;
  const workers: Promise<void>[] = [];
  for (let begun = 0; workers.length < atOnce && !isOver && failures.length === 0; ) {
    workers.push(work());
    begun++;
    const isEnough = begun >= MOST_IN_A_TURN || (begun >= LEAST_IN_A_TURN && loopTurn.isUsedUp);
    if (!isEnough) continue;
    await setImmediate(); // what is begun leaves only when the event loop turns
    begun = 0;
  }
  await Promise.all(workers);
  if (failures.length > 0) throw failures[0];

  async function work(): Promise<void> {
    try {
      for (let next = iterator.next(); failures.length === 0; next = iterator.next()) {
        if (next.done === true) {
          isOver = true;
          return;
        }
        await visit(next.value);
      }
    } catch (error) {
      failures.push(error);
    }
  }
}
