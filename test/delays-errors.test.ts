import { expect, it } from 'vitest';
import { delaysErrors, isDelaying } from '../src/fs/delays-errors.js';

it('is false for proc, and for a folder that does not exist', () => {
  expect([delaysErrors('/proc'), delaysErrors('/proc/none')]).toEqual([false, false]);
});

it.each([
  ['NFS', true, 0x6969],
  ['CIFS, its number signed', true, -0x00acb2be],
  ['FUSE', false, 0x65735546],
  ['tmpfs', false, 0x01021994],
  ['ext4', false, 0xef53],
  ['overlayfs', false, 0x794c7630],
])('%s reports write errors late: %s', (_, is, type) => {
  expect(isDelaying(type)).toBe(is);
});
