/**
 * Mounts: which file system a place lies on, and whether changes made elsewhere are told of there.
 */
import { readFileSync, realpathSync } from 'node:fs';
import { dirname } from 'node:path';
import { isWithin } from '../core/relpath.js';
import { orUndefined } from '../system-error.js';

/** File systems whose files others change without this machine being told: network, shared and pass-through ones. */
const SILENT = new Set(
  'nfs nfs4 cifs smb3 smbfs 9p virtiofs fuse afs ceph lustre gfs2 ocfs2 gpfs beegfs vboxsf prl_fs drvfs wslfs'.split(
    ' ',
  ),
);

interface Mount {
  readonly point: string;
  readonly type: string;
}

/** The type of the file system at `place`, such as `nfs4`, if changes there are not told of; undefined if they are. */
export function silentFileSystem(place: string, mounts: readonly Mount[]): string | undefined {
  const found = mounts
    .filter(({ point }) => point === '/' || isWithin(place, point))
    .reduce<Mount | undefined>(
      (best, each) => (each.point.length >= (best?.point.length ?? 0) ? each : best),
      undefined,
    );
  if (found === undefined) return undefined;
  return SILENT.has(found.type) || found.type.startsWith('fuse.') ? found.type : undefined;
}

/** All mounts that this process sees; later ones lie over earlier ones. None where the system has no such list. */
export function readMounts(): Mount[] {
  return orUndefined(() => parseMounts(readFileSync('/proc/self/mountinfo', 'utf8'))) ?? [];
}

/** The lines of `/proc/self/mountinfo`, see proc_pid_mountinfo(5). */
export function parseMounts(text: string): Mount[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const [fields = '', source = ''] = line.split(' - ');
      return { point: unescaped(fields.split(' ')[4] ?? '/'), type: source.split(' ')[0] ?? '' };
    });
}

/** Where `place` really lies; for what is not there, where it would. */
export function realPlace(place: string): string {
  const real = orUndefined(() => realpathSync(place));
  if (real !== undefined) return real;
  const folder = dirname(place);
  return folder === place ? place : `${realPlace(folder)}${place.slice(folder.length)}`;
}

/** Spaces and the like are written as three octal digits. */
function unescaped(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
}
