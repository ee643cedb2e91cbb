/** Real packages from the registry, one release and the next, as a site would serve them. */
import { execFile } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

export interface Upgrade {
  readonly name: string;
  readonly from: string;
  readonly to: string;
}

export const UPGRADES: readonly Upgrade[] = [
  { name: 'bootstrap', from: '5.3.8', to: '5.3.9' },
  { name: '@fortawesome/fontawesome-free', from: '7.2.0', to: '7.3.0' },
  { name: 'tinymce', from: '8.8.2', to: '8.9.0' },
  { name: 'monaco-editor', from: '0.56.0', to: '0.57.0' },
];

/** Unpacks a release into `folder`. Rejects where the registry cannot be reached. */
export async function unpack(name: string, version: string, folder: string): Promise<void> {
  const packed = `${folder}.packed`;
  await mkdir(packed, { recursive: true });
  const { stdout } = await run('npm', ['pack', `${name}@${version}`, '--silent', '--pack-destination', packed]);
  await mkdir(folder, { recursive: true });
  await run('tar', ['-xzf', join(packed, stdout.trim()), '-C', folder, '--strip-components', '1']);
}
