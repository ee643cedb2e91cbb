/**
 * askProject: what a Django project says of its static files, from the cache while that holds, else from the project.
 */
import type { Asked, DjangoSource } from '../config/schema.js';
import type { StateFolder } from '../fs/state.js';
import { askedOf } from './asked.js';
import { recall, remember } from './cache.js';
import { type ProbeOptions, pythonOf, runProbe } from './run-probe.js';

export interface AskOptions extends ProbeOptions {
  /** Where the answer is kept. */
  readonly state: StateFolder;
  /** `project`: whatever is in the cache. */
  readonly from: 'cache' | 'project';
}

/** Rejects as `runProbe` does. A cache that cannot be written is no trouble. */
export async function askProject(source: DjangoSource, { state, from, ...options }: AskOptions): Promise<Asked> {
  const question = { source, python: await pythonOf(source), env: options.env };
  const known = from === 'cache' ? await recall(state, question) : undefined;
  if (known !== undefined) return askedOf(known);
  const startedAt = Date.now();
  const answer = await runProbe(source, question.python, options);
  await remember(state, question, answer, startedAt).catch(() => undefined);
  return askedOf(answer);
}
