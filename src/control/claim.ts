/**
 * claim: makes a server listen at the one place of its configuration. Who has the place is the only daemon.
 *
 * A socket is bound in a private folder, listens there, and is then linked to its place. So a socket that does not answer
 * is that of a process which is gone, and will never answer again. A link never replaces anything: of several starters one
 * gets a free place.
 *
 * A dead socket is replaced by its heir alone: the starter whose socket is linked to the name that is made from the dead
 * one's identity. If the heir dies too before it is done, its own heir takes its part, and so on. Heirs are forgotten only
 * after the place was taken, and an heir looks once more whether what it inherits still lies there: so two never act on one.
 */
import { createHash } from 'node:crypto';
import { chmod, link, lstat, mkdtemp, rename, rm, stat } from 'node:fs/promises';
import type { Server } from 'node:net';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ConfigError, LockedError, PushstaticError } from '../errors.js';
import { makeFolders } from '../fs/make-folders.js';
import { codeOf, reasonOf } from '../system-error.js';
import { askStatus, listenerAt } from './ask.js';

const LOOK_AGAIN_MS = 5; // another starter is done within a few milliseconds
const YIELD_MS = 10_000; // for another starter that comes second to see who is first
const PATIENCE_MS = 10_000; // unless it was stopped in the middle
const ANSWER_MS = 3000; // for a daemon that is busy; one that was stopped does not answer

export interface Claim {
  readonly path: string;
  /** Whether others find it there. */
  readonly isThere: () => Promise<boolean>;
  /** Gives the place up, if it is still ours. The server is the caller's to close. */
  readonly release: () => Promise<void>;
}

/**
 * Makes `server` listen at `path` (absolute), for this user alone. The folder is made, for this user alone, if missing.
 * Throws a LockedError if a daemon listens there, or at one of `others`, where it would from another environment, and a ConfigError if
 * the place cannot be used.
 */
export async function claim(server: Server, path: string, others: readonly string[] = []): Promise<Claim> {
  for (const other of others) if ((await listenerAt(other)) !== 'none') throw await lockedBy(other);
  const room = await privateRoomBeside(path);
  const own = join(room, 's');
  try {
    await listen(server, own);
    await chmod(own, 0o600);
    const { ino } = await lstat(own);
    await takePlace(own, path);
    const isThere = async (): Promise<boolean> => (await inodeAt(path)) === ino;
    const release = async (): Promise<void> => {
      if (await isThere()) await rm(path, { force: true });
    };
    const other = await anotherFirst(path, others);
    if (other === undefined) return { path, isThere, release };
    await release(); // before anything else: the other one waits for that
    throw await lockedBy(other);
  } catch (error) {
    server.close();
    throw error instanceof PushstaticError ? error : unusable(path, error);
  } finally {
    await rm(room, { recursive: true, force: true });
  }
}

/**
 * Another starter may have taken one of the `others` meanwhile. Of the two, the one whose path comes first stays: it gives the other
 * time to see it, and gives way only to one that stays as well, for that was there before. Undefined where none stays.
 */
async function anotherFirst(path: string, others: readonly string[]): Promise<string | undefined> {
  const deadline = performance.now() + YIELD_MS;
  for (const other of others) {
    while ((await listenerAt(other)) !== 'none') {
      if (other < path || performance.now() > deadline) return other;
      await sleep(LOOK_AGAIN_MS);
    }
  }
  return undefined;
}

async function privateRoomBeside(path: string): Promise<string> {
  const folder = dirname(path);
  try {
    await makeFolders(folder, 0o700);
    if (!(await isInStrangeHands(folder))) return await mkdtemp(`${folder}/.`);
  } catch (error) {
    throw unusable(path, error);
  }
  throw new ConfigError(
    `cannot listen at ${path}: others may write to its folder; set daemon.socket to a place that is your own`,
  );
}

/** Such as a folder that cannot be written to, or a file system without hard links. */
function unusable(path: string, error: unknown): ConfigError {
  return new ConfigError(`cannot listen at ${path}: ${reasonOf(error)}; daemon.socket names another place`, {
    cause: error,
  });
}

/** Whether somebody who is neither this user nor root could put another socket in the place of ours. */
async function isInStrangeHands(folder: string): Promise<boolean> {
  const friends = [0, process.getuid?.()];
  const { uid, mode } = await stat(folder);
  const isSticky = (mode & 0o1000) !== 0;
  return !friends.includes(uid) || !friends.includes((await lstat(folder)).uid) || ((mode & 0o022) !== 0 && !isSticky);
}

function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

async function takePlace(own: string, path: string): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS;
  while (!(await linked(own, path))) {
    const found = await lookAt(path);
    if (found.kind === 'alive') throw await lockedBy(path);
    if (found.kind === 'dead' && (await takeOver(own, path, found.id))) return;
    if (performance.now() > deadline) throw new LockedError(`cannot start: another daemon is about to, at ${path}`);
    await sleep(LOOK_AGAIN_MS);
  }
}

/** Puts `own` in the place of the dead socket `id`; false if another starter is at it, or was quicker. */
async function takeOver(own: string, path: string, id: string): Promise<boolean> {
  const line = await becomeHeir(own, dirname(path), id);
  if (line === undefined) return false;
  const found = await lookAt(path);
  const isMine = found.kind === 'dead' && found.id === id;
  if (isMine) await rename(own, path);
  // The others may be between another dead one and its heir.
  for (const name of isMine ? line : line.slice(-1)) await rm(name, { force: true });
  return isMine;
}

/** The names of all heirs up to `own`, which is the last; undefined if a living one is there. */
async function becomeHeir(own: string, folder: string, id: string): Promise<string[] | undefined> {
  const line = [join(folder, `.${id}`)];
  for (let name = line[0]; name !== undefined; name = line.at(-1)) {
    if (await linked(own, name)) return line;
    const heir = await lookAt(name);
    if (heir.kind !== 'dead') return undefined;
    line.push(join(folder, `.${heir.id}`));
  }
  return undefined;
}

/** Gives `own` a second name; false if that is taken. */
async function linked(own: string, name: string): Promise<boolean> {
  try {
    await link(own, name);
    return true;
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    throw error;
  }
}

type Found = { readonly kind: 'none' | 'alive' } | { readonly kind: 'dead'; readonly id: string };

/** Throws a ConfigError for what is not a socket. */
async function lookAt(path: string): Promise<Found> {
  const status = await lstat(path, { bigint: true }).catch((error: unknown) => {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  });
  if (status === undefined) return { kind: 'none' };
  if (!status.isSocket()) {
    throw new ConfigError(
      `cannot listen at ${path}: something that is no socket stands there; remove it, or set daemon.socket`,
    );
  }
  if ((await listenerAt(path)) !== 'none') return { kind: 'alive' };
  // The number of a file is given again when it is gone, but not with the time at which this one was bound.
  const id = createHash('sha256').update(`${status.ino} ${status.mtimeNs}`).digest('hex').slice(0, 12);
  return { kind: 'dead', id };
}

async function lockedBy(path: string): Promise<LockedError> {
  const status = await askStatus(path, AbortSignal.timeout(ANSWER_MS)).catch(() => undefined);
  const who = status === undefined ? 'it does not say which process it is' : `process ${status.pid}`;
  return new LockedError(
    `cannot start: a daemon for this configuration runs already (${who}, at ${path}); "pushstatic stop" ends it`,
  );
}

async function inodeAt(path: string): Promise<number | undefined> {
  return (await lstat(path).catch(() => undefined))?.ino;
}
