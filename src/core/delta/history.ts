/**
 * History: content that was sent lately, so that what later content repeats of it need not be sent again. It is to a whole push
 * what the window of a compressor is to its stream, and reaches back as far as the last 8 to 16 MiB.
 *
 * The anchors of content that is added are noted, those of new content looked up. The bytes themselves decide, no hash is ever believed.
 */
import { ANCHORED_BYTES, type Anchored } from './anchors.js';

const PAGE_BYTES = 8 * 1024 * 1024;
const SLOT_BITS = 19; // twice as many slots as a page has anchors, about
const PLACE_BITS = 24;
const PLACE_MASK = 2 ** PLACE_BITS - 1;
/** To ask for a shorter one takes about as many bytes as it has, once compressed. */
const LEAST_MATCH_BYTES = 128;
/** So much is to be taken from a source in all: it has to be opened and closed. */
const LEAST_FROM_SOURCE_BYTES = 512;
/** What lies nearer is in the window of the compressor, which takes it for less. */
const NEAR_BYTES = 32 * 1024;
/** Of one content. More of them would save less than a hundredth more, measured on four packages. */
const MOST_SOURCES = 4;

/** A range of content that was added before. */
export interface Match<Source> {
  readonly source: Source;
  /** Where it lies in the content of the source. */
  readonly offset: number;
  readonly length: number;
}

/** A match, and where the same bytes are in what it was found in. */
interface Found<Source> extends Match<Source> {
  readonly at: number;
}

export class History<Source> {
  #newer = new Page<Source>();
  #older = new Page<Source>();
  readonly #onGone: ((source: Source) => void) | undefined;

  /** `onGone` is told once for each `add` whose bytes are let go. */
  constructor(onGone?: (source: Source) => void) {
    this.#onGone = onGone;
  }

  /**
   * Keeps what lies at `offset` of the content of `source`; the oldest bytes are let go for it. False where they are too few to be
   * found, or too many.
   */
  add(source: Source, content: Anchored, offset = 0): boolean {
    const { bytes } = content;
    if (bytes.length < LEAST_FROM_SOURCE_BYTES || bytes.length > PAGE_BYTES) return false;
    if (!this.#newer.hasRoomFor(bytes.length)) {
      [this.#newer, this.#older] = [this.#older, this.#newer];
      this.#letGoOf(this.#newer);
    }
    this.#newer.add(source, content, offset);
    // Of what was sent before the last page began all but the end is far.
    this.#older.shown = this.#older.filled - Math.max(0, NEAR_BYTES - this.#newer.filled);
    this.#newer.shown = this.#newer.filled - NEAR_BYTES;
    return true;
  }

  /**
   * `content` as matches in sources that may be taken, and what lies between them, which is part of its bytes; undefined where there
   * is nothing to be gained.
   */
  find(content: Anchored, mayBeTaken: (source: Source) => boolean): (Match<Source> | Uint8Array)[] | undefined {
    const { bytes } = content;
    const found = this.#matchesIn(content, mayBeTaken);
    const fromSource = new Map<Source, number>();
    for (const { source, length } of found) fromSource.set(source, (fromSource.get(source) ?? 0) + length);
    const worth = found.filter(({ source }) => (fromSource.get(source) ?? 0) >= LEAST_FROM_SOURCE_BYTES);
    if (worth.length === 0) return undefined;
    const parts: (Match<Source> | Uint8Array)[] = [];
    let end = 0;
    for (const match of worth) {
      if (match.at > end) parts.push(bytes.subarray(end, match.at));
      parts.push(match);
      end = match.at + match.length;
    }
    if (end < bytes.length) parts.push(bytes.subarray(end));
    return parts;
  }

  clear(): void {
    this.#letGoOf(this.#newer);
    this.#letGoOf(this.#older);
  }

  #letGoOf(page: Page<Source>): void {
    for (const source of page.clear()) this.#onGone?.(source);
  }

