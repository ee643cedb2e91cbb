/**
 * Watching: what is heard of the folders of a project, and of what its configuration comes from.
 */
import type { Config } from '../config/schema.js';
import { isWithin } from '../core/relpath.js';
import { openWatcher } from '../watch/open.js';
import type { WatchEvent, Watcher } from '../watch/watcher.js';
import { Origins } from './origins.js';
import type { WatchStatus } from './status.js';

export interface WatchingMeans {
  readonly config: Config;
  /** Absolute. */
  readonly folders: readonly string[];
  /** Ends it. */
  readonly signal: AbortSignal;
  /** How often events were lost before it began. */
  readonly losses: number;
  /** These absolute places of the folders were touched. */
  readonly onTouched: (places: readonly string[]) => void;
  /** Some events were lost: anything may have been touched. */
  readonly onLost: () => void;
  readonly onWarning: (text: string) => void;
  /** The configuration file was touched, or one that the project's answer came from. */
  readonly onConfig: () => void;
  /** Something was touched that the project's answer may depend on. */
  readonly onSign: () => void;
  /** From now on such a touch is told of. What happened before, nobody told. */
  readonly onWatched: () => void;
}

export class Watching {
  readonly #means: WatchingMeans;
  readonly #origins: Origins;
  #watcher: Watcher | undefined;
  #losses: number;
  #opening: Promise<void> = Promise.resolve();

  constructor(means: WatchingMeans) {
    this.#means = means;
    this.#origins = new Origins(means.config);
    this.#losses = means.losses;
  }

  get losses(): number {
    return this.#losses;
  }

  status(): Pick<WatchStatus, 'backend' | 'reason' | 'folders' | 'losses'> {
    return {
      backend: this.#watcher?.backend ?? 'poll',
      reason: this.#watcher?.reason ?? 'nothing is watched yet',
      folders: this.#means.folders,
      losses: this.#losses,
    };
  }

  /** Sets it up, or up anew, one after another. Rejects with a SourceError where nothing can be watched. */
  open(): Promise<void> {
    const opening = this.#opening.then(() => this.#open());
    this.#opening = opening.catch(() => undefined);
    return opening;
  }

  async #open(): Promise<void> {
    const { signal, onWatched } = this.#means;
    try {
      if (this.#watcher === undefined) this.#watcher = (await this.#openOne()).watcher;
      else await this.#openBeside(this.#watcher);
    } catch (error) {
      if (!signal.aborted) throw error;
    }
    if (!signal.aborted) onWatched();
  }

  /** So that nothing goes untold; but there may be no room for two, where there is for one. */
  async #openBeside(before: Watcher): Promise<void> {
    const wanted = before.reason; // by which backend each of the folders is watched, and why
    const { watcher, accept } = await this.#openOne('on trial');
    if (watcher.reason === wanted) {
      this.#watcher = watcher;
      accept();
      return before.close();
    }
    await Promise.all([before.close(), watcher.close()]);
    this.#watcher = (await this.#openOne()).watcher;
    this.#means.onLost();
  }

  /** What one on trial has to say of itself is not told until it is accepted. */
  async #openOne(how?: 'on trial'): Promise<{ readonly watcher: Watcher; readonly accept: () => void }> {
    const { config, folders, signal } = this.#means;
    let isOnTrial = how !== undefined;
    const watcher = await openWatcher(folders, {
      backend: config.watch.backend,
      files: this.#origins.places,
      signal,
      onEvent: (event) => (isOnTrial && event.kind === 'warning' ? undefined : this.#hear(event)),
    });
    return { watcher, accept: () => void (isOnTrial = false) };
  }

  async close(): Promise<void> {
    await this.#watcher?.close();
  }

  #hear(event: WatchEvent): void {
    const { signal, onWarning, onLost, onTouched, onConfig, onSign } = this.#means;
    if (signal.aborted) return;
    switch (event.kind) {
      case 'warning':
        return onWarning(event.text);
      case 'lost':
        this.#losses++;
        onLost();
        return onSign(); // what nobody told may be that
      case 'touched': {
        const touch = this.#origins.touch(event.places);
        if (touch === 'read again') onConfig();
        if (touch === 'look') onSign();
        const places = event.places.filter((place) => !this.#origins.has(place) || this.#isOfSources(place));
        if (places.length > 0) onTouched(places);
      }
    }
  }

  /** Settings may lie in a folder of sources, and be collected from there; and a folder stands for all that it holds. */
  #isOfSources(place: string): boolean {
    return this.#means.folders.some((folder) => isWithin(place, folder) || isWithin(folder, place));
  }
}
