/**
 * The manifest, `staticfiles.json`: from names to hashed names, as `ManifestFilesMixin.save_manifest` writes it.
 */
import { hash } from 'node:crypto';
import { CONTENT_HASH_DIGITS } from './hashed-name.js';
import { type DjangoRelease, isFrom } from './rules.js';

/** The text of a manifest, ASCII alone. `table` is in the order in which the files were processed first. */
export function manifestText(table: ReadonlyMap<string, string>, django: DjangoRelease): string {
  const sorted = [...table].sort(([a], [b]) => compareCodePoints(a, b));
  const ofSorted = sorted.map(([path, name]) => [quote(path), quote(name)] as const);
  const sum = hash('md5', `[${ofSorted.map(([path, name]) => `[${path}, ${name}]`).join(', ')}]`, 'hex');
  const ordered = isFrom(django, '6.0')
    ? ofSorted
    : Array.from(table, ([path, name]) => [quote(path), quote(name)] as const);
  const paths = ordered.map(([path, name]) => `${path}: ${name}`).join(', ');
  return `{"paths": {${paths}}, "version": "1.1", "hash": "${sum.slice(0, CONTENT_HASH_DIGITS)}"}`;
}

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

const PLAIN = /^[ !#-[\]-~\x7f]*$/;
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
  const escaped = text.replaceAll(/[^ !#-[\]-~\x7f]/g, (unit) => {
    return SHORT[unit] ?? `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
  return `"${escaped}"`;
}

/** Python's order of texts. It is not that of UTF-16, which has what takes two units before U+E000. */
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
