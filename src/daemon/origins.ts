/**
 * Origins: what the configuration comes from, as far as somebody can touch it: its file, what the project's answer was read from, and
 * what the project looked for or listed.
 */
import { existsSync, statSync } from 'node:fs';
import type { Config } from '../config/schema.js';
import { orUndefined } from '../system-error.js';

/** What a touch means: the configuration is to be read again, or it may be another one, or nothing. */
export type Touch = 'read again' | 'look' | 'nothing';

export class Origins {
  readonly #files: ReadonlySet<string>;
  /** Whether what the project looked for is there, and the folders that it listed. */
  readonly #signs: Map<string, boolean | 'listed'>;

  constructor({ file, asked }: Pick<Config, 'file' | 'asked'>) {
    const { files = [], looked = [], listed = [] } = asked ?? {};
    this.#files = new Set([file, ...files]);
    // A folder that is there would stand for all that is touched in it.
    this.#signs = new Map(looked.filter((place) => !isFolder(place)).map((place) => [place, existsSync(place)]));
    for (const place of listed) this.#signs.set(place, 'listed');
  }

  /** What is to be watched. */
  get places(): string[] {
    return [...new Set([...this.#files, ...this.#signs.keys()])];
  }

  has(place: string): boolean {
    return this.#files.has(place) || this.#signs.has(place);
  }

  /** Any of `places` may have changed. */
  touch(places: readonly string[]): Touch {
    const isSign = places.filter((place) => this.#hasTurned(place)).length > 0; // each is noted
    if (places.some((place) => this.#files.has(place))) return 'read again';
    return isSign ? 'look' : 'nothing';
  }

  #hasTurned(place: string): boolean {
    const before = this.#signs.get(place);
    if (before === undefined || before === 'listed') return before === 'listed';
    const now = existsSync(place);
    this.#signs.set(place, now);
    return now !== before;
  }
}

function isFolder(place: string): boolean {
  return orUndefined(() => statSync(place))?.isDirectory() === true;
}
