/**
 * pathOf: the path below STATIC_ROOT that somebody means by what he has at hand: the path itself, or a URL of a page.
 */
import { parseRelPath, type RelPath } from './relpath.js';

const ADDRESS = /^https?:\/\/[^/?#]*/i;

/** Undefined where it is none. `staticUrl` begins with a slash or a scheme. */
export function pathOf(written: string, staticUrl: string): RelPath | undefined {
  const url = belowUrl(written, staticUrl);
  return parseRelPath((url === undefined ? written : decoded(url)).replace(/^(?:\.?\/)+/, ''));
}

/** The rest of a URL below `staticUrl`, of whatever host where `staticUrl` names none. */
function belowUrl(written: string, staticUrl: string): string | undefined {
  if (written.startsWith(staticUrl)) return written.slice(staticUrl.length);
  const path = ADDRESS.test(written) ? written.replace(ADDRESS, '') : undefined;
  return path?.startsWith(staticUrl) === true ? path.slice(staticUrl.length) : undefined;
}

/** Without query and fragment. */
function decoded(url: string): string {
  const path = url.replace(/[?#].*$/s, '');
  try {
    return decodeURIComponent(path);
  } catch (error) {
    if (error instanceof URIError) return path;
    throw error;
  }
}
