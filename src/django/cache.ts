/**
 * The answer of a project, kept for as long as nothing has changed that it depends on: so that a run need not start Python.
 *
 * It is a cache: what is damaged, of another version or in doubt is none. Values of environment variables are secrets, often
 * enough, and only a digest of them is kept.
 */
import { createHash } from 'node:crypto';
import { readdirSync, statSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import type { DjangoSource } from '../config/schema.js';
import { kindOf } from '../fs/kind-of.js';
import type { StateFolder } from '../fs/state.js';
import { type Answer, isAnswer } from './answer.js';
import { PROBE } from './run-probe.js';

const NAME = 'asked.json';
const FORMAT = 3;
const COMPILED = Buffer.from('__pycache__');

/** What Python goes by before it runs anything that could be heard to ask. */
const ALWAYS = [
  'ASDF_PYTHON_VERSION',
  'DJANGO_SETTINGS_MODULE',
  'HOME',
  'PATH',
  'PYENV_VERSION',
  'PYTHONHOME',
  'PYTHONPATH',
  'PYTHONSAFEPATH',
];
/** Where pyenv and asdf, which stand in for any Python, look which one it is. */
const CHOICES = ['.python-version', '.tool-versions'];
/** Where a shell and a service manager note things that are another in every run. */
const NOISE = new Set(['_', 'SHLVL', 'PWD', 'OLDPWD', 'INVOCATION_ID', 'JOURNAL_STREAM', 'SYSTEMD_EXEC_PID']);

/** Who was asked. */
export interface Question {
  readonly source: DjangoSource;
  /** The Python that was taken. */
  readonly python: string;
  readonly env: NodeJS.ProcessEnv;
}

interface Kept {
  readonly format: number;
  readonly question: string;
  readonly environment: string;
  readonly stamps: readonly (readonly [path: string, stamp: string])[];
  readonly answer: Answer;
}

/** undefined if there is none, or if it may be another one by now. */
export async function recall(state: StateFolder, question: Question): Promise<Answer | undefined> {
  const bytes = await state.read(NAME);
  const kept = bytes === undefined ? undefined : parse(bytes.toString());
  if (kept === undefined || kept.question !== identityOf(question)) return undefined;
  if (kept.environment !== digestOf(question.env, kept.answer.variables)) return undefined;
  if (!kept.stamps.every(([path, stamp]) => stampOf(path).text === stamp)) return undefined;
  return areAsFound(kept.answer) ? kept.answer : undefined;
}

/**
 * `startedAt`, in milliseconds since 1970, is when Python was started. What changed since then may have been read before
 * it did: then nothing is kept, and the next run asks again.
 */
export async function remember(
  state: StateFolder,
  question: Question,
  answer: Answer,
  startedAt: number,
): Promise<void> {
  const looks = pathsOf(question, answer).map((path) => [path, stampOf(path)] as const);
  const isOld = looks.some(([, { changedAt }]) => changedAt >= startedAt) || !areAsFound(answer);
  if (isOld) return state.remove(NAME);
  const kept: Kept = {
    format: FORMAT,
    question: identityOf(question),
    environment: digestOf(question.env, answer.variables),
    stamps: looks.map(([path, { text }]) => [path, text]),
    answer,
  };
  await state.write(NAME, JSON.stringify(kept));
}

function parse(text: string): Kept | undefined {
  try {
    const kept = JSON.parse(text) as Partial<Kept> | null;
    const isSound = kept?.format === FORMAT && isStamps(kept.stamps) && isAnswer(kept.answer);
    return isSound ? (kept as Kept) : undefined;
  } catch {
    return undefined;
  }
}

function isStamps(value: unknown): value is Kept['stamps'] {
  return Array.isArray(value) && value.every((pair) => Array.isArray(pair) && typeof pair[0] === 'string');
}

function identityOf({ source, python }: Question): string {
  return JSON.stringify([source.manage, source.settings ?? null, python]);
}

/** With the probe itself, which is another one in another version of this program. */
function pathsOf({ source, python, env }: Question, { files, folders }: Answer): string[] {
  const choices = foldersAbove(source.manage).flatMap((folder) => CHOICES.map((name) => join(folder, name)));
  const global = join(env['PYENV_ROOT'] ?? join(env['HOME'] ?? '/', '.pyenv'), 'version');
  return [...new Set([PROBE, ...placeOf(python, env), ...choices, global, ...files, ...folders])];
}

/** Where a program is found by its name; where it is not found yet, too. */
function placeOf(program: string, { PATH = '' }: NodeJS.ProcessEnv): string[] {
  if (program.includes('/')) return program.startsWith('/') ? [program] : [];
  const places = PATH.split(delimiter)
    .filter((folder) => folder.startsWith('/'))
    .map((folder) => join(folder, program));
  const at = places.findIndex((place) => stampOf(place).text !== '');
  return at < 0 ? places : places.slice(0, at + 1);
}

function foldersAbove(file: string): string[] {
  const folders = [dirname(file)];
  for (let last = folders[0] ?? '/'; dirname(last) !== last; ) folders.push((last = dirname(last)));
  return folders;
}

function digestOf(env: NodeJS.ProcessEnv, variables: readonly string[]): string {
  const names = variables.includes('*') ? Object.keys(env).filter((name) => !NOISE.has(name)) : variables;
  const sorted = [...new Set([...names, ...ALWAYS])].filter((name) => name !== '*').toSorted();
  return createHash('sha256')
    .update(JSON.stringify(sorted.map((name) => [name, env[name] ?? null])))
    .digest('hex');
}

/** Whether what the project looked for is there, or not, as it was, and its folders hold the same names. */
function areAsFound({ looked, listed }: Answer): boolean {
  return (
    looked.every(([path, kind]) => kindOf(path) === kind) && listed.every(([path, names]) => namesIn(path) === names)
  );
}

/** As `names_in` of `probe.py`. */
function namesIn(path: string): string {
  try {
    const names = readdirSync(path, { encoding: 'buffer' }).filter((name) => !name.equals(COMPILED));
    return createHash('sha256')
      .update(joined(names.toSorted((a, b) => Buffer.compare(a, b))))
      .digest('hex');
  } catch {
    return '';
  }
}

function joined(names: readonly Buffer[]): Buffer {
  return Buffer.concat(names.flatMap((name, at) => (at === 0 ? [name] : [Buffer.from([0]), name])));
}

function stampOf(path: string): { readonly text: string; readonly changedAt: number } {
  try {
    const stats = statSync(path, { throwIfNoEntry: false });
    if (stats === undefined) return { text: '', changedAt: 0 };
    const { ino, size, mtimeMs, ctimeMs } = stats;
    return { text: [ino, size, mtimeMs, ctimeMs].join(':'), changedAt: ctimeMs };
  } catch {
    return { text: '', changedAt: 0 }; // what cannot be looked at is not there for Python either
  }
}
