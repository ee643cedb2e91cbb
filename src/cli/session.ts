/**
 * Session: what every command that works on a project needs: its configuration, its local state, its voice.
 */
import type { Logger } from 'pino';
import { loadConfig } from '../config/load.js';
import type { Config } from '../config/schema.js';
import { requireSupported } from '../config/supported.js';
import type { JobMeans } from '../cycle/jobs.js';
import { StateFolder, stateFolderFor } from '../fs/state.js';
import type { CommandInput, Process } from './command-input.js';
import { type Face, makeFace } from './face.js';
import { makeLog } from './log.js';

export interface Session {
  readonly config: Config;
  readonly state: StateFolder;
  /** Where `log.format` asks for one. */
  readonly log: Logger | undefined;
  readonly face: Face;
}

export async function openSession(
  { process, output }: CommandInput,
  kind: { readonly service?: boolean } = {},
): Promise<Session> {
  const { config: file } = output.flags;
  const config = await loadConfig({ ...(file === undefined ? {} : { file }), cwd: process.cwd(), env: process.env });
  requireSupported(config);
  const log = await makeLog(config, output, kind);
  if (log !== undefined) output.logTo(log);
  const face = makeFace(output, () => performance.now(), log);
  return { config, log, face, state: new StateFolder(stateFolderFor(config.file, process.env)) };
}

/** The configuration as it lies on the disk now. Rejects with a ConfigError. */
export async function reloadConfig({ file }: Config, process: Process): Promise<Config> {
  const config = await loadConfig({ file, cwd: process.cwd(), env: process.env });
  requireSupported(config);
  return config;
}

/** What the jobs of this session are made with. */
export function jobMeans({ state }: Session, { process, signal, output }: CommandInput): JobMeans {
  return { state, env: process.env, signal, onWarning: (text) => output.warn(text) };
}
