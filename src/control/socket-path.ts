/**
 * socket-path: where the control socket of a configuration lies. Pure.
 *
 * Whoever wants to talk to a daemon must find it, also from a shell that knows nothing of the service manager's folders.
 */
import { basename, dirname, join } from 'node:path';
import { ConfigError } from '../errors.js';
import { absolute, stateFolderFor } from '../fs/state.js';

const SYSTEM_FOLDER = '/run/pushstatic'; // what systemd makes of RuntimeDirectory=pushstatic
const USERS_FOLDER = '/run/user'; // where logind puts the runtime folder of each user, by its number
const LONGEST = 107; // bytes of the path of a Unix socket on Linux; the kernel cuts off what is more
const BESIDE = '/.0123456789ab'.length; // the longest name that a starter gives its socket until it has the place

export interface SocketSettings {
  /** The absolute configuration file. */
  readonly file: string;
  readonly daemon: { readonly socket: string };
}

/**
 * The places, absolute, where a daemon for this configuration may listen: first the one where a daemon that is started in
 * this environment does, then those where one does that this user starts in another one, or the service manager. No other
 * configuration has the same. A place that is too long for a socket is none. Throws a ConfigError if that is `daemon.socket`.
 */
export function socketPathsFor(
  settings: SocketSettings,
  env: NodeJS.ProcessEnv,
  uid: number | undefined = process.getuid?.(),
): readonly string[] {
  const [own, ...others] = candidatesFor(settings, env, uid);
  if (settings.daemon.socket !== 'auto') return [checked(own)];
  return [...new Set([own, ...others])].filter(fits);
}

/** The first of them, for a daemon that is to listen there. Throws a ConfigError if it is too long. */
export function ownSocketPath(
  settings: SocketSettings,
  env: NodeJS.ProcessEnv,
  uid: number | undefined = process.getuid?.(),
): string {
  return checked(candidatesFor(settings, env, uid)[0]);
}

/** However long they are. */
function candidatesFor(
  { file, daemon }: SocketSettings,
  env: NodeJS.ProcessEnv,
  uid: number | undefined,
): readonly [string, ...string[]] {
  if (daemon.socket !== 'auto') return [daemon.socket];
  const state = stateFolderFor(file, env);
  const named = absolute(env['RUNTIME_DIRECTORY']?.split(':')[0]);
  const xdg = absolute(env['XDG_RUNTIME_DIR']);
  const users = [xdg, uid === undefined ? undefined : `${USERS_FOLDER}/${uid}`].flatMap((folder) =>
    folder === undefined ? [] : [join(folder, 'pushstatic')],
  );
  const own = named ?? (xdg && users[0]) ?? dirname(state);
  const name = basename(state);
  return [socketIn(own, name), ...[...users, dirname(state), SYSTEM_FOLDER].map((folder) => socketIn(folder, name))];
}

/** `name` ends with what no other configuration has, and is cut down to that where there is no room for more. */
function socketIn(folder: string, name: string): string {
  const path = join(folder, `${name}.sock`);
  return fits(path) ? path : join(folder, `${name.slice(name.lastIndexOf('-') + 1)}.sock`);
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
