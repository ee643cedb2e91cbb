/**
 * The project's endurance test: a daemon on a project of 5,000 files, and a life as it may get it. `npm run soak -- --minutes 30`.
 *
 * Edits every second or so, a burst every four minutes, the server restarted every three minutes and its sessions dropped in
 * between, another configuration every five minutes. Once a minute all is left in peace, until what is served equals the
 * sources: how long that takes, what is left then, and what the system says of the process is a line of the table.
 *
 * Before that, 200 pushes of another project are killed at random moments, or their sessions are, and ten times two programs push
 * to one target at the same moment, a hundred times. `--kills 0` and `--races 0` leave that out.
 *
 * In the end memory and descriptors must not have grown over the second half. By the trend, that is, and not by the last
 * figure. The heap is measured after its garbage was collected, and what a cycle leaves behind shows in it: a kilobyte for
 * each of a thousand cycles is a megabyte. Resident memory depends on when garbage was collected, in three threads, and is
 * returned late; a tenth of it is that. Descriptors are the same in each minute, but for the one of a connection that is
 * just being made.
 */
import { randomInt } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { chanceOf } from '../support/chance.js';
import { killAtRandom } from '../support/kills.js';
import { startOpenSsh } from '../support/openssh-server.js';
import { differences } from '../support/project.js';
import { raceForTarget } from '../support/races.js';
import { type DaemonProcess, isInSync, startDaemon } from './daemon-process.js';
import { burst, editAnywhere } from './edits.js';
import { plantMany } from './trees.js';
import { growthOf } from './trend.js';

const { values: flags } = parseArgs({
  options: {
    minutes: { type: 'string', default: '30' },
    kills: { type: 'string', default: '200' },
    races: { type: 'string', default: '10' },
  },
});
const RACES = Number(flags.races);
const CYCLES = 100; // of a race
const KILLS = Number(flags.kills);
const MINUTES = Number(flags.minutes);
const FILES = 5000;
const MINUTE_MS = 60_000;
const EDIT_MS = 2000; // at most, from one edit to the next
const PEACE_MS = 60_000; // the longest pause between two tries, and a server that was down until just now
const [BURST_MINUTES, RESTART_MINUTES, DROP_MINUTES, RELOAD_MINUTES] = [4, 3, 2, 5];
const DOWN_MS = 10_000; // at most
const MOST = { heap: 1024 * 1024, rssShare: 0.1, descriptors: 1, threads: 0 };
const FEWEST_SAMPLES = 5; // for a trend
const MB = 1024 * 1024;

const folder = await mkdtemp(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'pushstatic-soak-'));
const [tree, served, config, log] = ['tree', 'served', 'pushstatic.yaml', 'log'].map((name) => join(folder, name)) as [
  string,
  string,
  string,
  string,
];
const socket = join(folder, 'socket');

interface Sample {
  readonly rss: number;
  readonly heap: number;
  readonly descriptors: number;
  readonly threads: number;
  readonly drift: number;
}

const server = await startOpenSsh();
try {
  const areGood = [await kill(), await race(), await soak()];
  process.exitCode = areGood.every(Boolean) ? 0 : 1;
} finally {
  await server.stop();
  await rm(folder, { recursive: true });
}

async function kill(): Promise<boolean> {
  const seed = randomInt(2 ** 31);
  const started = performance.now();
  const { kills, looks, faults } = await killAtRandom(join(folder, 'killed'), server, KILLS, chanceOf(seed));
  const minutes = (performance.now() - started) / MINUTE_MS;
  console.log(`${kills} kills in ${minutes.toFixed(1)} minutes, ${looks} files read meanwhile, seed ${seed}`);
  for (const fault of faults) console.log(`FAILED: ${fault}`);
  if (faults.length === 0) console.log('nothing torn, no lease stuck, nothing left');
  return faults.length === 0;
}

async function race(): Promise<boolean> {
  let areGood = true;
  for (let number = 1; number <= RACES; number++) {
    const seed = randomInt(2 ** 31);
    const { gaveWay, faults } = await raceForTarget(join(folder, `race-${number}`), server, CYCLES, chanceOf(seed));
    console.log(`race ${number}: ${CYCLES} cycles of two programs, ${gaveWay} gave way, seed ${seed}`);
    for (const fault of faults) console.log(`FAILED: ${fault}`);
    areGood &&= faults.length === 0;
  }
  if (areGood && RACES > 0) console.log('one of two versions each time, and the index right');
  return areGood;
}

async function soak(): Promise<boolean> {
  await plantMany(tree, FILES);
  await configure(0);
  const env = { PATH: process.env['PATH'], HOME: folder, XDG_STATE_HOME: join(folder, 'state') };
  const daemon = await startDaemon({ config, socket, log, env, heap: 'tell' });
  console.log(`${FILES} files, ready after ${Math.round(daemon.readyMs)} ms; ${MINUTES} minutes`);
  let samples: readonly Sample[] = [];
  let status: number | null = null;
  try {
    samples = await live(daemon);
  } finally {
    status = await daemon.stop();
  }
  const faults = [...faultsIn(samples), ...(await faultsOf(status))];
  for (const fault of faults) console.log(`FAILED: ${fault}`);
  if (faults.length === 0) console.log('nothing grew, nothing drifted');
  return faults.length === 0;
}

