/**
 * What the user's ssh_config says about a host. OpenSSH itself is asked where it is installed (`ssh -G`): it knows
 * Include, Match and every rule of its version. Where it is not, as in a slim container, the file is read here.
 * Both ways give the same answer for what is used here, except that the second does not follow Include.
 *
 * `~` and `%d` in the file are the home folder of the account, as for OpenSSH, whatever $HOME says.
 */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { homedir, hostname as thisMachine, userInfo } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { parse } from 'ssh-config';
import { ConfigError, TargetError } from '../../errors.js';
import { reasonOf, whyUnreadable } from '../../system-error.js';

const run = promisify(execFile);
const DEFAULT_PORT = 22;
const TIMEOUT_MS = 10_000; // `Match exec` may run programs

/** A host as the user wrote it. `port` and `user` count more than the file, as on the command line of ssh. */
export interface HostRequest {
  readonly host: string;
  readonly port?: number | undefined;
  readonly user?: string | undefined;
  /** The path of an ssh_config; undefined to use none. */
  readonly file: string | undefined;
  /** Whether the file may be missing: nobody has named it. */
  readonly isUsual?: boolean | undefined;
  readonly env: NodeJS.ProcessEnv;
  readonly signal?: AbortSignal | undefined;
}

/** How to reach a host. Paths have `~` and tokens replaced. */
export interface HostSettings {
  readonly hostname: string;
  readonly port: number;
  readonly user: string;
  /** Undefined where the file names none, so that the usual ones apply; empty for `none`. */
  readonly identityFiles: readonly string[] | undefined;
  readonly userKnownHostsFiles: readonly string[] | undefined;
  /** The hosts to go through, as ssh_config has them: `user@host:port,…` */
  readonly proxyJump: string | undefined;
  readonly proxyCommand: string | undefined;
  /** The socket of the agent to ask: IdentityAgent, else $SSH_AUTH_SOCK. */
  readonly identityAgent: string | undefined;
  /** Only keys that the file names may be offered, even if the agent has more. */
  readonly identitiesOnly: boolean;
}

/** Throws a ConfigError if the host cannot be one or the file is not a valid ssh_config. */
export async function resolveHost(request: HostRequest): Promise<HostSettings> {
  // A leading dash would make the name an option of every program that is ever given it.
  if (request.host.startsWith('-')) throw new ConfigError(`cannot use the host ${request.host}: it begins with a dash`);
  const { file, isUsual = false } = request;
  const text = file === undefined ? undefined : await contentOf(file, isUsual);
  if (file === undefined || text === undefined) return settingsFrom(new Map(), request);
  const keywords = await askOpenSsh(file, request);
  return keywords === undefined ? resolveHere(text, file, request) : settingsFrom(keywords, request);
}

/** What `text` says, where there is no ssh to ask; `file` is for messages. Throws a ConfigError likewise. */
export function resolveHere(text: string, file: string, request: HostRequest): HostSettings {
  return settingsFrom(readHere(text, file, request), request);
}

/** Keyword in lower case, to each of its values. Keywords that the file does not set may be missing. */
type Keywords = ReadonlyMap<string, readonly string[]>;

async function contentOf(file: string, isUsual: boolean): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if (isUsual && hasCode(error, 'ENOENT')) return undefined;
    throw new ConfigError(`cannot read the ssh_config ${file}: ${whyUnreadable(error)}`, { cause: error });
  }
}

/** What `ssh -G` prints, or undefined where there is no ssh, or none that can run. */
async function askOpenSsh(file: string, request: HostRequest): Promise<Keywords | undefined> {
  try {
    const [resolved, defaults] = await Promise.all([printSettings(file, request), printSettings('/dev/null', request)]);
    return withoutDefaults(resolved, defaults);
  } catch (error) {
    if (hasCode(error, 'ENOENT') || hasCode(error, 'EACCES')) return undefined;
    request.signal?.throwIfAborted();
    const said = lastLine(error);
    if (wasKilled(error))
      throw new TargetError(
        'unreachable',
        `cannot look up ${request.host} in ${file}: ssh -G did not end within ${TIMEOUT_MS / 1000} s; see what a Match exec there waits for`,
        { cause: error },
      );
    if (said.startsWith('No user exists for uid')) return undefined; // a container's user without an account
    const text = `cannot look up ${request.host} in ${file}: ${said}`;
    // What ssh itself says is for a person; that this machine has no room for it, or ended it, passes.
    if (hasEndedItself(error)) throw new ConfigError(text, { cause: error });
    throw new TargetError('unreachable', text, { cause: error });
  }
}

async function printSettings(file: string, request: HostRequest): Promise<Keywords> {
  const { host, port, user, env, signal } = request;
  const given = [...(port === undefined ? [] : ['-p', String(port)]), ...(user === undefined ? [] : ['-l', user])];
  const options = { env, timeout: TIMEOUT_MS, ...(signal === undefined ? {} : { signal }) };
  const { stdout } = await run('ssh', ['-G', '-F', file, ...given, '--', host], options);
  const keywords = new Map<string, string[]>();
  for (const line of stdout.split('\n')) {
    const space = line.indexOf(' ');
    if (space < 0) continue;
    const keyword = line.slice(0, space);
    keywords.set(keyword, [...(keywords.get(keyword) ?? []), line.slice(space + 1)]);
  }
  return keywords;
}

