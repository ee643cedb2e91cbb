/**
 * Paths and texts as Python takes them apart, where Django's results depend on it: `posixpath`, `str.strip`.
 */

/** What Python's `\s` and `str.strip` take for blank, as the inside of a character class. JavaScript's `\s` differs. */
export const BLANK = '\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000';

const IS_BLANK = new RegExp(`[${BLANK}]`);

/** `text` without the blanks at both ends. An expression for it would go over a run of blanks in the middle once for each of them. */
export function strip(text: string): string {
  let [start, end] = [0, text.length];
  while (start < end && IS_BLANK.test(text.charAt(start))) start++;
  while (end > start && IS_BLANK.test(text.charAt(end - 1))) end--;
  return text.slice(start, end);
}

/** An empty component, one dot, or two. */
const NEEDS_NORMALIZING = /(?:^|\/)\.{0,2}(?:\/|$)/;

/** `posixpath.normpath`: `./a//b/../c/` is `a/c`, nothing is `.`, and what climbs above the beginning stays. */
export function normalizePath(path: string): string {
  const short = withoutStepsBack(path);
  if (!NEEDS_NORMALIZING.test(short)) return short;
  const kept: string[] = [];
  const root = !path.startsWith('/') ? '' : /^\/\/(?!\/)/.test(path) ? '//' : '/';
  for (const component of path.split('/')) {
    if (component === '' || component === '.') continue;
    if (component !== '..') kept.push(component);
    else if (kept.length > 0 && kept.at(-1) !== '..') kept.pop();
    else if (root === '') kept.push(component);
  }
  return root + kept.join('/') || '.';
}

const STEP_BACK = '/../';

/** `a/../b` as `b`, while only names stand in front of such steps: the usual case, and quickly done. */
function withoutStepsBack(path: string): string {
  let rest = path;
  for (let at = rest.indexOf(STEP_BACK); at > 0; at = rest.indexOf(STEP_BACK)) {
    const from = rest.lastIndexOf('/', at - 1) + 1;
    if (from === at || rest.startsWith('.', from)) break; // perhaps no name
    rest = rest.slice(0, from) + rest.slice(at + STEP_BACK.length);
  }
  return rest;
}

/** `posixpath.split`: the folder, without slashes at its end unless it is nothing else, and the last component. */
export function splitPath(path: string): readonly [folder: string, name: string] {
  const at = path.lastIndexOf('/') + 1;
  const folder = path.slice(0, at);
  return [/[^/]/.test(folder) ? folder.replace(/\/+$/, '') : folder, path.slice(at)];
}

/** `posixpath.join`: an absolute `path` stands for itself. */
export function joinPath(folder: string, path: string): string {
  if (path.startsWith('/')) return path;
  return folder === '' || folder.endsWith('/') ? folder + path : `${folder}/${path}`;
}

/** `posixpath.splitext` of a last component: the extension begins at its last dot, but the dots it begins with never count. */
export function splitExtension(name: string): readonly [stem: string, extension: string] {
  const dot = name.lastIndexOf('.');
  return /[^.]/.test(name.slice(0, Math.max(dot, 0))) ? [name.slice(0, dot), name.slice(dot)] : [name, ''];
}
