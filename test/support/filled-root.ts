/** A project whose STATIC_ROOT others fill (`storage: none`), with one target on an OpenSSH server. */
import { mkdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { OpenSshServer } from './openssh-server.js';
import { makeProject, on, type Project } from './project.js';
import { temporaryFolder } from './tree.js';

/** The time of what `put` writes, where none is given; in seconds. */
export const FILLED_AT = 1_600_000_000;

export interface FilledRoot extends Project {
  /** Where the published tree lies. */
  readonly target: string;
  /** Writes files into STATIC_ROOT. */
  readonly put: (files: Readonly<Record<string, string | Uint8Array>>, mtime?: number) => void;
}

/** `index.html` is there already. */
export async function makeFilledRoot(server: OpenSshServer): Promise<FilledRoot> {
  const target = join(await temporaryFolder(), 'static');
  const project = await makeProject({
    targets: { web: on(server, target) },
    static: { root: 'var/static', storage: 'none' },
    source: { dirs: [] },
  });
  const put: FilledRoot['put'] = (files, mtime = FILLED_AT) => {
    for (const [name, content] of Object.entries(files)) writeDated(join(project.root, name), content, mtime);
  };
  put({ 'index.html': 'page' });
  return { ...project, target, put };
}

/** A new file, whatever was there. */
export function writeDated(file: string, content: string | Uint8Array, mtime: number): void {
  mkdirSync(dirname(file), { recursive: true });
  rmSync(file, { force: true });
  writeFileSync(file, content);
  utimesSync(file, mtime, mtime);
}
