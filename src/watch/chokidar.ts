/**
 * The portable backend, and the one that polls where the system tells of nothing: chokidar.
 *
 * It keeps an entry and, unless it polls, a watch for every single file. It reads a new folder before it watches it, takes
 * a folder under the name of a file for that file, and keeps the second of two edits within 50 ms to itself. So new
 * folders are watched and told once more, and raw events are told as well. Polling, it may miss a file that takes a
 * folder's place within a second, and one that only its content tells from the one before: a sweep finds them.
 */
import { statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { type FSWatcher, watch } from 'chokidar';
import { codeOf, reasonOf } from '../errors.js';
import { type Backend, isLimit, type Report } from './backend.js';

const POLL_MS = 1000;
const AGAIN_MS = 500; // by then chokidar has read a new folder and watches it

/** Of an event as the system told it; without a path where chokidar found it by polling. */
interface RawDetails {
  readonly watchedPath?: string;
}

export function chokidarBackend(way: 'events' | 'polling'): Backend {
  return async (folder, report) => {
    const watcher = watch(folder, {
      usePolling: way === 'polling',
      interval: POLL_MS,
      binaryInterval: POLL_MS,
      ignoreInitial: true,
      atomic: false, // it would leave out what looks like an editor's file
    });
    const folders = new NewFolders(watcher, report);
    watcher.on('all', (kind, path, stats) => {
      report.touched(path);
      if (kind === 'unlinkDir' && path === folder) report.gone();
      if (stats?.isDirectory() === true) folders.add(path);
    });
    watcher.on('raw', (kind, name, details) => {
      report.heard(1);
      const { watchedPath } = details as RawDetails;
      if (watchedPath === undefined) return;
      const place = placeIn(watchedPath, name);
      report.touched(place);
      if (kind === 'rename') folders.add(place);
    });
    watcher.on('error', (error) => {
      const code = codeOf(error);
      if (isLimit(code)) report.limited(code);
      else report.lost(reasonOf(error));
    });
    await new Promise<void>((resolve) => watcher.once('ready', resolve));
    return { close: () => folders.close() };
  };
}

/** Folders that are new, or may be: watched and told once more a little later. */
class NewFolders {
  readonly #watcher: FSWatcher;
  readonly #report: Report;
  readonly #waiting = new Set<string>();
  #timer: NodeJS.Timeout | undefined;

  constructor(watcher: FSWatcher, report: Report) {
    this.#watcher = watcher;
    this.#report = report;
  }

  add(place: string): void {
    this.#waiting.add(place);
    this.#timer ??= setTimeout(() => this.#lookAgain(), AGAIN_MS);
  }

  /** Closes the watcher as well. */
  close(): Promise<void> {
    clearTimeout(this.#timer);
    return this.#watcher.close();
  }

  #lookAgain(): void {
    this.#timer = undefined;
    const places = [...this.#waiting];
    this.#waiting.clear();
    for (const place of places.filter(isFolder)) {
      this.#watcher.unwatch(place).add(place);
      this.#report.touched(place);
    }
  }
}

function isFolder(place: string): boolean {
  try {
    return statSync(place).isDirectory();
  } catch (error) {
    if (codeOf(error) === '') throw error;
    return false;
  }
}

/** `name` is of something in the watched folder, or of the watched file itself. */
function placeIn(watched: string, name: string): string {
  return basename(watched) === name ? watched : join(watched, name);
}
