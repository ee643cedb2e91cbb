/**
 * Texts of stylesheets and scripts, and what one rewriting of each makes of its references in each version of Django: with
 * the manifest storage, imports of modules included, a given table of hashed names, and a STATIC_ROOT with given files.
 */
import { readFileSync } from 'node:fs';
import type { DjangoVersion } from './django.js';

const FILE = new URL('../fixtures/django/rewrite-vectors.json', import.meta.url);

/** The text that comes out, or the class of the exception. */
export type Rewritten = { readonly text: string } | { readonly error: string };

export interface RewriteVector {
  /** The name of the file that the text is in. */
  readonly name: string;
  readonly text: string;
  readonly results: readonly (Rewritten & { readonly versions: readonly DjangoVersion[] })[];
}

export interface RewriteVectors {
  readonly staticUrl: string;
  /** From names to hashed names. */
  readonly table: Readonly<Record<string, string>>;
  /** The files of STATIC_ROOT, with their texts. */
  readonly root: Readonly<Record<string, string>>;
  readonly vectors: readonly RewriteVector[];
}

export function readRewriteVectors(): RewriteVectors {
  return JSON.parse(readFileSync(FILE, 'utf8')) as RewriteVectors;
}

export function rewrittenBy(version: DjangoVersion, { results, text }: RewriteVector): Rewritten {
  const found = results.filter(({ versions }) => versions.includes(version));
  const [result] = found;
  if (result === undefined || found.length > 1) throw new RangeError(`not one result of ${version} for ${text}`);
  return 'error' in result ? { error: result.error } : { text: result.text };
}
