/**
 * The portable backend, and the one that polls where the system tells of nothing: chokidar.
 *
 * It keeps an entry and, unless it polls, a watch for every single file. It knows what is there by name alone, so it goes
 * on watching the old one where something else quickly takes a name; it reads a new folder before it watches it; and it
 * keeps the second of two edits within 50 ms to itself. Hence raw events are told as well, new folders are entered
 * and told once more, and what may be out of step is set up again. All the same, where folders are renamed and replaced
 * many times within a second, it sometimes stays deaf in one of them afterwards: what happens there, a sweep finds. And
 * it never gets ready if a file took the place of a folder while it read that.
 */
import type { Stats } from 'node:fs';
import { stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { type FSWatcher, watch } from 'chokidar';
import { codeOf, reasonOf } from '../system-error.js';
import { type Backend, isLimit, type Report } from './backend.js';
import { look } from './look.js';

const POLL_MS = 1000;
const AGAIN_MS = 500; // by then chokidar has read a new folder and watches it
const STANDSTILL_MS = 4000;

/** How the system told of a change: below a path that is watched, or as what a poll found before and after. */
type RawDetails = { readonly watchedPath: string } | { readonly curr: Stats; readonly prev: Stats };

export function chokidarBackend(way: 'events' | 'polling'): Backend {
  return async (folder, report) => {
    const opening = new Opening();
    const watcher = watch(folder, {
      usePolling: way === 'polling',
      interval: POLL_MS,
      binaryInterval: POLL_MS,
      ignoreInitial: true,
      atomic: false, // it would leave out what looks like an editor's file
      ignored: () => {
        opening.goesOn();
        return false;
      },
    });
    const names = new NewNames(watcher, report);
    watcher.on('all', (kind, path) => {
      report.touched(path);
      if (kind === 'unlinkDir' && path === folder) report.stale();
      if (kind === 'addDir') names.entered(path);
    });
    watcher.on('raw', (kind, name, details) => {
      report.heard(1);
      const raw = details as RawDetails;
      if ('curr' in raw) {
        if (isOtherKind(raw.prev, raw.curr)) report.stale();
        return;
      }
      const place = placeIn(raw.watchedPath, name);
      report.touched(place);
      if (kind === 'rename') names.taken(place);
    });
    watcher.on('error', (error) => {
      const code = codeOf(error);
      if (isLimit(code)) report.limited(code);
      else report.lost(reasonOf(error));
    });
    watcher.once('ready', () => opening.end('ready'));
    if ((await opening.ended) === 'stuck') report.stale();
    if (way === 'polling') await pollsBegun(folder);
    return { close: () => names.close() };
  };
}

/**
 * Chokidar is ready when it has asked for the times that polls will be compared with, not when it has them: what changed in
 * between would never be told of. The system is asked in order, so that whoever asks now has an answer after them.
 */
async function pollsBegun(folder: string): Promise<void> {
  await stat(folder).catch(() => undefined);
}

/** The first look at everything. */
class Opening {
  #lookedAt = performance.now();
  #resolve: (how: 'ready' | 'stuck') => void = () => {};
  /** It is stuck where nothing was looked at for a while. */
  readonly ended = new Promise<'ready' | 'stuck'>((resolve) => (this.#resolve = resolve));
  readonly #timer = setInterval(() => {
    if (performance.now() - this.#lookedAt > STANDSTILL_MS) this.end('stuck');
  }, STANDSTILL_MS / 4);

  goesOn(): void {
    this.#lookedAt = performance.now();
  }

  end(how: 'ready' | 'stuck'): void {
    clearInterval(this.#timer);
    this.#resolve(how);
  }
}

/** Names that something new may have taken, looked at when chokidar had time to notice. */
class NewNames {
  readonly #watcher: FSWatcher;
  readonly #report: Report;
  readonly #timer: NodeJS.Timeout;
  /** By the system's word. */
  #taken = new Set<string>();
  /** Folders by chokidar's word. */
  #entered = new Set<string>();
  /** The names of before, which had their time. */
  #ripe = { taken: this.#taken, entered: this.#entered };

  constructor(watcher: FSWatcher, report: Report) {
    this.#watcher = watcher;
    this.#report = report;
    this.#timer = setInterval(() => this.#lookAgain(), AGAIN_MS);
  }

  /** What chokidar said of this name before is about something else. */
  taken(place: string): void {
    this.#taken.add(place);
    this.#entered.delete(place);
    this.#ripe.entered.delete(place);
  }

  entered(place: string): void {
    this.#entered.add(place);
  }

  /** Closes the watcher as well. */
  close(): Promise<void> {
    clearInterval(this.#timer);
    return this.#watcher.close();
  }

  #lookAgain(): void {
    const { taken, entered } = this.#ripe;
    for (const place of entered) this.#enterAgain(place);
    const isMissed = (place: string): boolean => !entered.has(place) && !this.#entered.has(place) && isFolder(place);
    if ([...taken].some(isMissed)) this.#report.stale();
    this.#ripe = { taken: this.#taken, entered: this.#entered };
    this.#taken = new Set();
    this.#entered = new Set();
  }

  #enterAgain(place: string): void {
    if (!isFolder(place)) return;
    this.#watcher.unwatch(place).add(place);
    this.#report.touched(place);
  }
}

/** Whether a folder took the place of something else, or the other way round. What is missing has no time. */
function isOtherKind(before: Stats, after: Stats): boolean {
  return before.mtimeMs !== 0 && after.mtimeMs !== 0 && before.isDirectory() !== after.isDirectory();
}

function isFolder(place: string): boolean {
  return look(place)?.isDirectory() ?? false;
}

/** `name` is of something in the watched folder, or of the watched file itself. */
function placeIn(watched: string, name: string): string {
  return basename(watched) === name ? watched : join(watched, name);
}
