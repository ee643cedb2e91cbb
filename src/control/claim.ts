/**
 * claim: makes a server listen at the one place of its configuration. Who has the place is the only daemon.
 *
 * A socket is bound in a private folder, listens there, and is then linked to its place: a name there that does not answer
 * is one whose owner is gone. A link never replaces anything, so that of several starters one wins. What a dead daemon left
 * is taken away by a starter who holds `PLACE.lock`, which is such a link too, and free as soon as its holder ends,
 * however that happens.
 */
import { chmod, link, lstat, mkdir, mkdtemp, rename, rm, stat } from 'node:fs/promises';
import type { Server } from 'node:net';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ConfigError, codeOf, LockedError, reasonOf } from '../errors.js';
import { askStatus, listenerAt } from './ask.js';

const LOOK_AGAIN_MS = 5; // another starter is done within a few milliseconds
const PATIENCE_MS = 10_000; // unless it was stopped in the middle

export interface Claim {
  readonly path: string;
  /** Gives the place up, if it is still ours. The server is the caller's to close. */
  release(): Promise<void>;
}

/**
 * Makes `server` listen at `path` (absolute), for this user alone. The folder is made, for this user alone, if missing.
 * Throws a LockedError if a daemon listens there, and a ConfigError if the place cannot be used.
 */
export async function claim(server: Server, path: string): Promise<Claim> {
  const room = await privateRoomBeside(path);
  const own = join(room, 's');
  try {
    await listen(server, own);
    await chmod(own, 0o600);
    const { ino } = await lstat(own);
    await takePlace(own, path, room);
    return { path, release: () => removeIf(path, ino) };
  } catch (error) {
    server.close();
    throw error;
  } finally {
    await rm(room, { recursive: true, force: true });
  }
}

async function privateRoomBeside(path: string): Promise<string> {
  const folder = dirname(path);
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    if (await isInStrangeHands(folder)) {
      throw new ConfigError(
        `cannot listen at ${path}: others may write to its folder; set daemon.socket to a place that is your own`,
      );
    }
    return await mkdtemp(join(folder, '.'));
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    throw new ConfigError(`cannot listen at ${path}: ${reasonOf(error)}; daemon.socket names another place`, {
      cause: error,
    });
  }
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

async function takePlace(own: string, path: string, room: string): Promise<void> {
  if (await linked(own, path)) return;
  const lock = `${path}.lock`;
  await takeLock(own, lock, room);
  try {
    while (!(await linked(own, path))) {
      if (!(await removeDead(path, room))) throw await lockedBy(path);
    }
  } finally {
    await rm(lock, { force: true });
  }
}

async function takeLock(own: string, lock: string, room: string): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS;
  while (!(await linked(own, lock))) {
    if (await removeDead(lock, room)) continue;
    if (performance.now() > deadline) throw new LockedError(`cannot start: another daemon is about to, and holds ${lock}`);
    await sleep(LOOK_AGAIN_MS);
  }
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

/**
 * Takes away the socket at `path` if nobody listens there; false if somebody does. What was taken is looked at again: if
 * it lives after all, another starter was quicker, and it is put back.
 */
async function removeDead(path: string, room: string): Promise<boolean> {
  if (await answers(path)) return false;
  const taken = join(room, 'taken');
  try {
    await rename(path, taken);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return true;
    throw error;
  }
  if (!(await answers(taken))) return true;
  await linked(taken, path);
  return false;
}

/** Whether a process listens at `path`. Throws a ConfigError for what is not a socket. */
async function answers(path: string): Promise<boolean> {
  const found = await lstat(path).catch((error: unknown) => {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  });
  if (found === undefined) return false;
  if (!found.isSocket()) {
    throw new ConfigError(
      `cannot listen at ${path}: something that is no socket stands there; remove it, or set daemon.socket`,
    );
  }
  return (await listenerAt(path)) !== 'none';
}

async function lockedBy(path: string): Promise<LockedError> {
  const status = await askStatus(path).catch(() => undefined);
  const who = status === undefined ? 'it does not say which process it is' : `process ${status.pid}`;
  return new LockedError(
    `cannot start: a daemon for this configuration runs already (${who}, at ${path}); "pushstatic stop" ends it`,
  );
}

async function removeIf(path: string, ino: number): Promise<void> {
  const found = await lstat(path).catch(() => undefined);
  if (found?.ino === ino) await rm(path, { force: true });
}
