/**
 * Finds the configuration file, reads it, and hands out the Config that it holds.
 *
 * Everything behind it trusts what comes from here. All faults of a file are reported together. The YAML and validation
 * libraries are loaded on the first call, for a command that needs no configuration should not wait for them.
 */
import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join, relative, resolve } from 'node:path';
import { ConfigError } from '../errors.js';
import { codeOf, reasonOf } from '../system-error.js';
import type { Setting } from './assemble.js';
import type { AskProject, Checked, UnaskedConfig } from './check.js';
import type { Complaint } from './document.js';
import type { Config } from './schema.js';

export const CONFIG_NAME = 'pushstatic.yaml';

const MAX_BYTES = 1024 * 1024; // a thousand targets take a fifth of it
const MAX_REPORTED = 10;

export interface LoadOptions {
  /** The file the user named, relative to `cwd`; otherwise it is searched from `cwd` upward. */
  readonly file?: string;
  /** Absolute. */
  readonly cwd: string;
  /** HOME is what `~` stands for. */
  readonly env: NodeJS.ProcessEnv;
  /** For a file with `source.django`. */
  readonly ask?: AskProject;
}

/**
 * The checked configuration. Throws a ConfigError with one line for each fault, `file:line:column: key: what is wrong`,
 * in the order of the file; or with one sentence if there is no file that can be read.
 */
export async function loadConfig(options: LoadOptions): Promise<Config> {
  const checked = await check(options);
  if (checked.kind === 'config') return checked.config;
  throw new ConfigError(`cannot use ${checked.config.file}: source.django is there, and nobody to ask the project`);
}

/** What the file says by itself, for whoever needs no more: the project is not asked. Throws likewise. */
export async function loadUnasked(options: Omit<LoadOptions, 'ask'>): Promise<UnaskedConfig> {
  return (await check(options)).config;
}

/** Throws a ConfigError, with the words of `loadUnasked`, unless a file (absolute) that holds `text` would load. */
export async function checkProposal(
  text: string,
  file: string,
  place: Pick<LoadOptions, 'cwd' | 'env'>,
): Promise<void> {
  try {
    await judge(text, file, place);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    throw new ConfigError(`cannot write ${file}, which would be refused:\n${error.message}`, { cause: error });
  }
}

/** What a file (absolute) is read with. */
export function settingOf(file: string, env: NodeJS.ProcessEnv): Setting {
  return { file, folder: dirname(file), home: resolve(env['HOME'] || homedir()) };
}

type Sound = Extract<Checked, { readonly config: UnaskedConfig }>;

async function check({ file: named, ...options }: LoadOptions): Promise<Sound> {
  const { file, bytes } = await find(named, options.cwd);
  return judge(decode(file, bytes), file, options);
}

async function judge(text: string, file: string, { cwd, env, ask }: Omit<LoadOptions, 'file'>): Promise<Sound> {
  const { checkConfig } = await import('./check.js');
  const checked = await checkConfig(text, settingOf(file, env), ask);
  if (checked.kind === 'config' || checked.kind === 'unasked') return checked;
  if (checked.kind === 'empty') {
    throw new ConfigError(
      `cannot use ${file}: it is empty; "pushstatic init --force${flagFor(file, cwd)}" writes a new one`,
    );
  }
  throw new ConfigError(report(labelOf(file, cwd), checked.complaints));
}

/** The absolute file that `loadConfig` would read, whatever is in it. Throws a ConfigError if there is none. */
export async function locateConfig({ file: named, cwd }: Pick<LoadOptions, 'file' | 'cwd'>): Promise<string> {
  return (await find(named, cwd)).file;
}

interface FoundFile {
  /** Absolute. */
  readonly file: string;
  readonly bytes: Uint8Array;
}

function find(named: string | undefined, cwd: string): Promise<FoundFile> {
  return named === undefined ? search(cwd) : readNamed(resolve(cwd, named), cwd);
}

/** The nearest file of the usual name in `cwd` or a folder above it. */
async function search(cwd: string): Promise<FoundFile> {
  for (let folder = resolve(cwd); ; folder = dirname(folder)) {
    const file = join(folder, CONFIG_NAME);
    const bytes = await readIfThere(file);
    if (bytes !== undefined) return { file, bytes };
    if (folder === dirname(folder)) break;
  }
  throw new ConfigError(
    `cannot find ${CONFIG_NAME} in ${resolve(cwd)} or any folder above it; ` +
      '"pushstatic init" writes one, and -c names another file',
  );
}

async function readNamed(file: string, cwd: string): Promise<FoundFile> {
  const bytes = await readIfThere(file);
  if (bytes !== undefined) return { file, bytes };
  throw new ConfigError(`cannot read ${file}: there is no such file; "pushstatic init${flagFor(file, cwd)}" writes it`);
}

async function readIfThere(file: string): Promise<Uint8Array | undefined> {
  let handle: FileHandle | undefined;
  try {
    // A FIFO that nobody writes to must not be waited for.
    handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK);
    const status = await handle.stat();
    if (!status.isFile()) throw new ConfigError(`cannot read ${file}: it is not a file`);
    if (status.size > MAX_BYTES) throw new ConfigError(`cannot read ${file}: it is larger than 1 MiB`);
    return await handle.readFile();
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    if (codeOf(error) === 'ENOENT') return undefined;
    throw new ConfigError(`cannot read ${file}: ${reasonOf(error)}`, { cause: error });
  } finally {
    await handle?.close();
  }
}

function decode(file: string, bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (error) {
    throw new ConfigError(`cannot read ${file}: it is not UTF-8; save it as UTF-8 text`, { cause: error });
  }
}

/** What `init` needs to write this very file. */
function flagFor(file: string, cwd: string): string {
  return file === join(cwd, CONFIG_NAME) ? '' : flagOf(labelOf(file, cwd));
}

/** What names `file` in a command that a person can type. */
export function flagOf(file: string): string {
  const isPlain = /^[\w@%+=:,./][\w@%+=:,./-]*$/.test(file);
  return ` -c ${isPlain ? file : `'${file.replaceAll("'", String.raw`'\''`)}'`}`;
}

/** The file as a person in `cwd` would name it; in the root, where a service is at home, as everybody does. */
function labelOf(file: string, cwd: string): string {
  const path = relative(cwd, file);
  return path.startsWith('..') || cwd === '/' ? file : path;
}

function report(label: string, complaints: readonly Complaint[]): string {
  const lines = complaints
    .slice(0, MAX_REPORTED)
    .map(({ line, column, text }) =>
      line === undefined ? `${label}: ${text}` : `${label}:${line}:${column}: ${text}`,
    );
  const left = complaints.length - lines.length;
  if (left > 0) lines.push(`${label}: and ${left} more`);
  return lines.join('\n');
}
