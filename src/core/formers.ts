/**
 * Formers: of what a target holds, what a file is most likely a later version of. What the two have in common need not be sent.
 */
import type { Entry } from './entry.js';
import type { EntryTable } from './entry-table.js';
import { isPatched } from './origins.js';
import { nameOf } from './relpath.js';

/** A name that holds a hash, as Django's `app.0123456789ab.css` or a bundler's `app-DiwrgTda.js`: what is before and behind it. */
const HASHED = /^(.*[.-])[\w-]{8,64}(\.[^./]+|)$/s;
const MOST_LOOKED_AT = 64;
const MOST_NAMESAKES = 16; // of each name: more than an `index.js` in each of a dozen packages
const MOST_UNLIKE = 2; // times as large: what is further apart has little in common

export class Formers {
  readonly held: EntryTable;
  /** By name without its folder and its hash, of those that are worth it; made when somebody asks. */
  #namesakes: ReadonlyMap<string, readonly Entry[]> | undefined;

  constructor(held: EntryTable) {
    this.held = held;
  }

  /**
   * The file of its name; or, where the name holds a hash, the one with another hash in the same place; or one of that name
   * in another folder, such as that of another version of a package. Of several, the one whose size is nearest.
   */
  of(wanted: Entry): Entry | undefined {
    if (!isPatched(wanted)) return undefined;
    return this.held.find(wanted.path) ?? this.#inPlace(wanted) ?? this.#elsewhere(wanted);
  }

  #inPlace(wanted: Entry): Entry | undefined {
    const [, stem, ending] = HASHED.exec(wanted.path) ?? [];
    if (stem === undefined || ending === undefined) return undefined;
    const found: Entry[] = [];
    let lookedAt = 0;
    for (const entry of this.held.from(stem)) {
      if (!entry.path.startsWith(stem) || lookedAt++ === MOST_LOOKED_AT) break;
      const [, otherStem, otherEnding] = HASHED.exec(entry.path) ?? [];
      if (otherStem === stem && otherEnding === ending) found.push(entry);
    }
    return nearest(found, wanted);
  }

  #elsewhere(wanted: Entry): Entry | undefined {
    this.#namesakes ??= byName(this.held);
    const namesakes = (this.#namesakes.get(plainNameOf(wanted)) ?? []).filter((each) => areLike(each, wanted));
    const name = nameOf(wanted.path);
    const exact = namesakes.filter(({ path }) => nameOf(path) === name);
    return nearest(exact.length > 0 ? exact : namesakes, wanted);
  }
}

function byName(held: EntryTable): Map<string, Entry[]> {
  const found = new Map<string, Entry[]>();
  for (const entry of held) {
    if (!isPatched(entry)) continue;
    const name = plainNameOf(entry);
    const others = found.get(name);
    if (others === undefined) found.set(name, [entry]);
    else if (others.length < MOST_NAMESAKES) others.push(entry);
  }
  return found;
}

function plainNameOf({ path }: Entry): string {
  const name = nameOf(path);
  const [, stem, ending] = HASHED.exec(name) ?? [];
  return stem === undefined ? name : `${stem}*${ending}`;
}

function areLike(a: Entry, b: Entry): boolean {
  return Math.max(a.size, b.size) <= Math.min(a.size, b.size) * MOST_UNLIKE;
}

function nearest(entries: readonly Entry[], { size }: Entry): Entry | undefined {
  const distance = (entry: Entry | undefined): number => (entry === undefined ? Infinity : Math.abs(entry.size - size));
  return entries.reduce<Entry | undefined>((best, each) => (distance(each) < distance(best) ? each : best), undefined);
}
