/**
 * BeingWritten: the touched files that are probably in the middle of being written. They keep no other waiting, and come back
 * when they have been quiet for a while.
 */
import { type Stats, statSync } from 'node:fs';
import { isWithin } from '../core/relpath.js';
import { type Identity, unsettledFor } from '../core/unsettled.js';
import { isOpenToWrite } from '../fs/writers.js';
import { orUndefined } from '../system-error.js';

const MOST_LOOKED_AT = 1000; // of more, those that collect them find the ones that are being written
const LEAST_MS = 20;

/** What may lie behind an absolute place: our copy that was touched may be made anew from a source that is being written. */
export interface Behind {
  /** Absolute places; itself is one of them. */
  readonly files: readonly string[];
  /** In bytes, when it was last collected; 0 if it never was. */
  readonly size: number;
}

export interface WritingMeans {
  readonly behind: (place: string) => Behind;
  /** These may have come to rest. */
  readonly onQuiet: (places: readonly string[]) => void;
  /** What passes after `onQuiet` before they are sifted. */
  readonly settleMs: number;
}

/** What may be collected, and when the first change in it was noticed, by `performance.now`. */
export interface Sifted {
  readonly places: readonly string[];
  readonly since: number;
}

interface Suspect {
  readonly seen: Identity;
  readonly since: number;
}

export class BeingWritten {
  readonly #means: WritingMeans;
  /** By place. */
  readonly #suspects = new Map<string, Suspect>();
  #timer: NodeJS.Timeout | undefined;

  constructor(means: WritingMeans) {
    this.#means = means;
  }

  /** How many wait for their writer. */
  get size(): number {
    return this.#timer === undefined ? 0 : this.#suspects.size;
  }

  /** Without those of the absolute `places` that are being written. They come back. */
  sift({ places, since }: Sifted): Sifted {
    if (places.length > MOST_LOOKED_AT) return { places, since };
    let first = since;
    const settled = places.filter((place) => {
      const suspects = [...this.#suspects].filter(([file]) => isWithin(file, place));
      const noticed = Math.min(since, ...suspects.map(([, suspect]) => suspect.since));
      const unsettled = this.#unsettledAt(place);
      for (const [file] of suspects) this.#suspects.delete(file);
      for (const { file, seen } of unsettled) this.#suspects.set(file, { seen, since: noticed });
      if (unsettled.length > 0) this.#comeBackIn(Math.max(...unsettled.map(({ left }) => left)));
      else first = Math.min(first, noticed);
      return unsettled.length === 0;
    });
    return { places: settled, since: first };
  }

  /** Those of the absolute `places` that are not being written, as it seems. */
  settledOf(places: readonly string[]): readonly string[] {
    return places.length > MOST_LOOKED_AT ? places : places.filter((place) => this.#unsettledAt(place).length === 0);
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  /** For how many milliseconds each is to be left alone. */
  #unsettledAt(place: string): { readonly file: string; readonly seen: Identity; readonly left: number }[] {
    const { files, size } = this.#means.behind(place);
    return files.flatMap((file) => {
      const seen = seenAt(file);
      if (seen === undefined) return [];
      const left = unsettledFor(
        seen,
        { size, suspect: this.#suspects.get(file)?.seen, isOpen: () => isOpenToWrite(seen) },
        Date.now(),
      );
      return left === 0 ? [] : [{ file, seen, left }];
    });
  }

  #comeBackIn(ms: number): void {
    this.#timer ??= setTimeout(
      () => {
        this.#timer = undefined;
        this.#means.onQuiet([...this.#suspects.keys()]);
      },
      Math.max(LEAST_MS, ms - this.#means.settleMs),
    );
  }
}

/** Undefined for what is no file, or cannot be told: who collects it will tell. */
function seenAt(place: string): Stats | undefined {
  const stats = orUndefined(() => statSync(place, { throwIfNoEntry: false }));
  return stats?.isFile() === true ? stats : undefined;
}
