/**
 * Session: what every command that works on a project needs: its configuration, its local state, its voice.
 */
import type { Logger } from 'pino';
import type { LocalThread } from '../collect/thread/in-thread.js';
import type { AskProject } from '../config/check.js';
import { loadConfig } from '../config/load.js';
import type { Config } from '../config/schema.js';
import { envForOthers } from '../config/secrets.js';
import type { JobMeans } from '../cycle/jobs.js';
import type { AskOptions } from '../django/ask.js';
import { StateFolder, stateFolderFor } from '../fs/state.js';
import type { CycleOptions } from '../sync.js';
import type { CommandInput, Process } from './command-input.js';
import { type Face, makeFace } from './face.js';
import { makeLog } from './log.js';
import { workingFolder } from './working-folder.js';

export interface Session {
  readonly config: Config;
  readonly state: StateFolder;
  /** Where `log.format` asks for one. */
  readonly log: Logger | undefined;
  readonly face: Face;
}

export async function openSession(input: CommandInput, kind: { readonly service?: boolean } = {}): Promise<Session> {
  const { process, output } = input;
  const config = await readConfig(input);
  const log = await makeLog(config, output, kind);
  if (log !== undefined) output.logTo(log);
  for (const text of config.asked?.warnings ?? []) output.warn(text);
  const face = makeFace(output, () => performance.now(), log);
  return { config, log, face, state: new StateFolder(stateFolderFor(config.file, process.env)) };
}

/** The configuration that the command is to go by. Rejects with a ConfigError, or with what stands against the project. */
export async function readConfig({ process, output, signal }: CommandInput): Promise<Config> {
  const { config: file } = output.flags;
  const ask = asker({ env: process.env, signal, from: 'cache' });
  return loadConfig({ ...(file === undefined ? {} : { file }), cwd: workingFolder(process), env: process.env, ask });
}

/** The configuration as it lies on the disk now, and the project as it is now, by its own word or by what is known. Rejects as above. */
export async function reloadConfig(
  { file }: Config,
  process: Process,
  how: Pick<AskOptions, 'signal' | 'from'>,
): Promise<Config> {
  const ask = asker({ env: process.env, ...how });
  return loadConfig({ file, cwd: workingFolder(process), env: process.env, ask });
}

/** What it takes to ask is only loaded where somebody is to be asked. */
function asker({ env, ...options }: Pick<AskOptions, 'env' | 'signal' | 'from'>): AskProject {
  return async (source, config) => {
    const { askProject } = await import('../django/ask.js');
    const state = new StateFolder(stateFolderFor(config.file, env));
    return askProject(source, { ...options, state, env: envForOthers(config, env) });
  };
}

/** What a cycle makes its signatures with, and what ends it. */
export function signingIn(
  thread: LocalThread,
  { signal, output }: CommandInput,
): Pick<CycleOptions, 'sign' | 'signal'> {
  const onWarning = (text: string): void => output.warn(text);
  return { signal, sign: (files, folder) => thread.sign(files, folder, { signal, onWarning }).catch(() => undefined) };
}

/** What the jobs of this session are made with. */
export function jobMeans({ config, state }: Session, { process, signal, output }: CommandInput): JobMeans {
  const { env } = process;
  return { state, env, envForOthers: envForOthers(config, env), signal, onWarning: (text) => output.warn(text) };
}
