/** Signatures of many files, in a thread that is wanted for something else as well. */
import { hash } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { sign } from '../src/collect/sign.js';
import { decodeSignature, type ToSign } from '../src/core/delta/signature.js';
import { StateFolder } from '../src/fs/state.js';
import { noise } from './support/noise.js';
import { plant, temporaryFolder } from './support/tree.js';

const FILES = 2000;

async function makeScene() {
  const folder = await temporaryFolder();
  const contents = Array.from({ length: FILES }, (_, i) => noise(5000 + i, i));
  await plant(folder, Object.fromEntries(contents.map((bytes, i) => [`files/${i}.js`, bytes])));
  const files = contents.map((bytes, i): ToSign => {
    return { file: join(folder, `files/${i}.js`), digest: hash('sha256', bytes), size: bytes.length };
  });
  return { files, signatures: join(folder, 'signatures') };
}

it('makes each of them once', async () => {
  const { files, signatures } = await makeScene();
  await sign([...files, ...files], signatures, {});
  const made = readdirSync(signatures);
  expect(made.toSorted()).toEqual(files.map(({ digest }) => digest).toSorted());
  const [first] = files;
  const bytes = await new StateFolder(signatures).read(first?.digest ?? '');
  expect(decodeSignature(bytes ?? Buffer.alloc(0))).toMatchObject({ digest: first?.digest, size: first?.size });
});

it('leaves out the rest once all is over, however small the files are', async () => {
  const { files, signatures } = await makeScene();
  const abort = new AbortController();
  const signing = sign(files, signatures, { signal: abort.signal });
  setImmediate(() => abort.abort());
  await signing;
  expect(readdirSync(signatures).length).toBeLessThan(FILES);
});
