/**
 * runCollectstatic: the project's own collectstatic, into folders of ours instead of STATIC_ROOT.
 */
import { fileURLToPath } from 'node:url';
import { parseRelPath, type RelPath } from '../core/relpath.js';
import { readDone } from './answer.js';
import { runPython } from './run-python.js';

const SCRIPT = fileURLToPath(new URL('./collectstatic.py', import.meta.url));
const LIMIT_MS = 600_000; // tens of thousands of files take a minute or two

/** A project and the Python that it runs with. Plain data. */
export interface DjangoProject {
  /** Absolute. */
  readonly manage: string;
  /** The settings module; undefined: the one that manage.py sets. */
  readonly settings: string | undefined;
  readonly python: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Patterns of files to be left out, in the place of Django's own. */
  readonly ignore?: readonly string[];
}

/** Absolute folders that are there. */
export interface Folders {
  /** In the place of STATIC_ROOT. */
  readonly files: string;
  /** For a manifest that is kept in a folder of its own. */
  readonly manifest: string;
}

export interface CollectstaticOptions {
  readonly signal?: AbortSignal | undefined;
  readonly limitMs?: number;
}

/** What was made. */
export interface Collectstatic {
  /** The path of the manifest; undefined if there is none. */
  readonly manifest: RelPath | undefined;
  /** Whether it lies in the folder for manifests. */
  readonly isElsewhere: boolean;
}

/** Rejects as `runPython` does; with a SourceError when the command fails. */
export async function runCollectstatic(
  { manage, settings = '', python, env, ignore }: DjangoProject,
  { files, manifest }: Folders,
  options: CollectstaticOptions,
): Promise<Collectstatic> {
  const script = {
    file: SCRIPT,
    words: [manage, settings, files, manifest, ...(ignore === undefined ? [] : [JSON.stringify(ignore)])],
    manage,
    python,
    read: readDone,
    cannot: "cannot run the project's own collectstatic",
    tooSlow: (seconds: number) => `it did not end within ${seconds} s; see what it waits for`,
  };
  const done = await runPython(script, { limitMs: LIMIT_MS, ...options, env });
  return { ...done, manifest: parseRelPath(done.manifest ?? '') };
}
