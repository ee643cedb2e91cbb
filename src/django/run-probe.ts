/**
 * runProbe: asks a Django project about its static files, by the probe.
 */
import { fileURLToPath } from 'node:url';
import type { DjangoSource } from '../config/schema.js';
import { type Answer, readAnswer } from './answer.js';
import { runPython } from './run-python.js';

/** Beside the source as beside the built program. */
export const PROBE = fileURLToPath(new URL('./probe.py', import.meta.url));

const LIMIT_MS = 30_000; // large projects take a few seconds to load

export interface ProbeOptions {
  readonly env: NodeJS.ProcessEnv;
  /** Ends it; the signal's reason is thrown then. */
  readonly signal?: AbortSignal;
  readonly limitMs?: number;
}

/** Rejects as `runPython` does. */
export function runProbe(source: DjangoSource, python: string, options: ProbeOptions): Promise<Answer> {
  const { manage, settings = '' } = source;
  const script = {
    file: PROBE,
    words: [manage, settings],
    manage,
    python,
    read: readAnswer,
    cannot: 'cannot ask the Django project',
    tooSlow: (seconds: number) =>
      `its settings and apps were not loaded within ${seconds} s; ` +
      'see what they wait for, such as a server that is away',
  };
  return runPython(script, { limitMs: LIMIT_MS, ...options });
}
