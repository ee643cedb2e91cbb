/**
 * The native backend of Linux: Node's own watch on each folder, which is one inotify watch.
 *
 * @parcel/watcher would do the same from C++, but on Linux it never hears of what happens in a folder that was moved in or
 * made together with its parent, tells moved folders by their old names, drops a file that is replaced and then removed,
 * and keeps silent for up to half a second under constant change, which looks like rest.
 *
 * Each folder is watched first and listed after, and a new one is reported once more when all below it is watched: so
 * there is no moment in which a change goes unheard. Links are followed, and places are told as seen through them.
 */
import { type FSWatcher, lstatSync, readdirSync, type Stats, statSync, watch } from 'node:fs';
import { basename } from 'node:path';
import { codeOf, isSystemError, orUndefined } from '../system-error.js';
import { isLimit, type Report, type Subscription } from './backend.js';

const RETRY_MS = 1000; // for links that lead nowhere and folders that may not be read

/** A folder, or a linked file, that is watched. */
interface Watched {
  readonly place: string;
  readonly above: Watched | undefined;
  /** Device and inode: a link to one that is above leads in a circle. */
  readonly identity: string;
  readonly watcher: FSWatcher;
  readonly inside: Map<string, Watched>;
}

/** What has to be looked at again: names, by the folder they are in. */
type Names = Map<Watched, Set<string>>;

export async function watchByInotify(folder: string, report: Report): Promise<Subscription> {
  return new FolderWatches(folder, report);
}

class FolderWatches implements Subscription {
  readonly #report: Report;
  readonly #root: Watched | undefined;
  #changed: Names = new Map();
  #closedToUs: Names = new Map();
  #looking: NodeJS.Immediate | undefined;
  readonly #retry = setInterval(() => this.#lookAtClosed(), RETRY_MS).unref();

  constructor(folder: string, report: Report) {
    this.#report = report;
    try {
      this.#root = this.#enter(folder, undefined);
    } catch (error) {
      this.close();
      throw error;
    }
  }

  close(): void {
    clearInterval(this.#retry);
    clearImmediate(this.#looking);
    if (this.#root !== undefined) closeAll(this.#root);
  }

  /** Watches `place` and all below it. Throws the error of the system for `place` itself. */
  #enter(place: string, above: Watched | undefined): Watched | undefined {
    const stats = statSync(place);
    const identity = `${stats.dev}:${stats.ino}`;
    if (isAbove(identity, above)) return undefined;
    const watcher = this.#watch(place);
    if (watcher === undefined) return undefined;
    const watched: Watched = { place, above, identity, watcher, inside: new Map() };
    watcher.on('change', (kind, name) => this.#hear(watched, kind, String(name ?? basename(place))));
    watcher.on('error', (error) => this.#report.lost(error.message));
    try {
      if (stats.isDirectory()) this.#enterAllIn(watched);
    } catch (error) {
      closeAll(watched);
      throw error;
    }
    return watched;
  }

  #enterAllIn(folder: Watched): void {
    for (const entry of readdirSync(folder.place, { withFileTypes: true })) {
      if (entry.isDirectory() || entry.isSymbolicLink()) this.#tryToEnter(folder, entry.name);
    }
  }

  /** What vanished is no trouble: its folder is told about it. */
  #tryToEnter(folder: Watched, name: string): void {
    try {
      const watched = this.#enter(`${folder.place}/${name}`, folder);
      if (watched !== undefined) folder.inside.set(name, watched);
    } catch (error) {
      if (!isSystemError(error)) throw error;
      addName(this.#closedToUs, folder, name);
    }
  }

  #watch(place: string): FSWatcher | undefined {
    try {
      return watch(place, { persistent: false });
    } catch (error) {
      const code = codeOf(error);
      if (!isLimit(code)) throw error;
      this.#report.limited(code);
      return undefined;
    }
  }

  /** `name` is of something in `watched`, or of itself when it was moved or removed. */
  #hear(watched: Watched, kind: string, name: string): void {
    this.#report.heard(1);
    const isSelf = name === basename(watched.place);
    // A name that is not valid UTF-8 cannot be told.
    this.#report.touched(isSelf || name.includes('\ufffd') ? watched.place : `${watched.place}/${name}`);
    if (kind !== 'rename') return;
    if (isSelf && watched.above !== undefined) this.#lookLater(watched.above, name);
    if (isSelf && watched.above === undefined) this.#report.stale();
    this.#lookLater(watched, name);
  }

  /** Only when all that waits was heard: the system drops what nobody fetches. */
  #lookLater(folder: Watched, name: string): void {
    addName(this.#changed, folder, name);
    this.#looking ??= setImmediate(() => {
      this.#looking = undefined;
      const changed = this.#changed;
      this.#changed = new Map();
      forEachName(changed, (each, inside) => this.#look(each, inside));
    });
  }

  #lookAtClosed(): void {
    const closed = this.#closedToUs;
    this.#closedToUs = new Map();
    forEachName(closed, (folder, name) => this.#look(folder, name));
  }

  /** Watches what is called `name` now, and nothing else under that name. */
  #look(folder: Watched, name: string): void {
    const known = folder.inside.get(name);
    if (known !== undefined) closeAll(known);
    folder.inside.delete(name);
    if (!isWatched(folder)) return;
    const stats = lookAt(`${folder.place}/${name}`);
    if (stats === undefined || !(stats.isDirectory() || stats.isSymbolicLink())) return;
    this.#tryToEnter(folder, name);
    if (folder.inside.has(name)) this.#report.touched(`${folder.place}/${name}`);
  }
}

function isAbove(identity: string, folder: Watched | undefined): boolean {
  for (let at = folder; at !== undefined; at = at.above) if (at.identity === identity) return true;
  return false;
}

/** What was closed was taken out of the folder above as well, or lies in one that was. */
function isWatched(folder: Watched): boolean {
  return folder.above === undefined || folder.above.inside.get(basename(folder.place)) === folder;
}

function closeAll(watched: Watched): void {
  watched.watcher.close();
  for (const inner of watched.inside.values()) closeAll(inner);
  watched.inside.clear();
}

function addName(names: Names, folder: Watched, name: string): void {
  const known = names.get(folder);
  if (known === undefined) names.set(folder, new Set([name]));
  else known.add(name);
}

function forEachName(names: Names, act: (folder: Watched, name: string) => void): void {
  for (const [folder, inside] of names) for (const name of inside) act(folder, name);
}

function lookAt(place: string): Stats | undefined {
  return orUndefined(() => lstatSync(place));
}
