import { closeSync, openSync, readlinkSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { isOpenToWrite } from '../src/fs/writers.js';
import { orUndefined } from '../src/system-error.js';
import { temporaryFolder } from './support/tree.js';

/** In a container, programs outside of it may have a file open. */
const NAMESPACE = orUndefined(() => readlinkSync('/proc/self/ns/pid'));
const NO_WRITER = NAMESPACE === 'pid:[4026531836]' ? false : undefined;

it.each([
  ['w', true],
  ['a', true],
  ['r+', true],
  ['r', NO_WRITER],
] as const)('a file that is open with %s is written: %s, and closed it is not', async (flags, isWritten) => {
  const file = join(await temporaryFolder(), 'file');
  writeFileSync(file, 'text');
  const descriptor = openSync(file, flags);
  const isOpen = (): boolean | undefined => isOpenToWrite(statSync(file));
  await expect.poll(() => isOpen()).toBe(isWritten); // for some milliseconds a look is good
  closeSync(descriptor);
  await expect.poll(() => isOpen()).toBe(NO_WRITER);
});

it('whether somebody else writes a file is not known to one who may not look into his programs', async () => {
  const file = join(await temporaryFolder(), 'file');
  writeFileSync(file, '');
  const me = process.getuid?.() ?? 0;
  const { dev, ino, ctimeMs } = statSync(file);
  expect(isOpenToWrite({ dev, ino, ctimeMs, uid: me + 1 })).toBe(me === 0 ? NO_WRITER : undefined);
});
