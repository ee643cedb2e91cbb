/**
 * The manifest, `staticfiles.json`: from names to hashed names, as `ManifestFilesMixin.save_manifest` writes it.
 */
import { hash } from 'node:crypto';
import { CONTENT_HASH_DIGITS } from './hashed-name.js';
import { type DjangoRelease, isFrom } from './rules.js';

const VERSIONS: readonly unknown[] = ['1.0', '1.1'];

/** Whether Django would read `text` as a manifest: if not, it does not even begin. */
export function isManifest(text: string): boolean {
  try {
    const document: unknown = JSON.parse(text);
    return typeof document === 'object' && document !== null && VERSIONS.includes(Reflect.get(document, 'version'));
  } catch (error) {
    if (error instanceof SyntaxError) return false;
    throw error;
  }
}

/** A manifest that can be made again with other values for a few names, without going over all of them. */
export class Manifest {
  /** As it stands in its file. ASCII alone. */
  readonly text: Buffer;
  /** The list that its hash is of. ASCII alone. */
  readonly pairs: Buffer;
  readonly #values: Values;

  private constructor(text: Buffer, pairs: Buffer, values: Values) {
    this.text = text;
    this.pairs = pairs;
    this.#values = values;
  }

  /** `table` is in the order in which the files were processed first. */
  static of(table: ReadonlyMap<string, string>, django: DjangoRelease): Manifest {
    const sorted = sortByCodePoint([...table.keys()]);
    const places = new Map(sorted.map((name, place) => [name, place]));
    const order = isFrom(django, '6.0') ? places.values() : Array.from(table.keys(), (name) => places.get(name) ?? 0);
    const names = sorted.map(quote);
    const values = sorted.map((name) => quote(table.get(name) ?? ''));
    const [pairs, text] = [new Draft(names, values), new Draft(names, values)];
    pairs.add('[');
    for (const place of names.keys()) pairs.addMember(place, '[', ', ', ']');
    const list = pairs.add(']').bytes();
    text.add(HEAD);
    for (const place of order) text.addMember(place, '', ': ', '');
    const whole = text.add(`${BETWEEN}${hashOf(list)}${TAIL}`).bytes();
    const lengths = Uint32Array.from(values, ({ length }) => length);
    return new Manifest(whole, list, { places, lengths, inPairs: pairs.at, inText: text.at });
  }

  /** With these values; undefined where they do not fit into the places of the old ones. */
  with(changed: ReadonlyMap<string, string>): Manifest | undefined {
    const { places, lengths, inPairs, inText } = this.#values;
    const [text, pairs] = [Buffer.from(this.text), Buffer.from(this.pairs)];
    for (const [name, value] of changed) {
      const place = places.get(name);
      const json = quote(value);
      if (place === undefined || json.length !== lengths[place]) return undefined;
      text.write(json, inText[place] ?? 0, 'latin1');
      pairs.write(json, inPairs[place] ?? 0, 'latin1');
    }
    text.write(hashOf(pairs), text.length - TAIL.length - CONTENT_HASH_DIGITS, 'latin1');
    return new Manifest(text, pairs, this.#values);
  }
}

/** A text in the making, of ASCII alone, that notes where the values stand in it. */
class Draft {
  readonly #names: readonly string[];
  readonly #values: readonly string[];
  readonly #pieces: string[] = [];
  #length = 0;
  /** Of each value, by the place of its name. */
  readonly at: Uint32Array;
  #separator = '';

  constructor(names: readonly string[], values: readonly string[]) {
    this.#names = names;
    this.#values = values;
    this.at = new Uint32Array(names.length);
  }

  add(piece: string): this {
    this.#pieces.push(piece);
    this.#length += piece.length;
    return this;
  }

  addMember(place: number, before: string, between: string, behind: string): void {
    this.add(`${this.#separator}${before}${this.#names[place]}${between}`);
    this.at[place] = this.#length;
    this.add(`${this.#values[place]}${behind}`);
    this.#separator = ', ';
  }

