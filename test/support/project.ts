/**
 * A small project of real files: two sources (the second one under the prefix `vendor`), a STATIC_ROOT, a
 * pushstatic.yaml, and the program to run in it, with a home and a state folder of its own.
 */
import { spawnSync } from 'node:child_process';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { stringify } from 'yaml';
import { type Program, programIn } from './program.js';
import { plant, readTree, type Tree, temporaryFolder } from './tree.js';

/** A target as the configuration file has it. */
export type TargetSettings = Readonly<Record<string, unknown>> & { readonly url: string };

export interface Settings {
  readonly targets: Readonly<Record<string, TargetSettings>>;
  readonly site?: string;
  readonly source?: object;
  readonly static?: object;
  readonly log?: object;
  readonly push?: object;
  readonly watch?: object;
  readonly daemon?: object;
  readonly hooks?: object;
}

export interface Project {
  /** Everything lies below it. */
  readonly folder: string;
  /** The sources, and STATIC_ROOT. */
  readonly assets: string;
  readonly vendor: string;
  readonly root: string;
  /** What the program remembers between two runs. */
  readonly state: string;
  readonly program: Program;
  /** Writes pushstatic.yaml anew; what is left out is as at first. */
  readonly configure: (settings: Partial<Settings>) => Promise<void>;
  readonly forgetState: () => Promise<void>;
  /** Runs `sync --json` and gives its document, the status beside it. */
  readonly sync: (...words: readonly string[]) => Promise<Synced>;
}

export interface Synced {
  readonly status: number;
  readonly stderr: string;
  readonly ok: boolean;
  readonly collect: { readonly files: number; readonly copied: number; readonly problems: readonly ProblemReport[] };
  readonly targets: readonly TargetSummary[];
}

export interface ProblemReport {
  readonly path: string;
  readonly step: string;
  readonly code: string;
  readonly message: string;
}

export interface TargetSummary {
  readonly name: string;
  readonly ok: boolean;
  readonly generation: number;
  readonly uploaded: number;
  readonly patched: number;
  readonly linked: number;
  readonly removed: number;
  readonly unchanged: number;
  readonly contentBytes: number;
  readonly sentBytes: number;
  readonly durationMs: number;
  readonly problems: readonly ProblemReport[];
  readonly error?: { readonly code: string; readonly message: string };
  readonly changes?: readonly { readonly kind: string; readonly path: string; readonly size: number }[];
}

/** What a server tells a client about itself. */
export interface Access {
  readonly identityFile: string;
  readonly knownHosts: string;
  url(path: string): string;
}

/** A project in a folder of its own that goes with the test. `tree` is planted at its top. */
export async function makeProject(settings: Settings, tree: Tree = {}): Promise<Project> {
  return makeProjectIn(await temporaryFolder(), settings, tree);
}

export async function makeProjectIn(folder: string, settings: Settings, tree: Tree = {}): Promise<Project> {
  const [assets, vendor, root] = [join(folder, 'assets'), join(folder, 'vendor/dist'), join(folder, 'var/static')];
  const [home, state] = [join(folder, '.home'), join(folder, '.state')];
  for (const each of [assets, vendor, home, state]) await mkdir(each, { recursive: true });
  const configure = (change: Partial<Settings>): Promise<void> =>
    writeFile(join(folder, 'pushstatic.yaml'), stringify({ ...DEFAULTS, ...settings, ...change }));
  await configure({});
  await plant(folder, tree);
  const program = programIn(folder, { HOME: home, XDG_STATE_HOME: state });
  return {
    folder,
    assets,
    vendor,
    root,
    state,
    program,
    configure,
    forgetState: () => rm(state, { recursive: true }),
    sync: async (...words) => {
      const { status, stderr, stdout, json } = await program.run('sync', '--json', ...words);
      if (stdout === '') throw new Error(`sync ended with ${status} and no document: ${stderr}`);
      return { ...(json() as Synced), status, stderr };
    },
  };
}

/** The settings of a target on a server: the folder `path`, and `rest` of the keys. */
export function on(server: Access, path: string, rest: object = {}): TargetSettings {
  const { identityFile, knownHosts } = server;
  return { url: server.url(path), identityFile, knownHosts, sshConfig: false, ...rest };
}

/** The settings of a target in a folder of this machine. */
export function inFolder(path: string, rest: object = {}): TargetSettings {
  return { url: pathToFileURL(path).href, ...rest };
}

/** The published tree that lies in `folder`, without what pushstatic keeps beside it. */
export async function published(folder: string): Promise<Tree> {
  const found = Object.entries(await readTree(folder));
  return Object.fromEntries(found.filter(([path]) => !path.startsWith('.pushstatic/')));
}

const DEFAULTS = {
  site: 'test',
  source: { dirs: ['assets', { path: 'vendor/dist', prefix: 'vendor' }] },
  static: { root: 'var/static', storage: 'plain' },
};

/** What `diff -r` says of two folders, without what pushstatic keeps beside the published files: '' if they are equal. */
export function differences(left: string, right: string): string {
  return spawnSync('diff', ['-r', '-x', '.pushstatic', left, right], { encoding: 'utf8' }).stdout;
}

/** A line for everything below a folder: path, size, mtime, mode. `public` leaves out the control area. */
export function listing(folder: string, part: 'public' | 'all' = 'public'): string[] {
  const skip = part === 'public' ? ['-name', '.pushstatic', '-prune', '-o'] : [];
  const found = spawnSync('find', [folder, '-mindepth', '1', ...skip, '-printf', '%P %y %s %T@ %m\\n'], {
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  });
  return found.stdout.split('\n').filter(Boolean).toSorted();
}
