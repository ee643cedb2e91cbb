/**
 * inParallel: visits many items, so many at once. allOf: waits for a few things that were begun together.
 *
 * A few workers that take the next item when they are done with one: nothing is queued, and an item costs no more than
 * the promise of its visit. With tens of thousands of small files that is what the time goes into.
 */

/** Calls `visit` for each item, `atOnce` of them at a time. The first failure is thrown when the others have ended. */
export async function inParallel<T>(
  items: Iterable<T>,
  atOnce: number,
  visit: (item: T) => Promise<void>,
): Promise<void> {
  const iterator = items[Symbol.iterator]();
  const failures: unknown[] = [];
  await Promise.all(Array.from({ length: atOnce }, work));
  if (failures.length > 0) throw failures[0];

  async function work(): Promise<void> {
    try {
      for (let next = iterator.next(); next.done !== true && failures.length === 0; next = iterator.next()) {
        await visit(next.value);
      }
    } catch (error) {
      failures.push(error);
    }
  }
}

/** Waits for all, then throws the first failure: nothing is under way any more when the caller goes on. */
export async function allOf<A>(promises: readonly [Promise<A>, ...Promise<unknown>[]]): Promise<A> {
  await Promise.allSettled<unknown>(promises);
  await Promise.all<unknown>(promises);
  return promises[0];
}
