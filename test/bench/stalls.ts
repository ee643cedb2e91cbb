/** How long the event loop of a first push is held up: by what else it has to do, its heartbeat, signals and keepalives wait. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { forget, type Means, pushstatic, time } from './sides.js';
import { plantMany } from './trees.js';

const FILES = 100_000;
const BOUND_MS = 20;
const LOADING_MS = 500; // until the program is loaded and a connection is there: until then nobody waits for the loop
const SHOWN_LOADING = 3;
const SHOWN = 9;
const REPORT = new URL('../support/report-stalls.mjs', import.meta.url).href;

export async function measureStalls(means: Means, runs: number): Promise<void> {
  const folder = join(means.folder, 'stalls');
  const tree = join(folder, 'tree');
  await plantMany(tree, FILES);
  const side = await pushstatic({ ...means, folder, tree }, means.server.port, 'pushstatic');
  const file = join(folder, 'stalls.json');
  const [node = '', ...rest] = side.command;
  console.log(
    `first push of ${FILES} files: the longest times in ms, of processor time, that its loop was busy in one go, while it loads and after that`,
  );
  for (let run = 0; run < runs; run++) {
    forget(side);
    const ms = await time({ ...side, command: [node, '--import', REPORT, ...rest] }, { STALLS_FILE: file });
    const stalls = JSON.parse(await readFile(file, 'utf8')) as Stall[];
    const [loading, after] = [longest(stalls, 'loading'), longest(stalls, 'after')];
    const many = after.filter((each) => each > BOUND_MS).length;
    const shown = [loading.slice(0, SHOWN_LOADING), after.slice(0, SHOWN)].map((each) =>
      each.map((one) => one.toFixed(0)),
    );
    const [first = [], then = []] = shown;
    console.log(
      `${ms.toFixed(0).padStart(7)} ms: ${first.join(' ')}; then ${then.join(' ')}; ${many} of more than ${BOUND_MS} ms`,
    );
  }
}

interface Stall {
  readonly atMs: number;
  readonly busyMs: number;
}

function longest(stalls: readonly Stall[], when: 'loading' | 'after'): number[] {
  const those = stalls.filter(({ atMs }) => atMs < LOADING_MS === (when === 'loading'));
  return those.map(({ busyMs }) => busyMs).sort((a, b) => b - a);
}
