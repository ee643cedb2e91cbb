/**
 * The text of a configuration file as plain data that remembers where each value stood.
 *
 * YAML 1.2, one document, text keys, no key twice. The text is hostile until read: aliases may not multiply it.
 * The YAML library is imported here, so this file is only loaded when a configuration is read.
 */
import {
  type Document,
  isAlias,
  isMap,
  isNode,
  isScalar,
  isSeq,
  LineCounter,
  parseDocument,
  visit,
  type YAMLError,
} from 'yaml';
import { reasonOf } from '../system-error.js';
import type { Fault, KeyPath } from './fault.js';

/** A position in the text, both counted from 1. */
interface Place {
  readonly line: number;
  readonly column: number;
}

export interface Complaint extends Partial<Place> {
  readonly text: string;
}

export interface ConfigDocument {
  /** Plain data; undefined if there are complaints. */
  readonly value: unknown;
  /** What is wrong with the text as YAML. */
  readonly complaints: readonly Complaint[];
  /** Where a fault stands; for a key that is missing, where the mapping is that should hold it; nowhere, for the project's. */
  readonly placeOf: (fault: Pick<Fault, 'path' | 'on'>) => Place | undefined;
}

const MAX_ALIASES = 100; // how often an anchor's content may be used, as counted by the YAML library
const START: Place = { line: 1, column: 1 };

// Keys that objects have of themselves: no key of ours, and not always seen by what walks over an object.
const UNSAFE_KEYS = new Set(['__proto__', 'constructor', 'prototype']);

// Those of the library's sentences that do not say it in the words of a user.
const SENTENCES = new Map([
  ['DUPLICATE_KEY', 'this key stands twice in one mapping'],
  ['MULTIPLE_DOCS', 'a second YAML document begins here; expected one'],
  ['NON_STRING_KEY', 'expected text as a key'],
  ['RESOURCE_EXHAUSTION', 'mappings and lists are nested too deeply here'],
  ['TAB_AS_INDENT', 'a tab stands in the indentation; YAML wants spaces'],
]);

export function readDocument(text: string): ConfigDocument {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, stringKeys: true });
  const placeAt = (offset: number): Place => {
    const { line, col } = lines.linePos(offset);
    return { line, column: col };
  };
  const complaints: Complaint[] = [...document.errors, ...document.warnings].map((error) => ({
    ...placeAt(error.pos[0]),
    text: sentenceFor(error, text),
  }));
  for (const [offset, sentence] of traps(document)) complaints.push({ ...placeAt(offset), text: sentence });
  const value = complaints.length === 0 ? plainData(document, complaints) : undefined;
  const placeOf: ConfigDocument['placeOf'] = ({ path, on }) =>
    on === 'project' ? undefined : placeAt(offsetOf(document, path, on) ?? 0);
  return { value, complaints, placeOf };
}

function sentenceFor({ code, message, pos: [start] }: YAMLError, text: string): string {
  const sentence = SENTENCES.get(code) ?? message;
  const key = code === 'DUPLICATE_KEY' ? /^[\w.-]+/.exec(text.slice(start))?.[0] : undefined;
  return key === undefined ? sentence : `${key}: ${sentence}`;
}

/** What the library accepts and plain data cannot hold: where, and the sentence for it. */
function traps(document: Document): [number, string][] {
  const found: [number, string][] = [];
  visit(document, {
    Pair: (_, { key }) => {
      if (isScalar(key) && UNSAFE_KEYS.has(String(key.value))) found.push([startOf(key) ?? 0, 'unknown key']);
    },
    Alias: (_, alias) => {
      if (alias.resolve(document) === undefined)
        found.push([startOf(alias) ?? 0, 'no anchor stands before this alias']);
    },
  });
  return found;
}

function plainData(document: Document, complaints: Complaint[]): unknown {
  try {
    return document.toJS({ maxAliasCount: MAX_ALIASES });
  } catch (error) {
    // The library throws a ReferenceError when aliases multiply what is written.
    complaints.push({ ...START, text: reasonOf(error) });
    return undefined;
  }
}

/** The offset of the key or the value at `path`, or of the nearest thing above it. */
function offsetOf(document: Document, path: KeyPath, on: 'key' | 'value'): number | undefined {
  let node: unknown = document.contents;
  let offset = 0;
  for (const [depth, step] of path.entries()) {
    const isLast = depth === path.length - 1;
    const collection: unknown = isAlias(node) ? node.resolve(document) : node;
    if (isMap(collection)) {
      const pair = collection.items.find(({ key }) => isScalar(key) && key.value === step);
      if (pair === undefined) return offset;
      offset = startOf(isLast && on === 'value' && !isBlank(pair.value) ? pair.value : pair.key) ?? offset;
      node = pair.value;
    } else if (isSeq(collection) && typeof step === 'number') {
      node = collection.items[step];
      offset = startOf(node) ?? offset;
    }
  }
  return offset;
}

function startOf(node: unknown): number | undefined {
  return isNode(node) ? node.range?.[0] : undefined;
}

/** Whether nothing is written where the value should be. */
function isBlank(node: unknown): boolean {
  return node === null || (isScalar(node) && node.range?.[0] === node.range?.[1]);
}
