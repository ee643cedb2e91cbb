/** A helper in a thread of its own, which really works at the same time as the test. */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { onTestFinished } from 'vitest';
import type { Helper } from '../../src/collect/thread/helper.js';
import { newTurn } from '../../src/collect/thread/turn.js';

/** One that has come up, so that it is in time for its part. It is given one list after another. */
export async function helperThread(): Promise<Helper> {
  const worker = new Worker(new URL('./hand-thread.mjs', import.meta.url));
  onTestFinished(async () => void (await worker.terminate()));
  const helper: Helper = {
    help: async (list) => {
      worker.postMessage(list);
      await once(worker, 'message');
    },
  };
  const nothing = { files: [], sizes: [], stamps: [], also: undefined, facts: new SharedArrayBuffer(0) };
  await helper.help({ kind: 'read', ...nothing, turn: newTurn() });
  return helper;
}
