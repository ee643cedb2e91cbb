/**
 * workOf: what the local half of a run has to do, by the configuration.
 */
import type { LocalWork } from '../collect/in-thread.js';
import type { Config } from '../config/schema.js';

export interface WorkOptions {
  readonly collect: 'collect' | 'scan';
  readonly mode: LocalWork['mode'];
}

/** `scan` takes STATIC_ROOT as it is, and so does a configuration whose STATIC_ROOT something else fills. */
export function workOf({ static: statics, source }: Config, { collect, mode }: WorkOptions): LocalWork {
  if (collect === 'scan' || statics.storage === 'none') return { kind: 'scan', mode, root: statics.root };
  const { dirs: sources, ignore } = source;
  return { kind: 'collect', mode, project: { sources, ignore, root: statics.root, permissions: statics.permissions } };
}
