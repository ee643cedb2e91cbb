/**
 * WatchedFile: one file whose name may stand for another file at any time, such as a configuration that an editor
 * replaces. Looked at, not listened to: that cannot miss a change for longer than it takes to look again.
 */
import { look } from './look.js';

export class WatchedFile {
  readonly path: string;
  #stamp: string;

  /** `path` is absolute; nothing needs to be there. */
  constructor(path: string) {
    this.path = path;
    this.#stamp = stampOf(path);
  }

  /** Whether it is another one, or otherwise different, since this was asked last. */
  hasChanged(): boolean {
    const before = this.#stamp;
    this.#stamp = stampOf(this.path);
    return this.#stamp !== before;
  }
}

function stampOf(path: string): string {
  const stats = look(path);
  return stats === undefined ? '' : [stats.dev, stats.ino, stats.size, stats.mtimeNs, stats.ctimeNs].join(':');
}
