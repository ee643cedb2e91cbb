/**
 * daemonPlaces: where the daemon of a configuration may listen: where the file says, and where the last daemon did, which may go on by
 * an older version of the file.
 */
import { readFileSync, realpathSync } from 'node:fs';
import { join, parse } from 'node:path';
import { type SocketSettings, socketPathsFor } from '../control/socket-path.js';
import { stateFolderFor } from '../fs/state.js';
import { codeOf, orUndefined } from '../system-error.js';

const NOT_NOTED = new Set(['ENOENT', 'ENOTDIR', 'EACCES']);

/** In the state folder. */
export const SOCKET_NOTE = 'socket';

export interface DaemonPlaces {
  readonly configured: readonly string[];
  /** Undefined where it is one of those, or none is known. Another configuration may have it by now. */
  readonly former: string | undefined;
}

export function daemonPlaces(settings: SocketSettings, env: NodeJS.ProcessEnv): DaemonPlaces {
  // Whoever started it may have come to the folder by another name. A file that is a link is another configuration: its folder counts.
  const { dir, base } = parse(settings.file);
  const files = new Set([settings.file, join(orUndefined(() => realpathSync(dir)) ?? dir, base)]);
  const configured = [...new Set([...files].flatMap((file) => socketPathsFor({ ...settings, file }, env)))];
  const former = notedSocket(settings.file, env);
  return { configured, former: former === undefined || configured.includes(former) ? undefined : former };
}

/** Where the last daemon of this configuration file listened. */
export function notedSocket(file: string, env: NodeJS.ProcessEnv): string | undefined {
  try {
    return readFileSync(join(stateFolderFor(file, env), SOCKET_NOTE), 'utf8') || undefined;
  } catch (error) {
    if (NOT_NOTED.has(codeOf(error))) return undefined;
    throw error;
  }
}