async function live(daemon: DaemonProcess): Promise<Sample[]> {
  console.log(
    'minute  edits    RSS MB  heap MB  descriptors  threads  cycles  reconnects  losses  found by sweep  peace s  drift',
  );
  const samples: Sample[] = [];
  let edits = 0;
  for (let minute = 1; minute <= MINUTES; minute++) {
    edits += await liveFor(MINUTE_MS, minute);
    const { peaceMs, drift } = await comeToPeace(async () => isInSync(await daemon.client.status()));
    const { watch, targets, cycles } = await daemon.client.status();
    const sample: Sample = {
      drift,
      rss: await daemon.rssBytes(),
      descriptors: await daemon.descriptors(),
      threads: await daemon.threads(),
      heap: await daemon.heapBytes(),
    };
    samples.push(sample);
    const columns = [
      String(minute).padStart(6),
      String(edits).padStart(5),
      (sample.rss / MB).toFixed(1).padStart(8),
      (sample.heap / MB).toFixed(2).padStart(7),
      String(sample.descriptors).padStart(11),
      String(sample.threads).padStart(7),
      String(cycles[0]?.id ?? 0).padStart(6),
      String(targets[0]?.reconnects ?? 0).padStart(10),
      String(watch.losses).padStart(6),
      String(watch.foundBySweep).padStart(14),
      (peaceMs / 1000).toFixed(1).padStart(7),
      String(drift).padStart(5),
    ];
    console.log(columns.join('  '));
  }
  return samples;
}

/** Edits, and what else happens in this minute. Answers with the number of edits. */
async function liveFor(ms: number, minute: number): Promise<number> {
  const until = performance.now() + ms;
  const events: Promise<void>[] = [];
  if (minute % RELOAD_MINUTES === 0) events.push(configure(minute));
  if (minute % RESTART_MINUTES === 0) events.push(server.restart(randomInt(DOWN_MS)));
  else if (minute % DROP_MINUTES === 0) server.dropSessions();
  let edits = 0;
  for (; performance.now() < until; edits++) {
    await editAnywhere(tree);
    if (edits === 10 && minute % BURST_MINUTES === 0) await burst(tree);
    await pause(randomInt(EDIT_MS));
  }
  await Promise.all(events);
  return edits;
}

/** Waits until what is served equals the sources, and then until the daemon says so as well. */
async function comeToPeace(isInSyncNow: () => Promise<boolean>): Promise<{ peaceMs: number; drift: number }> {
  const started = performance.now();
  const passed = (): number => performance.now() - started;
  let drift = driftNow();
  for (; drift > 0 && passed() < PEACE_MS; drift = driftNow()) await pause(200);
  const peaceMs = passed();
  if (drift > 0) return { peaceMs, drift };
  while (!(await isInSyncNow()) && passed() < PEACE_MS) await pause(50);
  return { peaceMs, drift: (await isInSyncNow()) ? driftNow() : 1 };
}

/** Lines of `diff`. */
function driftNow(): number {
  return differences(tree, served).split('\n').filter(Boolean).length;
}

/** Another one each time. */
async function configure(number: number): Promise<void> {
  await writeFile(
    config,
    `site: soak
source: { dirs: [tree] }
static: { root: root, storage: plain }
targets:
  server:
    url: sftp://${server.user}@127.0.0.1:${server.port}${served}
    identityFile: ${server.identityFile}
    hostKey: '${server.fingerprint}'
    sshConfig: false
watch: { settle: ${100 + number}ms, sweep: 20s }
daemon: { socket: ${socket}, http: false }
`,
  );
}

function faultsIn(samples: readonly Sample[]): string[] {
  const drifted = samples.filter(({ drift }) => drift > 0).length;
  const left = drifted === 0 ? [] : [`in ${drifted} minutes what was served did not become what it should`];
  return [...left, ...growthIn(samples)];
}

function growthIn(samples: readonly Sample[]): string[] {
  const half = samples.slice(Math.floor(samples.length / 2));
  if (half.length < FEWEST_SAMPLES) return [];
  const growth = (of: (sample: Sample) => number): number => growthOf(half.map(of));
  const [heap, rss] = [growth((each) => each.heap), growth((each) => each.rss)];
  const [descriptors, threads] = [growth((each) => each.descriptors), growth((each) => each.threads)];
  console.log(
    `growth over the second half: heap ${(heap / MB).toFixed(2)} MB, RSS ${(rss / MB).toFixed(1)} MB, descriptors ${descriptors.toFixed(1)}, threads ${threads.toFixed(1)}`,
  );
  const middle = half[Math.floor(half.length / 2)]?.rss ?? 0;
  return [
    ...(heap > MOST.heap ? ['the heap grew'] : []),
    ...(rss > MOST.rssShare * middle ? ['the resident memory grew'] : []),
    ...(descriptors > MOST.descriptors ? ['descriptors leaked'] : []),
    ...(threads > MOST.threads ? ['threads leaked'] : []),
  ];
}

async function faultsOf(status: number | null): Promise<string[]> {
  const said = await readFile(log, 'utf8');
  const unexpected = said.split('\n').filter((line) => line.includes('this should not happen'));
  return [...unexpected, ...(status === 0 ? [] : [`the daemon ended with ${status}: ${said.slice(-2000)}`])];
}
