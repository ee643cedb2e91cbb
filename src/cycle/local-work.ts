/**
 * workOf: what the local half of a run has to do, by the configuration.
 */
import type { LocalWork } from '../collect/in-thread.js';
import type { ManifestProject } from '../collect/post-process.js';
import type { Config } from '../config/schema.js';
import { DJANGO_RELEASES, type DjangoRelease } from '../core/manifest/rules.js';
import type { RelPath } from '../core/relpath.js';

const USUAL_PYTHON = 12;

export interface WorkOptions {
  readonly collect: 'collect' | 'scan';
  readonly mode: LocalWork['mode'];
}

/** `scan` takes STATIC_ROOT as it is, and so does a configuration whose STATIC_ROOT something else fills. */
export function workOf({ static: statics, source }: Config, { collect, mode }: WorkOptions): LocalWork {
  const { root, permissions, storage } = statics;
  if (collect === 'scan' || storage === 'none') return { kind: 'scan', mode, root };
  const { dirs: sources, ignore } = source;
  const manifest = storage === 'manifest' ? manifestOf(statics) : undefined;
  return { kind: 'collect', mode, project: { sources, ignore, root, permissions, manifest } };
}

function manifestOf({ django, url, manifest }: Config['static']): ManifestProject {
  const { name, stale, jsModules, keepIntermediateFiles, maxPasses } = manifest;
  const release = (django ?? DJANGO_RELEASES.at(-1)) as DjangoRelease;
  const attributes = { jsModules, keepIntermediateFiles, maxPasses, missing: [] };
  return {
    rules: { django: release, python: USUAL_PYTHON, staticUrl: url, ...attributes },
    name: name as RelPath,
    stale,
  };
}
