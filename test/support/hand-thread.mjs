/** The program of a thread that helps: see `helper-thread.ts`. */
import { parentPort } from 'node:worker_threads';
import { register } from 'tsx/esm/api';

register();
const { Hand } = await import('../../src/collect/thread/hand.ts');
const hand = new Hand();

let before = Promise.resolve();

parentPort.on('message', (list) => {
  before = before.then(() => hand.help(list)).then(() => parentPort.postMessage('helped'));
});
