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

/** A manifest that can be written again with other values for a few names, without looking at all of them. */
export class Manifest {
  /** Sorted by name; names and values as JSON. */
  readonly #names: readonly string[];
  readonly #values: readonly string[];
  /** Where each name stands in them. */
  readonly #places: ReadonlyMap<string, number>;
  /** The places in the order of the file. */
  readonly #order: readonly number[];

  private constructor(
    names: readonly string[],
    values: readonly string[],
    places: ReadonlyMap<string, number>,
    order: readonly number[],
  ) {
    this.#names = names;
    this.#values = values;
    this.#places = places;
    this.#order = order;
  }

  /** `table` is in the order in which the files were processed first. */
  static of(table: ReadonlyMap<string, string>, django: DjangoRelease): Manifest {
    const sorted = sortByCodePoint([...table.keys()]);
    const places = new Map(sorted.map((name, place) => [name, place]));
    const order = isFrom(django, '6.0')
      ? [...sorted.keys()]
      : Array.from(table.keys(), (name) => places.get(name) ?? 0);
    const values = sorted.map((name) => quote(table.get(name) ?? ''));
    return new Manifest(sorted.map(quote), values, places, order);
  }

  /** With these values; all names are known. */
  with(changed: ReadonlyMap<string, string>): Manifest {
    const values = [...this.#values];
    for (const [name, value] of changed) values[this.#places.get(name) ?? 0] = quote(value);
    return new Manifest(this.#names, values, this.#places, this.#order);
  }

  /** The list that the hash is of. ASCII alone. */
  pairs(): string {
    const [names, values] = [this.#names, this.#values];
    let pairs = '';
    for (let at = 0; at < names.length; at++) pairs += `${at === 0 ? '' : ', '}[${names[at]}, ${values[at]}]`;
    return `[${pairs}]`;
  }

  /** ASCII alone. */
  text(): string {
    const [names, values] = [this.#names, this.#values];
    let members = '';
    for (const at of this.#order) members += `${members === '' ? '' : ', '}${names[at]}: ${values[at]}`;
    return `${HEAD}${members}}, "version": "1.1", "hash": "${hashOf(this.pairs())}"}`;
  }
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
  const patched = withValues(text, [...members, ['"version": "1.1", "hash": ', quote(hashOf(list))]], HEAD.length);
  return patched === undefined ? undefined : { text: patched, pairs: list };
}

const HEAD = '{"paths": {';

type KeyedValue = readonly [key: string, value: string];

/** `text` with another JSON text behind each key, looked for from `start`: put together once, for it has megabytes. */
function withValues(text: string, values: readonly KeyedValue[], start: number): string | undefined {
  const places = values.map(([key, value]) => ({ at: text.indexOf(key, start), key, value }));
  let patched = '';
  let copied = 0;
  for (const { at, key, value } of places.sort((a, b) => a.at - b.at)) {
    if (at < 0) return undefined;
    const from = at + key.length;
    let to = from + 1;
    while (text[to] !== '"') to += text[to] === '\\' ? 2 : 1;
    patched += text.slice(copied, from) + value;
    copied = to + 1;
  }
  return patched + text.slice(copied);
}

/** Its bytes are its characters: there is no need to look for others in megabytes of text. */
function hashOf(pairs: string): string {
  return hash('md5', Buffer.from(pairs, 'latin1'), 'hex').slice(0, CONTENT_HASH_DIGITS);
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
