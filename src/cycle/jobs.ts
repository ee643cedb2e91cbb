/**
 * Jobs: the targets of a configuration, each with all that a cycle needs to know of it.
 */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { Config, TargetConfig } from '../config/schema.js';
import { secretsOf } from '../config/secrets.js';
import { suggest } from '../config/suggest.js';
import { looksHashed, withoutHash } from '../core/manifest/hashed-name.js';
import { isControl, type RelPath } from '../core/relpath.js';
import { ConfigError } from '../errors.js';
import type { StateFolder } from '../fs/state.js';
import type { CycleOptions, TargetJob } from '../sync.js';

/** What a run may do that it otherwise may not. */
export interface Licence {
  readonly deletion: 'delete' | 'keep';
  readonly guards: 'heed' | 'pass';
}

export interface JobMeans {
  readonly state: StateFolder;
  readonly env: NodeJS.ProcessEnv;
  /** What of it is the business of programs of others, too. */
  readonly envForOthers: NodeJS.ProcessEnv;
  /** When a secret that is missing is trouble: for all of the run, or for the one target. Default: at once. */
  readonly secrets?: 'at once' | 'when connecting';
  readonly signal: AbortSignal;
  readonly onWarning: (text: string) => void;
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

/**
 * The jobs of these targets. A secret that is missing stops the run before it begins, unless `secrets` says otherwise; each connection
 * is made with what it is then, for a file of one may have been written anew.
 */
export async function jobsOf(
  targets: readonly TargetConfig[],
  { deletion, guards }: Licence,
  { state, env, envForOthers, secrets = 'at once', signal, onWarning }: JobMeans,
): Promise<TargetJob[]> {
  return Promise.all(
    targets.map(async (target): Promise<TargetJob> => {
      if (secrets === 'at once') await secretsOf(target, env);
      return {
        name: target.name,
        terms: JSON.stringify([target.include, target.exclude, target.mode, target.control]),
        url: target.url,
        open: async () => {
          const { openTarget } = await import('../targets/open.js');
          return openTarget(target, {
            env: envForOthers,
            secrets: await secretsOf(target, env),
            signal,
            onWarning: (text) => onWarning(`${target.name}: ${text}`),
          });
        },
        accepts: await filterOf(target),
        allows: await matcherOf(target.allow),
        allowNonAtomic: target.allowNonAtomic,
        fileMode: target.mode.file,
        folderMode: target.mode.dir,
        deletion: target.delete.enabled ? deletion : 'keep',
        limit: guards === 'pass' ? undefined : target.delete.max,
        cache: cacheOf(state, target),
      };
    }),
  );
}

/** What the cycles of this configuration have in common. `run` is a name that no other run has. */
export function cycleOptions(config: Config): Omit<CycleOptions, 'act'> {
  return {
    site: config.site,
    fileOf: (path) => join(config.static.root, path),
    manifest: config.static.manifest.name,
    concurrency: config.push.concurrency,
    bandwidth: config.push.bandwidth,
    run: `${Date.now().toString(36)}-${randomBytes(4).toString('hex')}`,
    now: Date.now,
  };
}

/** What this machine remembers of one target. Another URL under the same name is another target. */
function cacheOf(state: StateFolder, target: TargetConfig): StateFolder {
  return state.folder(`${target.name} ${target.url}`);
}

async function filterOf({ include, exclude }: TargetConfig): Promise<(path: RelPath) => boolean> {
  const takesAll = include.length === 1 && include[0] === '**' && exclude.length === 0;
  if (takesAll) return (path) => !isControl(path);
  const [isIncluded, isExcluded] = await Promise.all([matcherOf(include), matcherOf(exclude)]);
  return (path) => !isControl(path) && isIncluded(path) && !isExcluded(path);
}

/** Whether one of `patterns` fits a path, or the one that it is a hashed copy of. */
async function matcherOf(patterns: readonly string[]): Promise<(path: RelPath) => boolean> {
  if (patterns.length === 0) return () => false;
  const { default: picomatch } = await import('picomatch');
  const fits = picomatch([...patterns], { dot: true, flags: 's' }); // a name may have a line feed
  return (path) => fits(path) || (looksHashed(path) && fits(withoutHash(path)));
}
