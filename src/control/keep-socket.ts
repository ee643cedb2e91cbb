/**
 * keepSocket: a daemon that nobody can reach cannot be stopped either, and a second one would start beside it. So its socket is made
 * again where somebody takes it away: logind, when the last session of a user ends, or who clears the state folder.
 */
import { LockedError } from '../errors.js';
import { reasonOf } from '../system-error.js';

const LOOK_MS = 5000;

export interface OpenSocket {
  /** Whether others find it. */
  readonly isThere: () => Promise<boolean>;
  readonly close: () => Promise<void>;
}

/** Rejects as `open` does the first time. What stands against another time is told once. */
export async function keepSocket(
  open: () => Promise<OpenSocket>,
  onWarning: (text: string) => void,
): Promise<() => Promise<void>> {
  const opened = [await open()];
  let told = '';
  let looking = Promise.resolve();
  const look = async (): Promise<void> => {
    if (await opened.at(-1)?.isThere()) return;
    try {
      opened.push(await open()); // who speaks through the former one goes on
      told = '';
    } catch (error) {
      const reason = error instanceof LockedError ? 'another daemon has taken its place' : reasonOf(error);
      if (reason !== told) onWarning(`the socket of this daemon is gone, and no command reaches it: ${reason}`);
      told = reason;
    }
  };
  const timer = setInterval(() => void (looking = looking.then(look)), LOOK_MS);
  timer.unref();
  return async () => {
    clearInterval(timer);
    await looking;
    for (const each of opened.toReversed()) await each.close();
  };
}
