/**
 * socket-path: where the control socket of a configuration lies. Pure.
 *
 * Whoever wants to talk to a daemon must find it, also from a shell that knows nothing of the service manager's folders.
 */
import { basename, dirname, join } from 'node:path';
import { ConfigError } from '../errors.js';
import { stateFolderFor } from '../fs/state.js';

const SYSTEM_FOLDER = '/run/pushstatic'; // what systemd makes of RuntimeDirectory=pushstatic
const LONGEST = 107; // bytes of the path of a Unix socket on Linux; the kernel cuts off what is more
const BESIDE = '/.0123456789ab'.length; // the longest name that a starter gives its socket until it has the place

export interface SocketSettings {
  /** The absolute configuration file. */
  readonly file: string;
  readonly daemon: { readonly socket: string };
}

/**
 * The places, absolute, where a daemon for this configuration may listen: first the one where a daemon that is started in
 * this environment does, then where one that the service manager started does. No other configuration has the same.
 * Throws a ConfigError if `daemon.socket` is longer than the path of a socket may be, or has to be set.
 */
export function socketPathsFor(
  { file, daemon }: SocketSettings,
  env: NodeJS.ProcessEnv,
): readonly [string, ...string[]] {
  if (daemon.socket !== 'auto') return [checked(daemon.socket)];
  const state = stateFolderFor(file, env);
  const runtime = env['XDG_RUNTIME_DIR'] ? join(env['XDG_RUNTIME_DIR'], 'pushstatic') : dirname(state);
  const own = socketIn(env['RUNTIME_DIRECTORY']?.split(':')[0] || runtime, basename(state));
  const system = socketIn(SYSTEM_FOLDER, basename(state));
  return own === system ? [own] : [own, system];
}

/** `name` ends with what no other configuration has, and is cut down to that where there is no room for more. */
function socketIn(folder: string, name: string): string {
  const path = join(folder, `${name}.sock`);
  return fits(path) ? path : checked(join(folder, `${name.slice(name.lastIndexOf('-') + 1)}.sock`));
}

function checked(path: string): string {
  if (fits(path)) return path;
  throw new ConfigError(
    `cannot listen at ${path}: a socket's path has at most ${LONGEST} bytes; set daemon.socket to a shorter one`,
  );
}

function fits(path: string): boolean {
  return Math.max(Buffer.byteLength(path), Buffer.byteLength(dirname(path)) + BESIDE) <= LONGEST;
}
