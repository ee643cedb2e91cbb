/**
 * A pacer that changes something between two slices of work: the deterministic way to change a file while it is read.
 */
import { Pacer } from '../../src/fs/pace.js';

/** Finds a breath due at every chance, and calls back before each, with its number from 1 on. */
export class MeddlingPacer extends Pacer {
  breaths = 0;
  readonly #meddle: (breath: number) => unknown;

  constructor(meddle: (breath: number) => unknown) {
    super();
    this.#meddle = meddle;
  }

  override get isDue(): boolean {
    return true;
  }

  override async breathe(): Promise<void> {
    this.breaths++;
    this.#meddle(this.breaths);
    await super.breathe();
  }
}
