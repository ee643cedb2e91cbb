/**
 * Fault: one thing that is wrong in the configuration file, as data, before it is known where in the file it stands.
 * Here valibot's issues become faults, so that every sentence a user reads about a key is written in one place.
 *
 * Convention with `schema.ts`: the message of a schema is what it expects, as a noun ("a path"); the message of a
 * `never`, which stands for unknown keys, is the list of the known ones.
 */
import type { BaseIssue } from 'valibot';
import { suggest } from './suggest.js';

/** The keys and list positions that lead to a value. */
export type KeyPath = readonly (string | number)[];

export interface Fault {
  readonly path: KeyPath;
  /** Whether the key is at fault or what stands behind it; or what the project says, which stands nowhere in the file. */
  readonly on: 'key' | 'value' | 'project';
  /** What is wrong, as a sentence without the key path in front. */
  readonly text: string;
}

const LONGEST_QUOTE = 60; // characters of the user's own text in a message

const IN_URL = 'it stands in url, as sftp://user@host:port/path';
const UNKNOWN_KEY_HINTS = new Map([
  ['password', 'secrets never stand in the file: use passwordEnv'],
  ['passphrase', 'secrets never stand in the file: use passphraseEnv'],
  ['token', 'secrets never stand in the file: use tokenEnv'],
  ['host', IN_URL],
  ['port', IN_URL],
  ['user', IN_URL],
]);

/** `targets.static1.include[0]`; a key that is not a plain word stands in quotes. */
export function formatKeyPath(path: KeyPath): string {
  const parts = path.map((key) => {
    if (typeof key === 'number') return `[${key}]`;
    return /^[\w-]+$/.test(key) ? `.${key}` : `.${quote(key)}`;
  });
  return parts.join('').replace(/^\./, '');
}

export function faultsOf(issues: readonly BaseIssue<unknown>[]): Fault[] {
  return issues.flatMap((issue) => innermost(issue)).map(({ issue, path }) => faultOf(issue, path));
}

interface PlacedIssue {
  readonly issue: BaseIssue<unknown>;
  readonly path: KeyPath;
}

/** Of a union that fits nowhere, the issues inside the option that was clearly meant; else the issue itself. */
function innermost(issue: BaseIssue<unknown>): PlacedIssue[] {
  const path = pathOf(issue);
  const deeper = (issue.issues ?? []).filter((inner) => inner.path !== undefined);
  if (deeper.length === 0) return [{ issue, path }];
  return deeper.map((inner) => ({ issue: inner, path: [...path, ...pathOf(inner)] }));
}

function pathOf(issue: BaseIssue<unknown>): KeyPath {
  return (issue.path ?? []).map((item) => (typeof item.key === 'number' ? item.key : String(item.key)));
}

function faultOf(issue: BaseIssue<unknown>, path: KeyPath): Fault {
  const key = path.at(-1);
  if (issue.type === 'never') return { path, on: 'key', text: unknownKey(`${key}`, issue.message.split(' ')) };
  if (issue.path?.at(-1)?.origin !== 'key') return { path, on: 'value', text: misfit(issue, key) };
  if (issue.input === undefined) return { path, on: 'key', text: `missing; expected ${issue.message}` };
  return { path, on: 'key', text: misfit(issue, key) };
}

function unknownKey(key: string, known: readonly string[]): string {
  const likely = suggest(key, known);
  const hint = UNKNOWN_KEY_HINTS.get(key.toLowerCase());
  if (hint !== undefined && (hint !== IN_URL || known.includes('url'))) return `unknown key; ${hint}`;
  return likely === undefined
    ? `unknown key; expected ${enumerate(known)}`
    : `unknown key; did you mean ${quote(likely)}?`;
}

function misfit(issue: BaseIssue<unknown>, key: string | number | undefined): string {
  const text = `expected ${issue.message}, found ${found(issue, key)}`;
  if (issue.type !== 'picklist' || typeof issue.input !== 'string') return text;
  const likely = suggest(issue.input, issue.expected?.match(/(?<=")[^"]+(?=")/g) ?? []);
  return likely === undefined ? text : `${text}; did you mean ${quote(likely)}?`;
}

function found(issue: BaseIssue<unknown>, key: string | number | undefined): string {
  const { input } = issue;
  if (input === null || input === undefined) return 'nothing';
  if (Array.isArray(input)) return input.length === 0 ? 'an empty list' : 'a list';
  if (typeof input === 'object') return 'a mapping';
  // A secret written where the name of its variable or its file belongs is not to be shown.
  if (/password|passphrase|token/i.test(`${key}`)) return `a ${typeof input}`;
  if (typeof input === 'number') return `the number ${input}`;
  if (typeof input !== 'string') return JSON.stringify(input);
  const wantsText = issue.kind !== 'schema' || /string|"/.test(issue.expected ?? '');
  return wantsText ? quote(input) : `a string ${quote(input)}`;
}

/** `a, b or c` */
export function enumerate(words: readonly string[]): string {
  return words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`;
}

/** The user's own text in a message: on one line, not too long, and without the password of a URL. */
export function quote(written: string): string {
  const text = written.replace(/(:\/\/[^/:@]*):.*@/s, '$1:…@');
  return JSON.stringify(text.length > LONGEST_QUOTE ? `${text.slice(0, LONGEST_QUOTE)}…` : text);
}
