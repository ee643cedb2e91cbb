/**
 * rewrite: the text of a style sheet or script with every reference naming the hashed file.
 *
 * The rules are those of `HashedFilesMixin.url_converter` and `_url`. What a name stands for is asked of `lookUp`; that
 * the answers decide the result, together with text, name and rules, and nothing else does, is what traces rely on.
 */
import { joinPath, normalizePath, splitPath } from '../python-path.js';
import { isPlainName } from './hashed-name.js';
import { ignoredIn } from './ignored.js';
import { splitUrl, unquote, withoutFragment } from './python-url.js';
import { type Pattern, patternsFor } from './references.js';
import { isFrom, type Rules } from './rules.js';

/** `hashed` is a hashed name, or the name of a folder as it is. */
export type Answer =
  | { readonly kind: 'hashed'; readonly name: string }
  | { readonly kind: 'missing' }
  /** It leads out of STATIC_ROOT. */
  | { readonly kind: 'outside' };

/** `name` is relative to STATIC_ROOT, normal as a path; a query may stand behind it. */
export type LookUp = (name: string) => Answer;

/** A reference that leads nowhere. */
export interface DeadReference {
  readonly why: 'missing' | 'outside' | 'malformed';
  /** As it is written, with all that was taken for the reference. */
  readonly text: string;
  /** Counted from 1. */
  readonly line: number;
  /** Where it leads, in STATIC_ROOT. */
  readonly target: string;
}

export interface RewriteOptions {
  readonly rules: Rules;
  readonly lookUp: LookUp;
  /**
   * Is told of each reference that leads nowhere. `leave` it as it is written, or leave all of its kind: then nothing that
   * this pattern found in the text is changed, which is what becomes of it in Django after the first pass.
   */
  readonly onDead: (dead: DeadReference) => 'leave' | 'leave-kind';
}

/** `path` is that of the file, relative to STATIC_ROOT. */
export function rewrite(path: string, text: string, options: RewriteOptions): string {
  let current = text;
  for (const pattern of patternsFor(path, options.rules)) current = rewriteKind(path, current, pattern, options);
  return current;
}

function rewriteKind(path: string, text: string, pattern: Pattern, options: RewriteOptions): string {
  const { finds, put, leaves, ignores } = pattern;
  const folder = splitPath(path)[0];
  const isIgnored = ignores === undefined ? () => false : ignoredIn(text, ignores);
  const lineAt = linesOf(text);
  let rewritten = '';
  let end = 0;
  finds.lastIndex = 0;
  // One match after the other: all of them at once would take many times the memory of the text.
  for (let found = finds.exec(text); found !== null; found = finds.exec(text)) {
    const { 0: whole, index: at } = found;
    if (isIgnored(at)) continue;
    const { url = '', kept = '' } = found.groups ?? {};
    const converted = convert(folder, url, options);
    if (converted.kind === 'dead') {
      if (options.onDead({ ...converted.dead, text: whole, line: lineAt(at) }) === 'leave-kind') return text;
    } else if (converted.kind === 'url' || leaves === 'nothing') {
      rewritten += text.slice(end, at) + (converted.kind === 'url' ? put(converted.url, kept) : '');
      end = at + whole.length;
    }
  }
  return end === 0 ? text : rewritten + text.slice(end);
}

type Converted =
  | { readonly kind: 'url'; readonly url: string }
  /** It is no reference to a static file. */
  | { readonly kind: 'none' }
  | { readonly kind: 'dead'; readonly dead: Pick<DeadReference, 'why' | 'target'> };

/** `folder` is that of the file. */
function convert(folder: string, url: string, { rules, lookUp }: RewriteOptions): Converted {
  const { staticUrl, python } = rules;
  if (/^[a-z]+:/.test(url)) return { kind: 'none' };
  if (url.startsWith('//') && isFrom(rules.django, '5.1')) return { kind: 'none' };
  if (url.startsWith('/') && !url.startsWith(staticUrl)) return { kind: 'none' };
  const bare = withoutFragment(url, python);
  if (bare === undefined) return { kind: 'dead', dead: { why: 'malformed', target: url } };
  if (bare.url === '') return { kind: 'none' };

  const isAbsolute = bare.url.startsWith('/');
  if (isAbsolute && !bare.url.startsWith(staticUrl)) return { kind: 'dead', dead: { why: 'malformed', target: url } };
  const target = unquote(isAbsolute ? bare.url.slice(staticUrl.length) : joinPath(folder, bare.url));
  const name = nameOf(target, lookUp, rules);
  if (typeof name !== 'string') return { kind: 'dead', dead: { why: name.kind, target } };
  const before = bare.url.slice(0, bare.url.lastIndexOf('/') + 1);
  const fragment = bare.fragment === '' ? '' : `${url.includes('?#') ? '?#' : '#'}${bare.fragment}`;
  return { kind: 'url', url: unquote(before + name + fragment) };
}

/** The last component of the URL that the storage gives out for `target`, decoded. */
function nameOf(
  target: string,
  lookUp: LookUp,
  { python }: Rules,
): string | { readonly kind: 'missing' | 'outside' | 'malformed' } {
  if (isPlainName(target) && !target.endsWith('/')) {
    // The usual case: nothing in it means anything in a URL.
    const answer = lookUp(normalizePath(target));
    if (answer.kind !== 'hashed') return answer;
    if (isPlainName(answer.name)) return componentOf(answer.name);
  }
  const bare = withoutFragment(target, python);
  const parts = bare && splitUrl(bare.url, python);
  if (bare === undefined || parts === undefined) return { kind: 'malformed' };
  const answer: Answer = parts.path.endsWith('/')
    ? { kind: 'hashed', name: target } // a folder: it is not hashed
    : lookUp(normalizePath(bare.url));
  if (answer.kind !== 'hashed') return answer;
  const component = componentOf(answer.name.replaceAll('\\', '/'));
  const query = target.includes('?#') ? '?' : '';
  const fragment = bare.fragment === '' ? '' : `#${unquote(bare.fragment)}`;
  return lastOf(component + query + fragment);
}

function componentOf(name: string): string {
  const last = lastOf(name);
  return last === '.' || last === '..' ? '' : last;
}

function lastOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

/** The line of a position, counted from 1. Asked of positions that only grow. */
function linesOf(text: string): (position: number) => number {
  let line = 1;
  let end: number | undefined; // a line may be all of a text of many megabytes: it is looked for when it is asked for
  return (position) => {
    end ??= text.indexOf('\n');
    for (; end >= 0 && end < position; end = text.indexOf('\n', end + 1)) line++;
    return line;
  };
}
