/**
 * The always-on daemon, measured: from a save to the moment at which it is served, beside lsyncd on the same server; and
 * what a daemon costs that has 100,000 files to watch and nothing to do.
 *
 * Served is what lies under its published name, looked at each millisecond. Each has a tree of its own, and they take
 * turns, so that they meet the same machine. lsyncd gets its shortest delay, and runs rsync over ssh for each change.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, openSync, readFileSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { OpenSshServer } from '../support/openssh-server.js';
import { differences } from '../support/project.js';
import { type DaemonProcess, type DaemonSettings, startDaemon } from './daemon-process.js';
import { startRelay } from './relay.js';
import { nameOf, plantMany } from './trees.js';
import { median } from './trend.js';
import { until } from './until.js';

const FILES = 10_000;
const MANY_FILES = 100_000;
const ROUND_TRIP_MS = 50;
const SAVES = { near: 100, far: 40 };
const BOUNDS = { near: { median: 160, worst: 400 }, far: { median: 500, worst: undefined } };
const SERVED_WITHIN_MS = 30_000;
const LOOK_MS = 1;
const REST_MS = 200; // between two saves, and as much again at random
const REST_AFTER_START_MS = 30_000;
const WATCHED_MS = 60_000; // at least
const SWEPT_WITHIN_MS = 900_000;
const LSYNCD = ['/usr/bin/lsyncd', '/usr/local/bin/lsyncd'].find((place) => existsSync(place));
const MB = 1_000_000;

export interface Means {
  /** Everything goes below it. */
  readonly folder: string;
  readonly server: OpenSshServer;
  /** lsyncd needs a program at the other end. */
  readonly withShell: OpenSshServer;
}

export async function measureAlwaysOn(means: Means): Promise<void> {
  await measureService(means);
  await measureRest(means);
}

/** From a save to the moment at which it is served. */
export async function measureService(means: Means): Promise<void> {
  console.log(
    `${FILES} watched files, settle time 100 ms: from a save to the moment at which it is served, in milliseconds`,
  );
  console.log('round trip  program        saves   median    worst   bounds');
  await measureSaves(means, 'near');
  await measureSaves(means, 'far');
}

/** One who keeps a tree served. */
interface Keeper {
  readonly name: string;
  readonly tree: string;
  readonly served: string;
  readonly times: number[];
  stop(): Promise<unknown>;
}

async function measureSaves({ folder, server, withShell }: Means, distance: 'near' | 'far'): Promise<void> {
  const roundTripMs = distance === 'near' ? 0 : ROUND_TRIP_MS;
  const base = join(folder, `saves-${distance}`);
  const relays =
    roundTripMs === 0
      ? []
      : await Promise.all([server, withShell].map((each) => startRelay(each.port, roundTripMs / 2)));
  const keepers: Keeper[] = [];
  try {
    keepers.push(await pushstatic(base, server, relays[0]?.port ?? server.port));
    if (LSYNCD !== undefined) keepers.push(await lsyncd(LSYNCD, base, withShell, relays[1]?.port ?? withShell.port));
    for (let save = 0; save < SAVES[distance]; save++) {
      for (const keeper of keepers) {
        await pause(REST_MS * (1 + Math.random()));
        keeper.times.push(await saveAndSee(keeper, save));
      }
    }
  } finally {
    await Promise.all(keepers.map((keeper) => keeper.stop()));
    await Promise.all(relays.map((relay) => relay.stop()));
  }
  for (const keeper of keepers) print(roundTripMs, keeper, keeper.name === 'pushstatic' ? BOUNDS[distance] : undefined);
  if (LSYNCD === undefined) console.log(`${`${roundTripMs} ms`.padEnd(10)}  lsyncd         not there`);
}

/** As an editor that writes in place. */
async function saveAndSee({ tree, served }: Keeper, save: number): Promise<number> {
  const name = nameOf((save * 97) % FILES);
  const text = `saved ${save} ${Math.random()}`;
  await writeFile(join(tree, name), text);
  const saved = performance.now();
  await until(async () => (textOf(join(served, name)) === text ? true : undefined), SERVED_WITHIN_MS, LOOK_MS);
  return performance.now() - saved;
}

function textOf(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined; // it may be on its way
  }
}

async function pushstatic(base: string, server: OpenSshServer, port: number): Promise<Keeper> {
  const folder = join(base, 'pushstatic');
  const settings = await project(folder, server, port, FILES);
  const daemon = await startDaemon(settings);
  return {
    name: 'pushstatic',
    tree: join(folder, 'tree'),
    served: join(folder, 'served'),
    times: [],
    stop: () => daemon.stop(),
  };
}

