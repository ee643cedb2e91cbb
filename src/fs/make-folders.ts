/**
 * makeFolders: a folder and those above it, as `mkdir -p`. Node's own way asks for ever, on a whole processor, where a folder that is
 * there answers that it is not as soon as something is to be made in it, such as /proc or a mount that is gone.
 */
import { mkdir, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { codeOf } from '../system-error.js';

/** Makes `path` (absolute) with `mode`, less what the umask takes away. Rejects as `mkdir` does where that cannot be. */
export async function makeFolders(path: string, mode?: number): Promise<void> {
  try {
    await mkdir(path, { mode });
  } catch (error) {
    const code = codeOf(error);
    if (code === 'EEXIST' && (await isFolder(path))) return;
    const above = dirname(path);
    if (code !== 'ENOENT' || above === path) throw error;
    await makeFolders(above, mode);
    await mkdir(path, { mode }).catch(async (again: unknown) => {
      if (codeOf(again) !== 'EEXIST' || !(await isFolder(path))) throw again; // others may make it as well
    });
  }
}

async function isFolder(path: string): Promise<boolean> {
  return (await stat(path)).isDirectory();
}
