/**
 * workOf: what the local half of a run has to do, by the configuration.
 */
import { isDeepStrictEqual } from 'node:util';
import type { ManifestProject } from '../collect/hashed/post-process.js';
import type { LocalWork } from '../collect/thread/in-thread.js';
import { ignoredBy } from '../config/merge.js';
import type { Config } from '../config/schema.js';
import { envForOthers } from '../config/secrets.js';
import type { RelPath } from '../core/relpath.js';
import { ConfigError } from '../errors.js';

const USUAL_PYTHON = '3.12'; // the same as any from 3.11 on, but for names that look like URLs

export interface WorkOptions {
  readonly collect: 'collect' | 'scan';
  readonly mode: LocalWork['mode'];
  /** Of this process: what of it is nobody else's business is left out for programs of the project. */
  readonly env: NodeJS.ProcessEnv;
}

type DjangoProject = Extract<LocalWork, { kind: 'collectstatic' }>['django'];

/** `scan` takes STATIC_ROOT as it is, and so does a configuration whose STATIC_ROOT something else fills. */
export function workOf(config: Config, { collect, mode, env }: WorkOptions): LocalWork {
  const { static: statics, source } = config;
  const { root, permissions, storage } = statics;
  if (storage === 'none') return { kind: 'scan', mode, root };
  if (collect === 'scan') return { kind: 'scan', mode, root, filledBy: 'us' };
  if (storage === 'django') return { ...collectstaticOf(config, env), mode };
  const { dirs: sources, ignore } = source;
  const manifest = storage === 'manifest' ? manifestOf(statics) : undefined;
  return { kind: 'collect', mode, project: { sources, ignore, root, permissions, manifest } };
}

/** How the project's own collectstatic is run. Throws a ConfigError where no project was asked. */
export function djangoOf(config: Config, env: NodeJS.ProcessEnv): DjangoProject {
  const { asked } = config;
  const { django, ignore } = config.source;
  if (django === undefined || asked === undefined) {
    throw new ConfigError(
      "cannot run the project's own collectstatic: source.django is missing; write where manage.py is",
    );
  }
  const { manage, settings } = django;
  const isAsUsual = isDeepStrictEqual(ignore, ignoredBy(asked));
  const own = { manage, settings, python: asked.interpreter, env: envForOthers(config, env) };
  return isAsUsual ? own : { ...own, ignore };
}

function collectstaticOf(config: Config, env: NodeJS.ProcessEnv) {
  const django = djangoOf(config, env);
  const { root, permissions, manifest } = config.static;
  const { knowsSources = false, savesCopies = false, dirs: sources = [] } = config.asked ?? {};
  const { ignore } = config.source;
  // It collects from what the settings say, whatever the file lists.
  const origins = knowsSources ? { sources, ignore } : undefined;
  return {
    kind: 'collectstatic',
    project: { root, permissions, origins, keepsCopies: savesCopies, manifestFolder: manifest.root },
    django,
  } as const;
}

function manifestOf({ django, python = USUAL_PYTHON, url, manifest }: Config['static']): ManifestProject {
  const { name, root, stale, jsModules, keepIntermediateFiles, maxPasses, missing } = manifest;
  const minor = Number(python.split('.')[1]);
  return {
    rules: { django, python: minor, staticUrl: url, jsModules, keepIntermediateFiles, maxPasses, missing },
    name: name as RelPath, // checked to be a name
    folder: root,
    stale,
  };
}
