/**
 * workOf: what the local half of a run has to do, by the configuration.
 */
import type { LocalWork } from '../collect/in-thread.js';
import type { ManifestProject } from '../collect/post-process.js';
import type { Config } from '../config/schema.js';
import type { RelPath } from '../core/relpath.js';

const USUAL_PYTHON = '3.12'; // the same as any from 3.11 on, but for names that look like URLs

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
