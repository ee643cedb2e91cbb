/**
 * openWatcher: tells of every change below some folders, by whatever means the system has for it.
 */
import type { Engine } from './backend.js';
import { chooseEngines, type WantedBackend } from './choose.js';
import { type WatchHooks, WatchThread } from './in-thread.js';
import { readMounts, realPlace, silentFileSystem } from './mount.js';
import type { SinglePlace } from './watched-file.js';
import type { Watcher } from './watcher.js';

export interface WatchOptions extends WatchHooks {
  readonly backend: WantedBackend;
  /** What is watched as well, whether it is there or not. */
  readonly files?: readonly SinglePlace[];
  /** Closes the watcher, whether it is open yet or not. */
  readonly signal?: AbortSignal | undefined;
}

const NAMES: Readonly<Record<Engine, Watcher['backend']>> = {
  inotify: 'native',
  parcel: 'native',
  chokidar: 'chokidar',
  poll: 'poll',
};

/**
 * Watches the absolute `folders` and all below them. One that is missing is told of when it comes. Resolves once
 * everything that is there is watched; from then on no change goes untold, until the watcher is closed. Rejects with a
 * SourceError if nothing here can watch at all, or if it is closed before.
 */
export async function openWatcher(folders: readonly string[], options: WatchOptions): Promise<Watcher> {
  const mounts = readMounts();
  const silentOn = (folder: string): string | undefined => silentFileSystem(realPlace(folder), mounts);
  const choices = chooseEngines(folders, options.backend, process.platform, silentOn);
  const threads = choices.map((choice, at) => new WatchThread(choice, at === 0 ? (options.files ?? []) : [], options));
  const close = async (): Promise<void> => {
    options.signal?.removeEventListener('abort', onAbort);
    await Promise.all(threads.map((thread) => thread.close()));
  };
  const onAbort = (): void => void close();
  options.signal?.addEventListener('abort', onAbort);
  try {
    if (options.signal?.aborted === true) onAbort();
    await Promise.all(threads.map((thread) => thread.ready));
  } catch (error) {
    await close();
    throw error;
  }
  return {
    get backend() {
      return NAMES[threads[0]?.engine ?? 'poll'];
    },
    get reason() {
      return threads.map(({ engine, reason }) => `${NAMES[engine]}: ${reason}`).join('; ');
    },
    close,
  };
}
