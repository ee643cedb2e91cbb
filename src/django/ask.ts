/**
 * askProject: what a Django project says of its static files, from the cache while that holds, else from the project.
 */
import type { Asked, DjangoSource } from '../config/schema.js';
import type { StateFolder } from '../fs/state.js';
import { askedOf } from './asked.js';
import { recall, remember } from './cache.js';
import { pythonOf } from './python.js';
import { type ProbeOptions, runProbe } from './run-probe.js';

export interface AskOptions extends ProbeOptions {
  /** Where the answer is kept. */
  readonly state: StateFolder;
  /** `project`: whatever is in the cache. */
  readonly from: 'cache' | 'project';
}

/** Rejects as `runProbe` does. A cache that cannot be written is no trouble. */
export async function askProject(source: DjangoSource, { state, from, ...options }: AskOptions): Promise<Asked> {
  const python = await pythonOf(source);
  const question = { source, python, env: options.env };
  const known = from === 'cache' ? await recall(state, question) : undefined;
  if (known !== undefined) return askedOf(known, python);
  const startedAt = Date.now();
  const answer = await runProbe(source, python, options);
  await remember(state, question, answer, startedAt).catch(() => undefined);
  return askedOf(answer, python);
}
