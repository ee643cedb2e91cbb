/** What a target gets of STATIC_ROOT, by its patterns. */
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { inFolder, makeProject, published } from './support/project.js';
import { temporaryFolder } from './support/tree.js';

const TREE = { 'assets/docs/internal.pdf': 'secret', 'assets/docs/public.pdf': 'known', 'assets/a.css': 'a{}' };
const HASHED = { static: { root: 'var/static', storage: 'manifest', django: '5.2' } };

async function publishedWith(target: object): Promise<string[]> {
  const folder = join(await temporaryFolder(), 'web');
  const project = await makeProject({ ...HASHED, targets: { web: inFolder(folder, target) } }, TREE);
  expect(await project.sync()).toMatchObject({ status: 0 });
  return Object.keys(await published(folder)).map((path) => path.replace(/[0-9a-f]{12}/, 'HASH'));
}

describe('a file that is meant by its name', () => {
  it('is excluded with its hashed copy', async () => {
    expect(await publishedWith({ exclude: ['docs/internal.pdf'] })).toEqual([
      'a.HASH.css',
      'a.css',
      'docs/public.HASH.pdf',
      'docs/public.pdf',
      'staticfiles.json',
    ]);
  });

  it('is included with its hashed copy', async () => {
    expect(await publishedWith({ include: ['docs/public.pdf'] })).toEqual(['docs/public.HASH.pdf', 'docs/public.pdf']);
  });

  it('is allowed with its hashed copy', async () => {
    const folder = join(await temporaryFolder(), 'web');
    const targets = { web: inFolder(folder, { allow: ['keys/public.pem'] }) };
    const project = await makeProject({ ...HASHED, targets }, { 'assets/keys/public.pem': 'a public key' });
    expect(await project.sync()).toMatchObject({ status: 0 });
    expect(Object.keys(await published(folder))).toHaveLength(3);
  });
});
