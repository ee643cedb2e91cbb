/**
 * pythonOf: which Python a project runs with.
 */
import { access } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { DjangoSource } from '../config/schema.js';

const VIRTUAL_ENVS = ['.venv', 'venv'];

/** The one that is named, else that of a virtual environment beside manage.py, else `python3` of the PATH. */
export async function pythonOf({ manage, python }: DjangoSource): Promise<string> {
  if (python !== undefined) return python;
  for (const name of VIRTUAL_ENVS) {
    const candidate = join(dirname(manage), name, 'bin', 'python');
    const isThere = await access(candidate).then(
      () => true,
      () => false,
    );
    if (isThere) return candidate;
  }
  return 'python3';
}