  bytes(): Buffer {
    return Buffer.from(this.#pieces.join(''), 'latin1');
  }
}

/** Where the values stand, as JSON: in bytes, by the place of their names. */
interface Values {
  readonly places: ReadonlyMap<string, number>;
  readonly lengths: Uint32Array;
  readonly inPairs: Uint32Array;
  readonly inText: Uint32Array;
}

/** A manifest, and the list that its hash is of. */
export interface ManifestTexts {
  readonly text: string;
  readonly pairs: string;
}

/** With these values, whatever those of the names were; undefined if one of them is not there. */
export function patchManifest(
  { text, pairs }: ManifestTexts,
  changed: ReadonlyMap<string, string>,
): ManifestTexts | undefined {
  const entries = [...changed];
  const list = withValues(
    pairs,
    entries.map(([name, value]) => [`[${quote(name)}, `, quote(value)]),
    0,
  );
  if (list === undefined) return undefined;
  const members = entries.map(([name, value]): KeyedValue => [`${quote(name)}: `, quote(value)]);
  const end = text.lastIndexOf(BETWEEN); // of the names: a file may be called as what follows is
  const patched = end < 0 ? undefined : withValues(text.slice(0, end), members, HEAD.length);
  if (patched === undefined) return undefined;
  const sum = hashOf(Buffer.from(list, 'latin1'));
  return { text: `${patched}${BETWEEN}${sum}${TAIL}`, pairs: list };
}

const HEAD = '{"paths": {';
const MANY = 100;
/** What stands between the names and the hash. */
const BETWEEN = '}, "version": "1.1", "hash": "';
const TAIL = '"}';

type KeyedValue = readonly [key: string, value: string];

/** `text` with another JSON text behind each key, looked for from `start`: put together once, for it has megabytes. */
function withValues(text: string, values: readonly KeyedValue[], start: number): string | undefined {
  const found = values.length < MANY ? undefined : keysIn(text, start);
  const places = values.map(([key, value]) => ({ at: found?.get(key) ?? placeOf(key, text, start), key, value }));
  let patched = '';
  let copied = 0;
  for (const { at, key, value } of places.sort((a, b) => a.at - b.at)) {
    if (at < 0) return undefined;
    const from = at + key.length;
    let to = from + 1;
    while (to < text.length && text[to] !== '"') to += text[to] === '\\' ? 2 : 1;
    if (to >= text.length) return undefined;
    patched += text.slice(copied, from) + value;
    copied = to + 1;
  }
  return patched + text.slice(copied);
}

/** Where each key stands: to go over the text once takes about as long as to look for a hundred of them. */
function keysIn(text: string, start: number): Map<string, number> {
  const places = new Map<string, number>();
  const literal = /\[?"(?:[^"\\]|\\.)*"(?<before>: |, )?/g;
  literal.lastIndex = start;
  for (let found = literal.exec(text); found !== null; found = literal.exec(text)) {
    if (found.groups?.['before'] !== undefined) places.set(found[0], found.index);
  }
  return places;
}

/** A quote behind a backslash stands within a name, and begins none. */
function placeOf(key: string, text: string, start: number): number {
  let at = text.indexOf(key, start);
  while (at > 0 && text[at - 1] === '\\') at = text.indexOf(key, at + 1);
  return at;
}

function hashOf(pairs: Buffer): string {
  return hash('md5', pairs, 'hex').slice(0, CONTENT_HASH_DIGITS);
}

const PLAIN = /^[ !#-[\]-~]*$/;
const SHORT: Readonly<Record<string, string>> = {
  '"': '\\"',
  '\\': '\\\\',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\b': '\\b',
  '\f': '\\f',
};

/** As Python's `json.dumps` does: whatever is not ASCII is escaped. */
function quote(text: string): string {
  if (PLAIN.test(text)) return `"${text}"`;
  const escaped = text.replaceAll(/[^ !#-[\]-~]/g, (unit) => {
    return SHORT[unit] ?? `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
  return `"${escaped}"`;
}

/** Python's order of texts. It is not that of UTF-16, which has what takes two units before U+E000. */
function sortByCodePoint(texts: string[]): string[] {
  const hasPairs = texts.some((text) => /[\ud800-\udfff]/.test(text));
  return hasPairs ? texts.sort(compareCodePoints) : texts.sort();
}

function compareCodePoints(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let at = 0; at < length; at++) {
    const [unitOfA, unitOfB] = [a.charCodeAt(at), b.charCodeAt(at)];
    if (unitOfA !== unitOfB) return weightOf(unitOfA) - weightOf(unitOfB);
  }
  return a.length - b.length;
}

/** Surrogates after all other units. */
function weightOf(unit: number): number {
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit;
}
