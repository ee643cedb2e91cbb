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
  let failure: { readonly error: unknown } | undefined;
  await Promise.all(Array.from({ length: atOnce }, work));
  if (failure !== undefined) throw (failure as { readonly error: unknown }).error;

  async function work(): Promise<void> {
    try {
      for (let next = iterator.next(); next.done !== true && failure === undefined; next = iterator.next()) {
        await visit(next.value);
      }
    } catch (error) {
      failure ??= { error };
    }
  }
}

/** Waits for all, then throws the first failure: nothing is under way any more when the caller goes on. */
export async function allOf<T extends readonly unknown[]>(
  promises: readonly [...{ [K in keyof T]: Promise<T[K]> }],
): Promise<T> {
  await Promise.allSettled(promises);
  return (await Promise.all(promises)) as unknown as T;
}
