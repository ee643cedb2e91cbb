/** closedTo: what becomes of a listing where a folder below the listed one may not be looked into. */
import type { RelPath } from '../core/relpath.js';
import { TargetError } from '../errors.js';
import type { OnClosed, RemoteFile } from './target.js';

/** Handles the failure to list `each`, see `Target.list`. */
export function closedTo(each: RelPath | undefined, listed: RelPath | undefined, onClosed: OnClosed | undefined) {
  return (error: unknown): RemoteFile[] => {
    const isDenied = error instanceof TargetError && error.kind === 'denied';
    if (!isDenied || each === undefined || each === listed || onClosed === undefined) throw error;
    onClosed(each, error);
    return [];
  };
}