/** `ssh -G` prints what is built in as if the file said it; only a comparison tells. */
function withoutDefaults(resolved: Keywords, defaults: Keywords): Keywords {
  const kept = [...resolved].filter(([keyword, values]) => values.join('\n') !== defaults.get(keyword)?.join('\n'));
  return new Map(kept);
}

function readHere(text: string, file: string, request: HostRequest): Keywords {
  try {
    const { host, user } = request;
    const wanted = { Host: host, ...(user === undefined ? {} : { User: user }) };
    const computed = parse(text).compute(wanted, { ignoreCase: true });
    return new Map(
      Object.entries(computed).map(([keyword, value]) => [keyword, Array.isArray(value) ? value : [value]]),
    );
  } catch (error) {
    throw new ConfigError(`cannot look up ${request.host} in ${file}: ${reasonOf(error)}`, { cause: error });
  }
}

function settingsFrom(keywords: Keywords, request: HostRequest): HostSettings {
  const first = (keyword: string) => unlessNone(keywords.get(keyword)?.[0]);
  const account = accountOf(request.env);
  const user = request.user ?? first('user') ?? account.name;
  const port = request.port ?? Number(first('port') ?? DEFAULT_PORT);
  const configured = first('hostname');
  const hostname = configured === undefined ? request.host : expand(configured, { h: request.host, n: request.host });
  const machine = thisMachine();
  const local = {
    d: account.home,
    u: account.name,
    i: String(process.getuid?.() ?? 0),
    l: machine,
    L: machine.replace(/\..*/, ''),
  };
  const tokens = { ...local, h: hostname, n: request.host, p: String(port), r: user };
  const jump = first('proxyjump');
  const paths = (values: readonly string[] | undefined) =>
    values?.filter((value) => value !== 'none').map((value) => expandPath(value, tokens, request.env));
  return {
    hostname,
    port,
    user,
    identityFiles: paths(keywords.get('identityfile')),
    userKnownHostsFiles: paths(keywords.get('userknownhostsfile')?.flatMap(splitPaths)),
    proxyJump: jump && expand(jump, tokens),
    proxyCommand: first('proxycommand'),
    identityAgent: agentOf(keywords.get('identityagent')?.[0], request.env, tokens),
    identitiesOnly: first('identitiesonly')?.toLowerCase() === 'yes',
  };
}

function unlessNone(value: string | undefined): string | undefined {
  return value?.toLowerCase() === 'none' ? undefined : value;
}

/** IdentityAgent (ssh_config(5)) is a path, `none`, `SSH_AUTH_SOCK`, or the name of a variable after a `$`. */
function agentOf(value: string | undefined, env: NodeJS.ProcessEnv, tokens: Tokens): string | undefined {
  if (value?.toLowerCase() === 'none') return undefined;
  if (value === undefined || value === 'SSH_AUTH_SOCK') return env['SSH_AUTH_SOCK'] || undefined;
  return /^\$[^{]/.test(value) ? env[value.slice(1)] || undefined : expandPath(value, tokens, env);
}

/** OpenSSH prints several paths in one line without quotes. A space within a path is not followed by `/`, as a rule. */
function splitPaths(line: string): string[] {
  return line.split(/ (?=[/~%$]|none$)/);
}

type Tokens = Readonly<Record<string, string>>;

/** A variable that is not set stays as it is written. */
function expandPath(path: string, tokens: Tokens, env: NodeJS.ProcessEnv): string {
  const home = tokens['d'] ?? '';
  if (path === '~') return home;
  const filled = path.replace(/\$\{([^}]+)\}/g, (all, name: string) => env[name] ?? all);
  return expand(filled.startsWith('~/') ? join(home, filled.slice(2)) : filled, tokens);
}

/** Replaces `%h` and its like; `%%` is a percent sign. Tokens that are not known stay as they are. */
function expand(text: string, tokens: Tokens): string {
  return text.replace(/%(.)/g, (all, letter: string) => (letter === '%' ? '%' : (tokens[letter] ?? all)));
}

function accountOf(env: NodeJS.ProcessEnv): { readonly name: string; readonly home: string } {
  try {
    const { username, homedir: home } = userInfo();
    return { name: username, home };
  } catch {
    // userInfo fails where the user id has no account, which containers have.
    return { name: env['USER'] || env['LOGNAME'] || 'root', home: env['HOME'] || homedir() };
  }
}

function lastLine(error: unknown): string {
  const stderr = error instanceof Error && 'stderr' in error ? String(error.stderr).trim() : '';
  return stderr.split(/\r?\n/).at(-1) || reasonOf(error);
}

function wasKilled(error: unknown): boolean {
  return error instanceof Error && 'killed' in error && error.killed === true;
}

function hasEndedItself(error: unknown): boolean {
  return error instanceof Error && 'code' in error && typeof error.code === 'number';
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
