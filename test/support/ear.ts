/**
 * A watcher under test, and what it told: `await listen([root], 'native')`. Closed when the test is over.
 *
 * The thread is the built one; `npm test` builds it first.
 */
import { writeFileSync } from 'node:fs';
import { expect, onTestFinished } from 'vitest';
import { openWatcher, type WatchOptions } from '../../src/watch/open.js';
import type { WatchEvent, Watcher } from '../../src/watch/watcher.js';

/** Built by `npm test`. */
export const WATCH_THREAD = new URL('../../dist/cli/watch-thread.js', import.meta.url);
const DEADLINE_MS = 40_000;

export class Ear {
  readonly #events: WatchEvent[] = [];
  readonly onEvent = (event: WatchEvent): void => void this.#events.push(event);

  /** Forgets all that was told. */
  clear(): void {
    this.#events.length = 0;
  }

  get lost(): Extract<WatchEvent, { kind: 'lost' }>[] {
    return this.#events.filter((event) => event.kind === 'lost');
  }

  get warnings(): string[] {
    return this.#events.filter((event) => event.kind === 'warning').map(({ text }) => text);
  }

  get touched(): string[] {
    return this.#events.flatMap((event) => (event.kind === 'touched' ? event.places : []));
  }

  /** Those of `places` that nothing that was told stands for. */
  missing(places: readonly string[]): string[] {
    const told = new Set([...this.touched, ...this.lost.map(({ folder }) => folder)]);
    return places.filter((place) => !ways(place).some((above) => told.has(above)));
  }

  /** Waits until all of `places` were told of, as themselves, as a folder above them, or as lost. */
  async heardOf(...places: readonly string[]): Promise<void> {
    await expect.poll(() => this.missing(places), { timeout: DEADLINE_MS, interval: 20 }).toEqual([]);
  }

  /**
   * Waits until a file that is made in `folder` from now on is told of by its own name: proof that the folder is watched,
   * because all that is told for having been made late names a folder.
   */
  async hearsIn(folder: string): Promise<void> {
    const made: string[] = [];
    const makeAnother = (): boolean => {
      const place = `${folder}/probe-${made.length}`;
      writeFileSync(place, '');
      made.push(place);
      const told = new Set(this.touched);
      return made.some((each) => told.has(each));
    };
    await expect.poll(makeAnother, { timeout: DEADLINE_MS, interval: 50 }).toBe(true);
  }
}

export async function listen(
  folders: readonly string[],
  backend: WatchOptions['backend'],
  files: readonly string[] = [],
): Promise<Ear & { readonly watcher: Watcher }> {
  const ear = new Ear();
  const watcher = await openWatcher(folders, {
    backend,
    files: files.map((path) => ({ path, for: 'any change' })),
    onEvent: ear.onEvent,
    thread: WATCH_THREAD,
  });
  onTestFinished(() => watcher.close());
  return Object.assign(ear, { watcher });
}

/** `place` and all folders above it. */
function ways(place: string): string[] {
  const found = [place];
  for (let at = place.lastIndexOf('/'); at > 0; at = place.lastIndexOf('/', at - 1)) found.push(place.slice(0, at));
  return found;
}
