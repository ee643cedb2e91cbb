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
import { measureDeploys } from './deploy.js';
import { measureFloor } from './floor.js';
import { measureHashedNames } from './hashed-names.js';
import { profileFirstPush } from './profile.js';
import { pushstatic, time } from './sides.js';
import { measureStalls } from './stalls.js';
import { measureStartUp } from './start-up.js';
import { plantMany } from './trees.js';
import { measureSlowLine, measureUpgrades } from './upgrades.js';
import { measureTimes } from './whole-commands.js';
import { measureWireBytes } from './wire-bytes.js';

const { values: flags } = parseArgs({
  options: {
    runs: { type: 'string', default: '7' },
    only: { type: 'string', default: '' },
    memory: { type: 'boolean', default: false },
    profile: { type: 'boolean', default: false },
  },
});
const RUNS = Math.max(5, Number(flags.runs));
const MANY_FILES = 100_000;
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
/** For `--only`; any other words are a part of what `measureTimes` calls a job, such as `100,000 files, nothing`. */
const PARTS: Readonly<Record<string, () => Promise<void>>> = {
  'always-on': () => measureAlwaysOn(means),
  hashed: () => measureHashedNames(folder, environment, RUNS),
  save: () => measureService(means),
  rest: () => measureRest(means),
  floor: () => measureFloor(means, RUNS),
  bytes: () => measureWireBytes(means),
  upgrades: () => measureUpgrades(means),
  'slow-line': () => measureSlowLine(means, RUNS),
  deploy: () => measureDeploys(means, RUNS),
  stalls: () => measureStalls(means, RUNS),
  'start-up': async () => measureStartUp(environment),
};
try {
  if (flags.memory) await measureMemory();
  else if (flags.profile) await profileFirstPush(means);
  else await (PARTS[flags.only] ?? measureAll)();
} finally {
  await Promise.all([server.stop(), withShell.stop()]);
  await rm(folder, { recursive: true });
}

async function measureAll(): Promise<void> {
  await measureTimes(means, RUNS, flags.only);
  if (flags.only !== '') return;
  await measureFloor(means, RUNS);
  await measureWireBytes(means);
  await measureUpgrades(means);
  await measureSlowLine(means, RUNS);
  await measureStalls(means, RUNS);
  measureStartUp(environment);
  await measureHashedNames(folder, environment, RUNS);
  await measureDeploys(means, RUNS);
  await measureAlwaysOn(means);
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
    `first push of ${MANY_FILES} files: ${Math.round(ms)} ms, peak memory ${peak.toFixed(0)} MiB (bound: 200 MB = 191 MiB)`,
  );
}
