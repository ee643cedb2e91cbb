/**
 * Session: what every command that works on a project needs: its configuration, its local state, its targets.
 */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { loadConfig } from '../config/load.js';
import type { Config, TargetConfig } from '../config/schema.js';
import { secretsOf } from '../config/secrets.js';
import { suggest } from '../config/suggest.js';
import { requireSupported } from '../config/supported.js';
import { problemsOf } from '../core/apply.js';
import { CONTROL, isWithin, type RelPath } from '../core/relpath.js';
import { ConfigError } from '../errors.js';
import { StateFolder, stateFolderFor } from '../fs/state.js';
import type { CycleOptions, TargetJob } from '../sync.js';
import type { CommandInput } from './command-input.js';
import { type Face, makeFace } from './face.js';
import { makeLog } from './log.js';
import { type Ending, errorOf } from './report.js';

const LAST_RUN = 'last-run.json';

export interface Session {
  readonly config: Config;
  readonly state: StateFolder;
  /** Where `log.format` asks for one. */
  readonly log: Logger | undefined;
  readonly face: Face;
}

/** What a run may do that it otherwise may not. */
export interface Licence {
  readonly deletion: 'delete' | 'keep';
  readonly guards: 'heed' | 'pass';
}

export async function openSession({ process, output }: CommandInput): Promise<Session> {
  const { config: file } = output.flags;
  const config = await loadConfig({ ...(file === undefined ? {} : { file }), cwd: process.cwd(), env: process.env });
  requireSupported(config);
  const log = await makeLog(config, output);
  if (log !== undefined) output.logTo(log);
  const face = makeFace(output, () => performance.now(), log);
  return { config, log, face, state: new StateFolder(stateFolderFor(config.file, process.env)) };
}

/** The targets of these names, or all. Throws a ConfigError for a name that is not there, and if there is none at all. */
export function chooseTargets(config: Config, names: readonly string[]): TargetConfig[] {
  if (config.targets.length === 0)
    throw new ConfigError(`${config.file}: no targets: add one under targets, as "pushstatic init" shows`);
  const known = config.targets.map((target) => target.name);
  for (const name of names) {
    if (known.includes(name)) continue;
    const likely = suggest(name, known);
    throw new ConfigError(
      `there is no target "${name}"; ${likely ? `did you mean "${likely}"?` : `there are ${known.join(', ')}`}`,
    );
  }
  return config.targets.filter((target) => names.length === 0 || names.includes(target.name));
}

/** The jobs of these targets. Their secrets are fetched first, so that a missing one stops the run before it begins. */
export async function jobsOf(
  { state }: Session,
  targets: readonly TargetConfig[],
  { deletion, guards }: Licence,
  { process, signal, output }: CommandInput,
): Promise<TargetJob[]> {
  return Promise.all(
    targets.map(async (target): Promise<TargetJob> => {
      const secrets = await secretsOf(target, process.env);
      return {
        name: target.name,
        url: target.url,
        open: async () => {
          const { openTarget } = await import('../targets/open.js');
          return openTarget(target, {
            env: process.env,
            secrets,
            signal,
            onWarning: (text) => output.warn(`${target.name}: ${text}`),
          });
        },
        accepts: await filterOf(target),
        fileMode: target.mode.file,
        folderMode: target.mode.dir,
        deletion: target.delete.enabled ? deletion : 'keep',
        limit: guards === 'pass' ? undefined : target.delete.max,
        cache: cacheOf(state, target),
      };
    }),
  );
}

/** What this machine remembers of one target. Another URL under the same name is another target. */
function cacheOf(state: StateFolder, target: TargetConfig): StateFolder {
  return state.folder(`${target.name} ${target.url}`);
}

export function cycleOptions({ config }: Session, { signal }: CommandInput): Omit<CycleOptions, 'act'> {
  return {
    site: config.site,
    fileOf: (path) => join(config.static.root, path),
    concurrency: config.push.concurrency,
    bandwidth: config.push.bandwidth,
    run: `${Date.now().toString(36)}-${randomBytes(4).toString('hex')}`,
    now: Date.now,
    signal,
  };
}

async function filterOf({ include, exclude }: TargetConfig): Promise<(path: RelPath) => boolean> {
  const takesAll = include.length === 1 && include[0] === '**' && exclude.length === 0;
  if (takesAll) return (path) => !isWithin(path, CONTROL);
  const { default: picomatch } = await import('picomatch');
  const isIncluded = picomatch([...include], { dot: true });
  const isExcluded = exclude.length === 0 ? () => false : picomatch([...exclude], { dot: true });
  return (path) => !isWithin(path, CONTROL) && isIncluded(path) && !isExcluded(path);
}

/** How the last run from this machine ended. */
export interface LastRun {
  /** ISO 8601. */
  readonly at: string;
  readonly ok: boolean;
  readonly error: string | null;
}

/** Writes down for `status` how the runs ended. A place that cannot be written is no trouble: it is a memory aid. */
export async function rememberEndings(
  jobs: readonly TargetJob[],
  endings: readonly Ending[],
  now: number,
): Promise<void> {
  const at = new Date(now).toISOString();
  await Promise.allSettled(
    jobs.map(async ({ cache }, i) => {
      const ending = endings[i];
      if (ending === undefined) return;
      const error = ending.kind === 'error' ? errorOf(ending.error).message : firstProblem(ending);
      await cache.write(LAST_RUN, JSON.stringify({ at, ok: error === null, error }));
    }),
  );
}

export async function recallLastRun({ cache }: TargetJob): Promise<LastRun | null> {
  const text = await cache.read(LAST_RUN);
  try {
    return text === undefined ? null : (JSON.parse(text.toString()) as LastRun);
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

function firstProblem(ending: Extract<Ending, { kind: 'result' }>): string | null {
  const [first] = problemsOf(ending.result.outcomes);
  return first === undefined ? null : `${first.path}: ${first.message}`;
}
