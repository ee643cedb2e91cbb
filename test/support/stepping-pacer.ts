/**
 * A pacer that lets somebody else take a step whenever it has waited: the deterministic way to write a file while others wait
 * for it.
 */
import { Pacer } from '../../src/fs/pace.js';

export class SteppingPacer extends Pacer {
  rests = 0;
  readonly #steps: readonly (() => unknown)[];

  constructor(steps: readonly (() => unknown)[]) {
    super();
    this.#steps = steps;
  }

  override async rest(ms: number): Promise<void> {
    await super.rest(ms);
    this.#steps[this.rests++]?.();
  }
}
