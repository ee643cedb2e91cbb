/**
 * WatchedFile: one file, or anything else, whose name may stand for another file at any time, such as a configuration that an editor
 * replaces. Looked at, not listened to: that cannot miss a change for longer than it takes to look again.
 */
import { kindOf } from '../fs/kind-of.js';
import { look } from './look.js';

/** `path` is absolute; nothing needs to be there. `kind`: only that matters, and not what is in it. */
export interface SinglePlace {
  readonly path: string;
  readonly for: 'any change' | 'kind';
}

export class WatchedFile {
  readonly path: string;
  readonly #stampOf: (path: string) => string;
  #stamp: string;

  constructor({ path, for: matter }: SinglePlace) {
    this.path = path;
    this.#stampOf = matter === 'kind' ? kindOf : stampOf;
    this.#stamp = this.#stampOf(path);
  }

  /** Whether it is another one, or otherwise different, since this was asked last. */
  hasChanged(): boolean {
    const before = this.#stamp;
    this.#stamp = this.#stampOf(this.path);
    return this.#stamp !== before;
  }
}

function stampOf(path: string): string {
  const stats = look(path);
  return stats === undefined ? '' : [stats.dev, stats.ino, stats.size, stats.mtimeNs, stats.ctimeNs].join(':');
}