/** A project whose one source is `tree`, and whose target is the folder `served` on the server. */
async function project(folder: string, server: OpenSshServer, port: number, files: number): Promise<DaemonSettings> {
  const [config, socket, log] = ['pushstatic.yaml', 'socket', 'log'].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ];
  await plantMany(join(folder, 'tree'), files);
  await writeFile(
    config,
    `site: bench
source: { dirs: [tree] }
static: { root: root, storage: plain }
targets:
  server:
    url: sftp://${server.user}@127.0.0.1:${port}${folder}/served
    identityFile: ${server.identityFile}
    hostKey: '${server.fingerprint}'
    sshConfig: false
daemon: { socket: ${socket}, http: false }
`,
  );
  const env = { PATH: process.env['PATH'], HOME: folder, XDG_STATE_HOME: join(folder, 'state') };
  return { config, socket, log, env };
}

async function lsyncd(program: string, base: string, server: OpenSshServer, port: number): Promise<Keeper> {
  const folder = join(base, 'lsyncd');
  const [tree, served, config] = [join(folder, 'tree'), join(folder, 'served'), join(folder, 'lsyncd.lua')];
  await plantMany(tree, FILES);
  await mkdir(served);
  const { identityFile, user } = server;
  const ssh = `/usr/bin/ssh -F /dev/null -p ${port} -i ${identityFile} -o IdentitiesOnly=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR`;
  await writeFile(
    config,
    `settings { nodaemon = true, logfile = "${folder}/log", statusFile = "${folder}/status" }
sync {
  default.rsync, source = "${tree}", target = "${user}@127.0.0.1:${served}", delay = 0,
  rsync = { archive = true, rsh = "${ssh}" }
}
`,
  );
  const output = openSync(join(folder, 'output'), 'a');
  const child = spawn(program, [config], { stdio: ['ignore', output, output] });
  await until(async () => (differences(tree, served) === '' ? true : ifAlive(child, folder)), 120_000, 100);
  return { name: 'lsyncd', tree, served, times: [], stop: () => end(child) };
}

async function ifAlive(child: ChildProcess, folder: string): Promise<undefined> {
  if (child.exitCode === null) return undefined;
  throw new TypeError(`lsyncd ended: ${await readFile(join(folder, 'output'), 'utf8')}`);
}

async function end(child: ChildProcess): Promise<void> {
  const exited = once(child, 'exit');
  child.kill('SIGTERM');
  await exited;
}

function print(
  roundTripMs: number,
  { name, times }: Keeper,
  bounds: { readonly median: number; readonly worst: number | undefined } | undefined,
): void {
  const columns = [
    `${roundTripMs} ms`.padEnd(10),
    name.padEnd(12),
    String(times.length).padStart(6),
    median(times).toFixed(0).padStart(7),
    Math.max(...times)
      .toFixed(0)
      .padStart(7),
  ];
  const said = bounds === undefined ? '' : `${bounds.median}${bounds.worst === undefined ? '' : ` / ${bounds.worst}`}`;
  console.log(`${columns.join('  ')}   ${said}`);
}

/** With a warm state, as after an update of the machine; and then left alone, until a sweep was among what it did. */
export async function measureRest({ folder, server }: Means): Promise<void> {
  const settings = await project(join(folder, 'rest'), server, server.port, MANY_FILES);
  const first = await startDaemon(settings);
  await first.stop();
  // What the first one has filled, nobody has looked at since.
  await (await startDaemon(settings)).stop();
  const daemon = await startDaemon(settings);
  try {
    await pause(REST_AFTER_START_MS);
    const rss = await daemon.rssBytes();
    console.log(`${MANY_FILES} watched files, nothing to do`);
    console.log(
      `ready after a warm start   ${Math.round(daemon.readyMs)} ms   2000   (${Math.round(first.readyMs)} ms when all was to be pushed)`,
    );
    console.log(`resident memory 30 s later ${(rss / MB).toFixed(0)} MB   150`);
    const { share, seconds, sweeps } = await processorShare(daemon);
    console.log(`processor over ${seconds.toFixed(0)} s, ${sweeps} sweeps   ${(share * 100).toFixed(2)} %   0.5`);
  } finally {
    await daemon.stop();
  }
}

/** Until a sweep was among what it did, which come the more seldom the longer they take. */
async function processorShare(daemon: DaemonProcess): Promise<{ share: number; seconds: number; sweeps: number }> {
  const sweepsNow = async (): Promise<number> => (await daemon.client.status()).watch.sweeps;
  const [sweepsBefore, started, before] = [await sweepsNow(), performance.now(), await daemon.cpuMs()];
  const passed = (): number => performance.now() - started;
  while (passed() < WATCHED_MS || ((await sweepsNow()) === sweepsBefore && passed() < SWEPT_WITHIN_MS))
    await pause(5000);
  const [ms, after, sweeps] = [passed(), await daemon.cpuMs(), await sweepsNow()];
  return { share: (after - before) / ms, seconds: ms / 1000, sweeps: sweeps - sweepsBefore };
}
