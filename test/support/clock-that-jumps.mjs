/** Loaded into a program under test: each SIGUSR2 moves its clock as the file that CLOCK_FILE names says, in milliseconds. */
import { readFileSync } from 'node:fs';
import { isMainThread } from 'node:worker_threads';

const Real = Date;
let shift = 0;

globalThis.Date = class extends Real {
  constructor(...given) {
    super(...(given.length === 0 ? [Real.now() + shift] : given));
  }

  static now() {
    return Real.now() + shift;
  }
};

if (isMainThread) {
  process.on('SIGUSR2', () => {
    shift += Number(readFileSync(process.env.CLOCK_FILE, 'utf8'));
  });
}