  #matchesIn({ bytes, places, hashes }: Anchored, mayBeTaken: (source: Source) => boolean): Found<Source>[] {
    const found: Found<Source>[] = [];
    if (this.#newer.shown <= 0 && this.#older.shown <= 0) return found;
    const sources = new Set<Source>();
    const isTaken = (source: Source): boolean =>
      sources.has(source) || (sources.size < MOST_SOURCES && mayBeTaken(source));
    let free = 0;
    for (let i = 0; i < places.length; i++) {
      const [at, hash] = [places[i] as number, hashes[i] as number];
      if (at < free) continue;
      const match =
        this.#newer.match(hash, bytes, at, free, isTaken) ?? this.#older.match(hash, bytes, at, free, isTaken);
      if (match === undefined) continue;
      found.push(match);
      sources.add(match.source);
      free = match.at + match.length;
    }
    return found;
  }
}

/** Bytes of one source, one after another, from `start` of the page to the start of the next one. */
interface Stretch<Source> {
  readonly start: number;
  readonly source: Source;
  readonly offset: number;
}

class Page<Source> {
  // Memory that is not touched is none: both grow as they are filled.
  readonly #bytes = Buffer.allocUnsafeSlow(PAGE_BYTES);
  /** One more than the place where the last anchor begins that is noted there, and the end of its hash; 0 where there is none. */
  readonly #slots = new Int32Array(2 ** SLOT_BITS);
  #stretches: Stretch<Source>[] = [];
  #filled = 0;
  /** What lies before this place may be found. */
  shown = 0;

  get filled(): number {
    return this.#filled;
  }

  hasRoomFor(length: number): boolean {
    return this.#filled + length <= PAGE_BYTES;
  }

  add(source: Source, { bytes, places, hashes }: Anchored, offset: number): void {
    const start = this.#filled;
    this.#stretches.push({ start, source, offset });
    this.#bytes.set(bytes, start);
    this.#filled += bytes.length;
    for (let i = 0; i < places.length; i++) {
      const [at, hash] = [places[i] as number, hashes[i] as number];
      this.#slots[slotOf(hash)] = (hash << PLACE_BITS) | (start + at + 1);
    }
  }

  /** The sources of what it held. */
  clear(): Source[] {
    if (this.#filled === 0) return [];
    const gone = this.#stretches.map(({ source }) => source);
    this.#slots.fill(0);
    this.#stretches = [];
    this.#filled = 0;
    this.shown = 0;
    return gone;
  }

  /** What is noted for `hash`, if it is what `bytes` has at `at`, grown to both sides, but not to before `free`. */
  match(
    hash: number,
    bytes: Uint8Array,
    at: number,
    free: number,
    isTaken: (source: Source) => boolean,
  ): Found<Source> | undefined {
    const noted = this.#slots[slotOf(hash)] as number;
    // To look at the bytes takes far longer than to find that they are not the ones.
    if (((noted ^ (hash << PLACE_BITS)) & ~PLACE_MASK) !== 0) return undefined;
    const there = (noted & PLACE_MASK) - 1;
    if (there < 0 || there >= this.shown || this.#bytes[there] !== bytes[at]) return undefined;
    const index = this.#stretchAt(there);
    const { start, source, offset } = this.#stretches[index] as Stretch<Source>;
    if (!isTaken(source)) return undefined;
    const end = this.#stretches[index + 1]?.start ?? this.#filled;
    let [before, after] = [0, 0];
    while (there + after < end && at + after < bytes.length && this.#bytes[there + after] === bytes[at + after])
      after++;
    if (after < ANCHORED_BYTES) return undefined; // others with the same hash
    while (there - before > start && at - before > free && this.#bytes[there - before - 1] === bytes[at - before - 1])
      before++;
    const length = before + after;
    if (length < LEAST_MATCH_BYTES) return undefined;
    return { source, offset: offset + there - before - start, length, at: at - before };
  }

  /** The last one that begins at or before `place`. */
  #stretchAt(place: number): number {
    let [low, high] = [0, this.#stretches.length - 1];
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if ((this.#stretches[middle] as Stretch<Source>).start <= place) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}

function slotOf(hash: number): number {
  return hash >>> (32 - SLOT_BITS);
}
