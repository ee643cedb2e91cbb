/**
 * Outbox: carries touched places to the main thread in few messages and bounded memory.
 *
 * The first place of a quiet period leaves at once, with all that came in the same turn. What comes while a message was
 * not yet taken waits and folds together, so that a main thread that is busy for long loses nothing and is not buried.
 */
import { TouchedSet } from '../core/touched-set.js';

export class Outbox {
  readonly #places: TouchedSet;
  readonly #send: (places: readonly string[]) => void;
  #state: 'idle' | 'leaving' | 'sent' = 'idle';

  /** `folders` are what is watched. `send` is answered by `taken`. */
  constructor(folders: readonly string[], send: (places: readonly string[]) => void) {
    this.#places = new TouchedSet(folders);
    this.#send = send;
  }

  add(place: string): void {
    this.#places.add(place, 0);
    if (this.#state === 'idle') this.#leave();
  }

  /** The last message was taken. */
  taken(): void {
    if (this.#places.size > 0) this.#leave();
    else this.#state = 'idle';
  }

  #leave(): void {
    this.#state = 'leaving';
    setImmediate(() => {
      this.#state = 'sent';
      const places = [...this.#places].map(([place]) => place);
      this.#places.clear();
      this.#send(places);
    });
  }
}
