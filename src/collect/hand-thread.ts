/**
 * The program of the helping thread. `helper-thread.ts` is its other end.
 */
import { parentPort } from 'node:worker_threads';
import { Hand } from './hand.js';
import type { SharedList } from './helper.js';

const hand = new Hand();
let before: Promise<unknown> = Promise.resolve();

parentPort?.on('message', (list: SharedList) => {
  before = before.then(() => hand.help(list)).then(() => parentPort?.postMessage('done'));
});
