/**
 * The project's own measurements: pushstatic beside rsync over ssh, on one machine, interleaved.
 *
 * Both push the same tree to the same real OpenSSH server, from and to a RAM disk where there is one. Each figure is the
 * time of the whole command, start of the program included; what counts is the ratio. `npm run bench -- --runs 9 --only first`.
 *
 * Both get an environment of two variables and a state folder. What else is set where this runs is not theirs: with
 * NODE_EXTRA_CA_CERTS alone, Node 20 takes 36 ms longer to start.
 */
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { startOpenSsh } from '../support/openssh-server.js';
import { measureAlwaysOn, measureRest, measureService } from './always-on.js';
import { measureHashedNames } from './hashed-names.js';
import { startRelay } from './relay.js';
import { forget, pushstatic, rsync, type Side, time } from './sides.js';
import { plantMany } from './trees.js';
import { median } from './trend.js';
import { measureWireBytes } from './wire-bytes.js';

const { values: flags } = parseArgs({
  options: {
    runs: { type: 'string', default: '7' },
    only: { type: 'string', default: '' },
    memory: { type: 'boolean', default: false },
  },
});
const RUNS = Math.max(5, Number(flags.runs));
const FILES = 10_000;
const MANY_FILES = 100_000;
const ROUND_TRIP_MS = 50;
const REPORT_MEMORY = new URL('./report-memory.mjs', import.meta.url).href;

const folder = await mkdtemp(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'pushstatic-bench-'));
const environment = {
  PATH: process.env['PATH'],
  HOME: process.env['HOME'],
  XDG_STATE_HOME: join(folder, 'state'),
};

// rsync needs a program at the other end; pushstatic is given the account without a shell.
const [server, withShell] = await Promise.all([startOpenSsh(), startOpenSsh({ shell: true })]);
const means = { folder, server, withShell, environment };
/** For `--only`; any other word is a part of the name of a job of `measureTimes`. */
const PARTS: Readonly<Record<string, () => Promise<void>>> = {
  'always-on': () => measureAlwaysOn(means),
  hashed: () => measureHashedNames(folder, environment, RUNS),
  save: () => measureService(means),
  rest: () => measureRest(means),
  bytes: () => measureWireBytes(means),
};
try {
  if (flags.memory) await measureMemory();
  else await (PARTS[flags.only] ?? measureAll)();
} finally {
  await Promise.all([server.stop(), withShell.stop()]);
  await rm(folder, { recursive: true });
}

async function measureAll(): Promise<void> {
  await measureTimes();
  if (flags.only !== '') return;
  await measureWireBytes(means);
  await measureHashedNames(folder, environment, RUNS);
  await measureAlwaysOn(means);
}

async function measureTimes(): Promise<void> {
  const tree = join(folder, 'tree');
  await plantMany(tree, FILES);
  console.log(
    `${FILES} files of 1 to 4 KB, ${RUNS} runs of each, interleaved; medians of whole commands in milliseconds`,
  );
  console.log('round trip  job             pushstatic      rsync      ratio   bound');
  for (const roundTripMs of [0, ROUND_TRIP_MS]) {
    const relays =
      roundTripMs === 0
        ? []
        : await Promise.all([server, withShell].map((each) => startRelay(each.port, roundTripMs / 2)));
    const [near, far] = [relays[0]?.port ?? server.port, relays[1]?.port ?? withShell.port];
    const sides = [
      await pushstatic({ ...means, tree }, near, `pushstatic-${roundTripMs}`),
      rsync({ ...means, tree, server: withShell }, far, `rsync-${roundTripMs}`),
    ];
    await compare('first push', roundTripMs, sides, roundTripMs === 0 ? 1.3 : 1.5, 'forget');
    await compare('nothing to do', roundTripMs, sides, 1, 'keep');
    for (const relay of relays) await relay.stop();
  }
}

async function measureMemory(): Promise<void> {
  const tree = join(folder, 'tree');
  await plantMany(tree, MANY_FILES);
  const side = await pushstatic({ ...means, tree }, server.port, 'pushstatic');
  const memoryFile = join(folder, 'memory');
  const [node = '', ...rest] = side.command;
  const command = [node, '--import', REPORT_MEMORY, ...rest];
  const ms = await time({ ...side, command }, { MEMORY_FILE: memoryFile });
  const peak = Number(await readFile(memoryFile, 'utf8')) / 1024;
  console.log(
    `first push of ${MANY_FILES} files: ${Math.round(ms)} ms, peak memory ${peak.toFixed(0)} MiB (bound: 300 MB = 286 MiB)`,
  );
}

async function compare(
  job: string,
  roundTripMs: number,
  sides: readonly Side[],
  bound: number,
  before: 'forget' | 'keep',
): Promise<void> {
  if (!job.includes(flags.only)) return;
  const times = new Map<string, number[]>(sides.map((side) => [side.name, []]));
  for (let run = 0; run <= RUNS; run++) {
    for (const side of run % 2 === 0 ? sides : sides.toReversed()) {
      if (before === 'forget') forget(side);
      const ms = await time(side);
      // The first run warms the caches of the disk, and for "nothing to do" leaves nothing to do.
      if (run > 0) times.get(side.name)?.push(ms);
    }
  }
  const [ours, theirs] = sides.map((side) => median(times.get(side.name) ?? []));
  if (ours === undefined || theirs === undefined) return;
  const columns = [
    `${roundTripMs} ms`.padEnd(10),
    job.padEnd(14),
    ours.toFixed(0).padStart(11),
    theirs.toFixed(0).padStart(10),
  ];
  console.log(`${columns.join('  ')}  ${(ours / theirs).toFixed(2).padStart(8)}   ${bound}`);
  for (const side of sides)
    console.log(
      `              ${side.name}: ${times
        .get(side.name)
        ?.map((ms) => ms.toFixed(0))
        .join(' ')}`,
    );
}
