/**
 * The URL of a target, read into an Address, and the place of its control area.
 *
 * Pure. Own scanner and not `URL`: that one resolves `..` silently, where a path that climbs must be refused. No reason
 * given here repeats the URL, since it may hold a password.
 */
import { isIPv6 } from 'node:net';
import { posix } from 'node:path';
import { CONTROL, isWithin } from '../core/relpath.js';
import { reservedFolder } from '../core/reserved-folder.js';
import { quote } from './fault.js';
import type { Address, SftpAddress } from './schema.js';
import { suggest } from './suggest.js';

/** Why a URL cannot be a target, as a sentence. */
export interface Refusal {
  readonly kind: 'refused';
  readonly reason: string;
}

const FORMS = 'sftp://user@host/path or file:///path';
const SFTP_PORT = 22;
const HOME = 'a home folder';

/** The address that `url` names. `home` stands for `~` in `file:///~/…`; for SFTP `/~/` is the login folder. */
export function parseAddress(url: string, home: string): Address | Refusal {
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(url)?.[1]?.toLowerCase();
  if (scheme === undefined) return refused(`expected a URL like ${FORMS}`);
  if (scheme === 's3') return refused('s3:// is not there yet; use sftp:// or file://');
  if (scheme !== 'sftp' && scheme !== 'file') {
    const likely = suggest(scheme, ['sftp', 'file']);
    return refused(`unknown scheme ${quote(scheme)}; ${likely ? `did you mean "${likely}"?` : `expected ${FORMS}`}`);
  }
  const rest = url.slice(scheme.length + '://'.length);
  if (/[?#]/.test(rest)) return refused('a target has no query or fragment; write ? as %3F and # as %23');
  const slash = rest.indexOf('/');
  const authority = slash < 0 ? rest : rest.slice(0, slash);
  const path = slash < 0 ? '' : rest.slice(slash);
  return scheme === 'sftp' ? sftpAddress(authority, path) : fileAddress(authority, path, home);
}

/** Equal for two paths on a server that are the same place, however the server is written. */
export function identityOf({ user = '', host, port = SFTP_PORT }: SftpAddress, path: string): string {
  return `${user}@${host.toLowerCase()}:${port}:${path}`;
}

/**
 * Where `control` is for a target at `address`: a path of the same kind as the address's own (absolute, or relative to
 * the login folder). A relative `control` starts at the published tree.
 */
export function controlPath(address: Address, control: string): string {
  const joined = control.startsWith('/') ? posix.normalize(control) : posix.join(address.path, control);
  return joined.length > 1 && joined.endsWith('/') ? joined.slice(0, -1) : joined;
}

/** Why `control` cannot be the control area of `address`, as a sentence; undefined if it can. `home` is that of this machine. */
export function controlFault(address: Address, control: string, home: string): string | undefined {
  const tree = address.path;
  const place = controlPath(address, control);
  const beside = `expected ${CONTROL} or a path beside the target like ../${CONTROL}-${posix.basename(tree)}`;
  if (place === posix.join(tree, CONTROL)) return undefined;
  if (control.startsWith('~')) return beside;
  if (isWithin(place, tree)) return `it lies in the published tree; ${beside}`;
  if (isWithin(place, '..')) return `it climbs out of the login folder; ${beside}`;
  // An absolute path and one below the login folder cannot be compared from here.
  const areComparable = place.startsWith('/') === tree.startsWith('/');
  const isAbove = place === '.' || (areComparable && isWithin(tree, place));
  if (isAbove || place === '/') return `it holds the published tree; ${beside}`;
  const what = address.kind === 'file' && place === home ? HOME : reservedFolder(place);
  return what === undefined ? undefined : `it is ${what}; ${beside}`;
}

function sftpAddress(authority: string, path: string): Address | Refusal {
  const at = authority.lastIndexOf('@');
  const login = at < 0 ? undefined : authority.slice(0, at);
  if (login?.includes(':'))
    return refused('a password stands in the URL; secrets never stand in the file: use passwordEnv');
  const user = login === undefined ? undefined : decode(login);
  if (user === '' || (login !== undefined && user === undefined))
    return refused('the user before the @ cannot be read');
  const server = serverOf(authority.slice(at + 1));
  if (server.kind === 'refused') return server;
  const isInLoginFolder = path === '/~' || path.startsWith('/~/');
  const components = componentsOf(isInLoginFolder ? path.slice('/~'.length) : path);
  if (!Array.isArray(components)) return components;
  if (components.length === 0) {
    const whole = isInLoginFolder ? 'the login folder' : 'the root of the server';
    return refused(`${whole} cannot be a target; name a folder, as in sftp://host/srv/static`);
  }
  const { host, port } = server;
  const place = (isInLoginFolder ? '' : '/') + components.join('/');
  const what = isInLoginFolder ? undefined : reservedFolder(place);
  if (what !== undefined) return reserved(what, 'sftp://host/srv/static');
  return { kind: 'sftp', host, ...(port !== undefined && { port }), ...(user !== undefined && { user }), path: place };
}

type Server = { readonly kind: 'server' } & Pick<SftpAddress, 'host' | 'port'>;

function serverOf(text: string): Server | Refusal {
  const parts = /^(\[[^\]]*\]|[^:]*)(?::(.*))?$/.exec(text);
  const name = parts?.[1] ?? '';
  const host = name.startsWith('[') ? name.slice(1, -1).replace(/%25/, '%') : name;
  const isSound = name.startsWith('[') ? isIPv6(host) : /^[A-Za-z0-9_][\w.-]*$/.test(host);
  if (name === '') return refused(`the host is missing; expected ${FORMS}`);
  if (!isSound) return refused('the host is not a name, an IPv4 address or an IPv6 address in brackets');
  if (parts?.[2] === undefined) return { kind: 'server', host };
  const port = /^\d{1,5}$/.test(parts[2]) ? Number(parts[2]) : 0;
  if (port < 1 || port > 65_535) return refused('the port is not a number from 1 to 65535');
  return { kind: 'server', host, port };
}

function fileAddress(authority: string, path: string, home: string): Address | Refusal {
  if (authority !== '' && authority !== 'localhost') {
    return refused('a file URL names no host; write three slashes, as in file:///srv/static');
  }
  const isInHome = path === '/~' || path.startsWith('/~/');
  const components = componentsOf(isInHome ? path.slice('/~'.length) : path);
  if (!Array.isArray(components)) return components;
  if (components.length === 0) {
    const whole = isInHome ? 'the home folder' : 'the root of the file system';
    return refused(`${whole} cannot be a target; name a folder, as in file:///srv/static`);
  }
  const place = posix.join(isInHome ? home : '/', ...components);
  const what = place === posix.join(home) ? HOME : reservedFolder(place);
  return what === undefined ? { kind: 'file', path: place } : reserved(what, 'file:///srv/static');
}

/** Not said is which: a path may hold what was meant to be a password. */
function reserved(what: string, example: string): Refusal {
  return refused(`${what} cannot be a target; name a folder of its own in it, as in ${example}`);
}

/** The decoded components of a URL's path, without the empty ones. */
function componentsOf(path: string): string[] | Refusal {
  const components: string[] = [];
  for (const part of path.split('/')) {
    const component = decode(part);
    if (component === undefined) return refused('the path holds a % that begins no two hexadecimal digits of UTF-8');
    if (component === '.' || component === '..') return refused('the path holds . or ..; write where it really leads');
    if (/[/\p{Cc}]/u.test(component)) return refused('the path holds a control character or an encoded slash');
    if (component !== '') components.push(component);
  }
  return components;
}

function decode(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch (error) {
    if (error instanceof URIError) return undefined;
    throw error;
  }
}

function refused(reason: string): Refusal {
  return { kind: 'refused', reason };
}
