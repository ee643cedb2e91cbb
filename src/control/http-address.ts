/**
 * http-address: what `daemon.http` says, and the names under which a browser may ask there. Pure.
 */
import { isIP } from 'node:net';

export interface HttpAddress {
  /** Without the brackets of IPv6. */
  readonly host: string;
  readonly port: number;
}

/** `host:port`, as the configuration allows it; an IPv6 address stands in brackets. */
export function parseHttpAddress(text: string): HttpAddress {
  const at = text.lastIndexOf(':');
  return { host: text.slice(0, at).replace(/^\[|\]$/g, ''), port: Number(text.slice(at + 1)) };
}

/** Whether only this machine can reach it. A name may lead anywhere. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
}

export function urlOf({ host, port }: HttpAddress): string {
  return `http://${bracketed(host)}:${port}/`;
}

/**
 * Whether the header `Host` is one of our own. A site that makes its name point to this machine (DNS rebinding) cannot
 * pass: it asks under its name. Where every address is listened at, every address is ours, but still no name.
 */
export function isOurHost(header: string | undefined, { host, port }: HttpAddress, machine: string): boolean {
  const asked = /^(?<name>\[[\da-f:.]+\]|[^:[\]]+)(?::(?<port>\d+))?$/i.exec(header ?? '')?.groups;
  if (asked === undefined || Number(asked['port'] ?? 80) !== port) return false;
  const name = (asked['name'] ?? '').toLowerCase();
  const isEverywhere = host === '0.0.0.0' || host === '::';
  if (isEverywhere && isIP(name.replace(/^\[|\]$/g, '')) !== 0) return true;
  const names = ['localhost', '127.0.0.1', '[::1]', bracketed(host)];
  if (!isLoopback(host)) names.push(machine);
  return names.some((each) => each.toLowerCase() === name);
}

function bracketed(host: string): string {
  return isIP(host) === 6 ? `[${host}]` : host;
}
