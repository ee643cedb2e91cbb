/** Waits for something that can only be asked for. */
import { setTimeout as pause } from 'node:timers/promises';

/** The first answer of `ask` that is not undefined. Asks every `everyMs`; throws after `withinMs`. */
export async function until<T>(ask: () => Promise<T | undefined>, withinMs: number, everyMs = 5): Promise<T> {
  const deadline = performance.now() + withinMs;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    if (performance.now() > deadline) throw new TypeError(`nothing came of it within ${withinMs} ms`);
    await pause(everyMs);
  }
}
