/**
 * The portable backend, and the one that polls where the system tells of nothing: chokidar.
 *
 * It keeps an entry and, unless it polls, a watch for every single file.
 */
import { watch } from 'chokidar';
import { codeOf, reasonOf } from '../errors.js';
import { type Backend, isLimit } from './backend.js';

const POLL_MS = 1000;
const RELIST_MS = 500; // by then chokidar has listed a new folder and watches what it found

export function chokidarBackend(way: 'events' | 'polling'): Backend {
  return (folder, report) =>
    new Promise((resolve) => {
      const watcher = watch(folder, {
        usePolling: way === 'polling',
        interval: POLL_MS,
        binaryInterval: POLL_MS,
        ignoreInitial: true,
        atomic: false, // it would leave out what looks like an editor's file
      });
      watcher.on('all', (kind, path) => {
        const place = path.replaceAll('\\', '/');
        report.touched(place);
        if (kind === 'addDir') setTimeout(() => report.touched(place), RELIST_MS).unref();
        if (kind === 'unlinkDir' && place === folder) report.gone();
      });
      watcher.on('raw', () => report.heard(1));
      watcher.on('error', (error) => {
        const code = codeOf(error);
        if (isLimit(code)) report.limited(code);
        else report.lost(reasonOf(error));
      });
      watcher.on('ready', () => resolve({ close: () => watcher.close() }));
    });
}
