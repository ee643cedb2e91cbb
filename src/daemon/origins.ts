/**
 * Origins: what the configuration comes from, as far as somebody can touch it: its file, what the project's answer was read from, and
 * what the project looked for or listed.
 */
import type { Config } from '../config/schema.js';
import { isWithin } from '../core/relpath.js';
import { kindOf } from '../fs/kind-of.js';
import type { SinglePlace } from '../watch/watched-file.js';

/** What a touch means: the configuration is to be read again, or it may be another one, or nothing. */
export type Touch = 'read again' | 'look' | 'nothing';

const LISTED = 'listed'; // whatever it holds now is a sign

export class Origins {
  readonly #files: ReadonlySet<string>;
  /** What lies where the project looked, as `kindOf` has it, and the folders that it listed. */
  readonly #signs: Map<string, string>;

  constructor({ file, asked }: Pick<Config, 'file' | 'asked'>) {
    const { files = [], looked = [], listed = [] } = asked ?? {};
    this.#files = new Set([file, ...files]);
    this.#signs = new Map(looked.map((place) => [place, kindOf(place)]));
    for (const place of listed) this.#signs.set(place, LISTED);
  }

  /** What is to be watched. */
  get places(): SinglePlace[] {
    const ofKind = [...this.#signs].filter(([place, sign]) => sign !== LISTED && !this.#files.has(place));
    const listed = [...this.#signs].filter(([, sign]) => sign === LISTED);
    return [
      ...[...this.#files, ...listed.map(([path]) => path)].map((path) => ({ path, for: 'any change' }) as const),
      ...ofKind.map(([path]) => ({ path, for: 'kind' }) as const),
    ];
  }

  has(place: string): boolean {
    return this.#files.has(place) || this.#signs.has(place);
  }

  /** Any of `places` may have changed. */
  touch(places: readonly string[]): Touch {
    const isSign = places.filter((place) => this.#hasTurned(place)).length > 0; // each is noted
    if (places.some((place) => this.#files.has(place) || this.#holdsFile(place))) return 'read again';
    return isSign ? 'look' : 'nothing';
  }

  /** A folder that was looked for stands for all that was touched in it. */
  #holdsFile(place: string): boolean {
    return this.#signs.has(place) && [...this.#files].some((file) => isWithin(file, place));
  }

  #hasTurned(place: string): boolean {
    const before = this.#signs.get(place);
    if (before === undefined || before === LISTED) return before === LISTED;
    const now = kindOf(place);
    this.#signs.set(place, now);
    return now !== before;
  }
}
