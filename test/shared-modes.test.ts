/** Names of one file on a target share its mode: what one of them gets, all have. */
import { statSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { TargetError } from '../src/errors.js';
import { openLocal } from '../src/targets/local.js';
import { makeBench } from './support/cycle.js';
import { hooked } from './support/hooked-target.js';
import { temporaryFolder } from './support/tree.js';

test('a mode that one name of a file got, while another was held back, is known of both', async () => {
  const bench = await makeBench();
  const root = join(await temporaryFolder(), 'served');
  await mkdir(root);
  const target = await openLocal({ url: 'file:x', root, control: join(root, '.pushstatic') });
  const modeOf = (path: string): number => statSync(join(root, path)).mode & 0o777;
  const site = { 'a.png': 'same content', 'other.png': 'something else', 'copy.css': 'same content' };
  await bench.publish(target, site);
  expect(statSync(join(root, 'a.png')).ino).toBe(statSync(join(root, 'copy.css')).ino);
  // One that cannot be changed holds back the style sheets.
  const refusing = hooked(target, (kind, [at]) => {
    if (kind === 'chmod' && at === 'other.png') throw new TargetError('denied', 'no');
  });
  const { index } = await bench.publish(refusing, site, { fileMode: 0o600 });
  for (const { path, mode } of index.entries) expect([path, modeOf(path)]).toEqual([path, mode]);
  await bench.publish(target, site, { fileMode: 0o644 });
  expect(Object.keys(site).map(modeOf)).toEqual([0o644, 0o644, 0o644]);
});
