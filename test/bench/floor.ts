/**
 * What bounds a first push from below: the very requests of one, sent once more by OpenSSH's own client when nobody has to list,
 * read, hash or plan anything; and a large file sent by OpenSSH's `sftp`. Beside `rsync -a`, interleaved.
 */
import { execFile, execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { noise } from '../support/noise.js';
import { type OpenSshServer, startOpenSsh } from '../support/openssh-server.js';
import { Recording } from './recording.js';
import { forget, type Means, pushstatic, rsync, type Side, sshFlags, time } from './sides.js';
import { plantMany } from './trees.js';
import { median } from './trend.js';

const run = promisify(execFile);
const SFTP_SERVER = ['/usr/lib/openssh/sftp-server', '/usr/libexec/openssh/sftp-server', '/usr/lib/ssh/sftp-server'];
const CIPHER = 'aes128-gcm@openssh.com'; // what pushstatic takes; that of rsync is what ssh takes by itself
const LARGE_BYTES = 1024 * 1024 * 1024;

/** The aims of the README. */
const FIRST_PUSHES = [
  { files: 10_000, aim: 0.9 },
  { files: 100_000, aim: 1 },
] as const;
const LARGE_AIM = 0.6;

export async function measureFloor(means: Means, runs: number): Promise<void> {
  console.log(
    `the least that a first push can take, ${runs} runs of each, interleaved; medians of whole commands in milliseconds`,
  );
  console.log('job                                      least       rsync     ratio   aim');
  for (const { files, aim } of FIRST_PUSHES) {
    const folder = join(means.folder, `floor-${files}`);
    await measureRequests({ ...means, folder }, files, runs, aim);
    await rm(folder, { recursive: true });
  }
  await measureLarge({ ...means, folder: join(means.folder, 'floor-large') }, runs);
}

/** Two halves of a tree, each by a connection of its own: both processors of the server have something to do. */
async function measureRequests(means: Means, files: number, runs: number, aim: number): Promise<void> {
  const tree = join(means.folder, 'tree');
  const recorder = await startRecorder(means.folder);
  const halves: { readonly half: string; readonly side: Side; readonly recording: Recording }[] = [];
  try {
    for (const name of ['left', 'right']) {
      const half = join(tree, name);
      await plantMany(half, files / 2);
      const place = { ...means, tree: half, server: recorder.server };
      const side = await pushstatic(place, recorder.server.port, name);
      halves.push({ half, side, recording: await recorder.record(() => time(side)) });
    }
  } finally {
    await recorder.server.stop();
  }
  const theirs = rsync({ ...means, tree, server: means.withShell }, means.withShell.port, 'rsync');
  const times = await takeTurns(runs, [
    async () => {
      for (const { side } of halves) forget(side);
      const ms = await stopwatch(async () => {
        const args = [...ssh('-p', means.server), '-s', `${means.server.user}@127.0.0.1`, 'sftp'];
        await Promise.all(halves.map(({ recording }) => recording.replay('ssh', args)));
      });
      for (const { half, side } of halves) requireSame(half, side.destination);
      return ms;
    },
    async () => {
      forget(theirs);
      return time(theirs);
    },
  ]);
  show(`first push, ${files} files`, times, aim);
}

async function measureLarge(means: Means, runs: number): Promise<void> {
  const { folder, server, withShell } = means;
  const [tree, destination] = [join(folder, 'tree'), join(folder, 'sftp')];
  await mkdir(tree, { recursive: true });
  await writeFile(join(tree, 'large.bin'), noise(LARGE_BYTES));
  const theirs = rsync({ ...means, tree, server: withShell }, withShell.port, 'rsync');
  const batch = join(folder, 'batch');
  await writeFile(batch, `put ${join(tree, 'large.bin')} ${join(destination, 'large.bin')}\n`);
  const args = [...ssh('-P', server), '-b', batch, `${server.user}@127.0.0.1`];
  const times = await takeTurns(runs, [
    async () => {
      execFileSync('rm', ['-rf', destination]);
      await mkdir(destination);
      return stopwatch(() => run('sftp', args));
    },
    async () => {
      forget(theirs);
      return time(theirs);
    },
  ]);
  show('first push, one file of 1 GiB', times, LARGE_AIM);
  await rm(folder, { recursive: true });
}

/** Throws where what was published is not the tree. */
function requireSame(tree: string, destination: string): void {
  execFileSync('diff', ['-r', '--exclude=.pushstatic', tree, destination], { stdio: 'inherit' });
}

interface Recorder {
  readonly server: OpenSshServer;
  /** What the server is asked while `act` goes on, which must be one channel. */
  record(act: () => Promise<unknown>): Promise<Recording>;
}

/** A server that keeps what it is asked, and allows one channel: what is asked on several could not be put in order. */
async function startRecorder(folder: string): Promise<Recorder> {
  const program = SFTP_SERVER.find((path) => existsSync(path));
  if (program === undefined) throw new TypeError(`no sftp-server at ${SFTP_SERVER.join(', ')}`);
  const [script, kept] = [join(folder, 'recorder'), join(folder, 'recordings')];
  await mkdir(kept, { recursive: true });
  await writeFile(script, `#!/bin/sh\ntee "${kept}/$$" | ${program}\n`);
  await chmod(script, 0o755);
  const server = await startOpenSsh({ extra: [`Subsystem sftp ${script}`, 'MaxSessions 1'] });
  return {
    server,
    record: async (act) => {
      await act();
      const [name = '', ...others] = await readdir(kept);
      if (name === '' || others.length > 0) throw new TypeError(`${others.length + 1} channels were recorded, not one`);
      const recording = new Recording(await readFile(join(kept, name)));
      await rm(join(kept, name));
      return recording;
    },
  };
}

function ssh(portFlag: '-p' | '-P', server: OpenSshServer): string[] {
  return [portFlag, String(server.port), ...sshFlags(server), '-o', `Ciphers=${CIPHER}`];
}

/** Milliseconds of each. The first turn warms the caches of the disk. */
async function takeTurns(runs: number, each: readonly (() => Promise<number>)[]): Promise<number[][]> {
  const times: number[][] = each.map(() => []);
  for (let turn = 0; turn <= runs; turn++) {
    for (const [i, measure] of each.entries()) {
      const ms = await measure();
      if (turn > 0) times[i]?.push(ms);
    }
  }
  return times;
}

async function stopwatch(act: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await act();
  return performance.now() - started;
}

function show(job: string, times: readonly number[][], aim: number): void {
  const [least = 0, theirs = 0] = times.map(median);
  const columns = [job.padEnd(34), least.toFixed(0).padStart(10), theirs.toFixed(0).padStart(10)];
  console.log(`${columns.join('  ')}  ${(least / theirs).toFixed(2).padStart(8)}   ${aim}`);
}
