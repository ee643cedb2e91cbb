/**
 * delaysErrors: whether a file system may report a failed write, such as for a full disk, only at fsync or close, as those of other
 * machines do (close(2), NFS). What FUSE and 9P may be, a container's own disk among it, nobody knows: they are not counted.
 */
import { statfsSync } from 'node:fs';
import { orUndefined } from '../system-error.js';

/** Magic numbers of statfs(2). `watch/mount.ts` has such systems by name, for another question. */
const DELAYING: ReadonlySet<number> = new Set([
  0x6969, // NFS
  0xff534d42, // CIFS
  0xfe534d42, // SMB 2 and later
  0x00c36400, // Ceph
  0x5346414f, // AFS
]);

/** Of the file system that `folder` lies on. False where it cannot be told. */
export function delaysErrors(folder: string): boolean {
  const type = orUndefined(() => statfsSync(folder).type);
  return type !== undefined && isDelaying(type);
}

/** `type` as Node gives it, which may be signed. */
export function isDelaying(type: number): boolean {
  return DELAYING.has(type >>> 0);
}
