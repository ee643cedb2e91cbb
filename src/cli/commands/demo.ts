/**
 * `pushstatic demo`: the main job, start to end, against an SFTP server inside the process. Everything lies in one
 * temporary folder, which stays to be looked at.
 */

import { mkdir, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { LocalThread } from '../../collect/thread/in-thread.js';
import { serveSftp } from '../../demo/sftp-server.js';
import { type Edit, editsOf, plantSite } from '../../demo/site.js';
import { ConfigError, EXIT, type ExitStatus } from '../../errors.js';
import { isSystemError, reasonOfSystem } from '../../system-error.js';
import type { CommandInput } from '../command-input.js';
import { Output } from '../output.js';
import { openSession } from '../session.js';
import { runSync, type SyncRun, showSync } from '../sync-run.js';

export async function demoCommand(
  { output, process, signal }: CommandInput,
  assets: string | undefined,
): Promise<ExitStatus> {
  const temporary = tmpdir();
  const own = assets === undefined ? undefined : await requireFolder(resolve(process.cwd(), assets));
  const folder = await mkdtemp(join(temporary, 'pushstatic-demo-')).catch((error: unknown) => {
    if (!isSystemError(error)) throw error;
    throw new ConfigError(`cannot make a folder in ${temporary}: ${reasonOfSystem(error)}; set TMPDIR to another one`);
  });
  const [site, server] = [join(folder, 'assets'), join(folder, 'server')];
  try {
    await plantSite(site, own);
  } catch (error) {
    await rm(folder, { recursive: true }); // there is nothing in it to look at
    throw error;
  }
  await mkdir(server);
  const running = await serveSftp(server);
  try {
    const config = await writeConfig(folder, running);
    const env = { ...process.env, XDG_STATE_HOME: join(folder, 'state') };
    const isQuiet = output.flags.json || output.flags.verbosity < 0;
    const flags = { ...output.flags, config, verbosity: isQuiet ? -1 : 1 };
    const quiet = {
      cwd: () => folder,
      chdir: process.chdir,
      pid: process.pid,
      stdin: process.stdin,
      kill: process.kill,
      env,
      stdout: process.stdout,
      stderr: process.stderr,
      on: process.on,
      off: process.off,
      listenerCount: process.listenerCount,
      exit: process.exit,
    };
    const input = { process: quiet, signal, endOnSignal: () => {}, output: new Output(quiet, flags) };
    output.print(
      `Everything of this demo lies in ${folder}:`,
      `  assets/  the source files`,
      `  static/  STATIC_ROOT`,
      `  server/  what the SFTP server on 127.0.0.1:${running.port} holds`,
    );
    const runs = await act(input, [FIRST_PUSH, ...(own === undefined ? editsOf(site) : []), NOTHING], output);
    output.document({
      ok: runs.every((run) => run.status === EXIT.done),
      folder,
      steps: runs.map((run) => run.document),
    });
    output.print('', `The demo is over. Look around in ${folder}, and remove it when you like.`);
    return runs.find((run) => run.status !== EXIT.done)?.status ?? EXIT.done;
  } finally {
    await running.stop();
  }
}

const FIRST_PUSH: Edit = { title: 'A first push', make: async () => {} };
const NOTHING: Edit = { title: 'Nothing changed', make: async () => {} };

async function act(input: CommandInput, edits: readonly Edit[], output: Output): Promise<SyncRun[]> {
  const runs: SyncRun[] = [];
  for (const { title, make } of edits) {
    await make();
    output.print('', `== ${title}`, '$ pushstatic sync');
    const run = await runSync(new LocalThread(), await openSession(input), input, [], { collect: true, delete: true });
    if (!output.flags.json) showSync(shortened(run, runs.length === 0), input.output);
    runs.push(run);
  }
  return runs;
}

/** Every file of a first push is new: a list of them tells nothing. */
function shortened(run: SyncRun, isFirst: boolean): SyncRun {
  return isFirst ? { ...run, endings: [] } : run;
}

async function writeConfig(
  folder: string,
  { port, hostKeyFingerprint, userKey }: { port: number; hostKeyFingerprint: string; userKey: string },
): Promise<string> {
  await writeFile(join(folder, 'id_demo'), userKey, { mode: 0o600 });
  const file = join(folder, 'pushstatic.yaml');
  await writeFile(
    file,
    `site: demo
source:
  dirs: [assets]
static:
  root: static
  storage: plain
targets:
  demo:
    url: sftp://demo@127.0.0.1:${port}/static
    identityFile: id_demo
    hostKey: '${hostKeyFingerprint}'
    sshConfig: false
`,
  );
  return file;
}

async function requireFolder(path: string): Promise<string> {
  const found = await stat(path).catch(() => undefined);
  if (found?.isDirectory() !== true) throw new ConfigError(`cannot publish ${path}: it is not a folder`);
  return path;
}
