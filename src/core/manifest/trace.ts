/**
 * Traces: what the rewriting of a content asked for, and what came of it, so that it need not be done again.
 *
 * Rewriting is decided by the text and by the answers to what it asks, in order. So while the recorded names get the
 * recorded answers, the recorded result holds. What is asked may depend on what was answered: that does no harm, for then
 * an earlier answer is another one.
 */
import { hash } from 'node:crypto';
import type { Digest } from '../entry.js';
import type { RelPath } from '../relpath.js';
import type { ContentHash } from './hashed-name.js';
import type { Answer } from './rewrite.js';

/** What is known of a content. */
export interface ContentFacts {
  readonly hash: ContentHash;
  readonly digest: Digest;
  /** Bytes. */
  readonly size: number;
}

export interface Trace {
  /** What was asked for, in order. */
  readonly names: readonly string[];
  /** See `sealOf`. */
  readonly seal: string;
  /** Undefined: it came out as it was. */
  readonly result: ContentFacts | undefined;
}

/** The traces of one file: of a content, one for each set of answers that it met. */
export interface FileTraces {
  readonly digest: Digest;
  readonly traces: readonly Trace[];
}

export type Traces = ReadonlyMap<RelPath, FileTraces>;

/** Whether nothing was traced anew between `before` and `after`. */
export function areSameTraces(before: Traces, after: Traces): boolean {
  if (before.size !== after.size) return false;
  for (const [path, { traces }] of after) {
    const known = before.get(path)?.traces;
    if (known?.length !== traces.length || !traces.every((trace) => known.includes(trace))) return false;
  }
  return true;
}

/** The same for the same answers, and for no others. 32 hexadecimal digits. */
export function sealOf(answers: readonly Answer[]): string {
  const text = answers.map((answer) => (answer.kind === 'hashed' ? answer.name : `\0${answer.kind}`)).join('\0\0');
  return hash('sha256', text, 'hex').slice(0, 32);
}
