/** As long as the file $NO_THREADS_FILE is there, the system has no thread left for one that watches. */
import { existsSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import threads from 'node:worker_threads';

const { Worker } = threads;
threads.Worker = class extends Worker {
  constructor(file, options) {
    if (`${file}`.includes('watch-thread') && existsSync(process.env.NO_THREADS_FILE)) {
      throw Object.assign(new Error('no thread is left'), { code: 'ERR_WORKER_INIT_FAILED' });
    }
    super(file, options);
  }
};
syncBuiltinESMExports();
