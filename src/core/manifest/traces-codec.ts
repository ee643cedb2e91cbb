/**
 * Traces as bytes: a line with the SHA-256 of the rest, then JSON. They hold for the rules they were made by.
 */
import { hash } from 'node:crypto';
import type { RelPath } from '../relpath.js';
import type { Rules } from './rules.js';
import type { FileTraces, Traces } from './trace.js';

const FORMAT = 2; // another one also where rewriting itself has become another
const SUM_DIGITS = 64;

interface Document {
  readonly format: number;
  readonly rules: Rules;
  readonly files: readonly (readonly [RelPath, FileTraces])[];
}

export function encodeTraces(traces: Traces, rules: Rules): string {
  const document: Document = { format: FORMAT, rules, files: [...traces] };
  const text = JSON.stringify(document);
  return `${hash('sha256', text, 'hex')}\n${text}`;
}

/** None for bytes that are damaged, of another version, or made by other rules. */
export function decodeTraces(bytes: Uint8Array, rules: Rules): Traces {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString();
  const rest = text.slice(SUM_DIGITS + 1);
  if (hash('sha256', rest, 'hex') !== text.slice(0, SUM_DIGITS)) return new Map();
  const { format, rules: theirs, files } = JSON.parse(rest) as Document; // the sum says that it is what was written
  const isOurs = format === FORMAT && JSON.stringify(theirs) === JSON.stringify(rules);
  return isOurs ? new Map(files) : new Map();
}
