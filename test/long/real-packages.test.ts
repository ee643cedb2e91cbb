/** What projects really collect: the admin of Django and large packages of assets, beside what Django makes of them. */
import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { collect } from '../../src/collect/collect.js';
import type { CollectProject } from '../../src/collect/project.js';
import { StateFolder } from '../../src/fs/state.js';
import { collectstatic, DJANGO_VERSIONS, type DjangoVersion, djangoPath } from '../support/django.js';
import { hashedProject } from '../support/hashed-project.js';
import { listFolder } from '../support/listing.js';
import { memoryFolder } from '../support/tree.js';

const MODULES = fileURLToPath(new URL('../../node_modules', import.meta.url));
/** By where they are published. */
const PACKAGES = {
  bootstrap: 'bootstrap/dist',
  fontawesome: '@fortawesome/fontawesome-free',
  tinymce: 'tinymce',
};

/** Of six releases those that differ most: the others are compared over golden and random sites. */
const VERSIONS = DJANGO_VERSIONS.filter((version) => ['4.2', '5.2', '6.1'].includes(version));

describe.each(VERSIONS)('with Django %s', (version) => {
  test('the admin comes out the same to the byte', async () => {
    const folder = await memoryFolder();
    const admin = join(djangoPath(version).split(':')[0] ?? '', 'django/contrib/admin/static');
    await cp(admin, join(folder, 'admin'), { recursive: true });
    await expectSame(folder, version, [{ path: join(folder, 'admin'), prefix: '' }]);
  });

  test.each(Object.entries(PACKAGES))('%s comes out the same to the byte', async (prefix, path) => {
    const folder = await memoryFolder();
    await cp(join(MODULES, path), join(folder, 'package'), { recursive: true });
    await expectSame(folder, version, [{ path: join(folder, 'package'), prefix }]);
  });
});

async function expectSame(folder: string, version: DjangoVersion, sources: CollectProject['sources']): Promise<void> {
  const [ours, theirs] = [join(folder, 'ours'), join(folder, 'theirs')];
  const { status, stderr } = await collectstatic(version, {
    sources: sources.map(({ path, prefix }) => ({ path, prefix })),
    root: theirs,
  });
  const made = await collect(hashedProject(sources, ours, { django: version }), {
    state: new StateFolder(join(folder, 'state')),
    mode: 'write',
  });
  expect(status, stderr).toBe(0);
  expect(made.problems).toEqual([]);
  expect(made.hashed.length).toBeGreaterThan(20);
  expect(listFolder(ours)).toEqual(listFolder(theirs));
}
