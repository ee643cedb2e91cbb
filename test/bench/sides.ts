/**
 * The two sides of a measurement: pushstatic and rsync over ssh, each with a command that brings one tree to one server.
 */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { OpenSshServer } from '../support/openssh-server.js';

const CLI = new URL('../../dist/cli/main.js', import.meta.url).pathname;

/** What both sides of a measurement work with. rsync needs a program at the other end. */
export interface Means {
  readonly folder: string;
  readonly server: OpenSshServer;
  readonly withShell: OpenSshServer;
  readonly environment: NodeJS.ProcessEnv;
}

export interface Place {
  readonly folder: string;
  readonly tree: string;
  readonly server: OpenSshServer;
  readonly environment: NodeJS.ProcessEnv;
}

export interface Side {
  readonly name: 'pushstatic' | 'rsync';
  readonly destination: string;
  readonly command: readonly string[];
  readonly environment: NodeJS.ProcessEnv;
  /** What a run leaves behind. */
  readonly traces: readonly string[];
}

/** By way of `port`, into the folder `name`, with these lines at the end of the configuration. */
export async function pushstatic(place: Place, port: number, name: string, settings = ''): Promise<Side> {
  const base = join(place.folder, name);
  const [destination, config, state] = [join(base, 'destination'), join(base, 'pushstatic.yaml'), join(base, 'state')];
  await mkdir(base);
  await writeFile(
    config,
    `site: bench
static: { root: ${place.tree}, storage: none }
targets:
  server:
    url: sftp://${place.server.user}@127.0.0.1:${port}${destination}
    identityFile: ${place.server.identityFile}
    hostKey: '${place.server.fingerprint}'
    sshConfig: false
${settings}`,
  );
  return {
    name: 'pushstatic',
    destination,
    command: [process.execPath, CLI, '-q', '-c', config, 'sync'],
    environment: { ...place.environment, XDG_STATE_HOME: state },
    traces: [destination, state],
  };
}

/** By way of `port`, into the folder `name`, with `flags` beside the usual ones. */
export function rsync(place: Place, port: number, name: string, ...flags: readonly string[]): Side {
  const destination = join(place.folder, name);
  const { user } = place.server;
  const ssh = ['ssh', '-p', port, ...sshFlags(place.server)].join(' ');
  return {
    name: 'rsync',
    destination,
    command: ['rsync', '-a', ...flags, '--delete', '-e', ssh, `${place.tree}/`, `${user}@127.0.0.1:${destination}/`],
    environment: place.environment,
    traces: [destination],
  };
}

/** Of OpenSSH's clients: nothing of the machine's own settings counts. */
export function sshFlags({ identityFile }: OpenSshServer): string[] {
  const options = ['IdentitiesOnly=yes', 'StrictHostKeyChecking=no', 'UserKnownHostsFile=/dev/null', 'LogLevel=ERROR'];
  return ['-F', '/dev/null', '-i', identityFile, ...options.flatMap((option) => ['-o', option])];
}

/** By a process of its own: what ten thousand calls leave to clear up here would run beside what is measured next. */
export function forget({ traces }: Side): void {
  execFileSync('rm', ['-rf', ...traces]);
}

/** Milliseconds of the whole command. */
export async function time(side: Side, env: Readonly<Record<string, string>> = {}): Promise<number> {
  const [program = '', ...args] = side.command;
  const started = performance.now();
  const child = spawn(program, args, { stdio: ['ignore', 'inherit', 'inherit'], env: { ...side.environment, ...env } });
  const [status] = (await once(child, 'close')) as [number | null];
  const ms = performance.now() - started;
  if (status !== 0) throw new TypeError(`${program} ${args.join(' ')} ended with status ${status}`);
  return ms;
}
