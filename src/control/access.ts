/**
 * Access: who may ask the status page for what.
 *
 * A browser on this machine also runs the scripts of strangers. Three things keep them out: the name under which they ask
 * (DNS rebinding), where the browser says that they come from, and a token that only the page itself can read. Programs
 * that hold the configured token need none of these.
 */
import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { hostname } from 'node:os';
import { ConfigError, ControlError } from '../errors.js';
import { type HttpAddress, isLoopback, isOurHost, parseHttpAddress } from './http-address.js';

const COOKIE_SECONDS = 30 * 24 * 60 * 60;

export interface Access {
  /** What the page sends along, in the header `x-pushstatic-token`, when it asks for something to be done. */
  readonly pageToken: string;
  /** Throws a ControlError for a page of somebody else. */
  checkOrigin(request: IncomingMessage): void;
  /** Whether the request has the configured token with it, if there is one. */
  knows(request: IncomingMessage): boolean;
  /** Whether it has another token with it. */
  triesToken(request: IncomingMessage): boolean;
  /** Throws a ControlError unless it has. */
  checkKnown(request: IncomingMessage): void;
  /** Throws a ControlError if it was not the page itself that asks for something to be done. */
  checkAction(request: IncomingMessage): void;
  /** The cookie of whoever knows the token; undefined for who does not. */
  cookieFor(token: string): string | undefined;
}

/** Throws a ConfigError where others can reach the `address` (`host:port`) and no token keeps them out. */
export function checkGuarded({
  address,
  token,
}: {
  readonly address: string;
  readonly token: string | undefined;
}): void {
  if (token !== undefined || isLoopback(parseHttpAddress(address).host)) return;
  throw new ConfigError(
    `cannot show the status page at ${address}: others can reach it, so it needs a token; ` +
      'set daemon.tokenEnv or daemon.tokenFile, or daemon.http to 127.0.0.1',
  );
}

/** `address` is the one that is listened at, with its real port. Without `token` everybody on this machine is known. */
export function makeAccess(address: HttpAddress, token: string | undefined): Access {
  const pageToken = randomBytes(32).toString('base64url');
  const cookieName = `pushstatic-${address.port}`; // cookies of one host are shared by all its ports
  // Made from the token, so that a restart logs nobody out and a new token everybody.
  const cookie = token === undefined ? undefined : createHmac('sha256', token).update(cookieName).digest('base64url');
  const bears = (request: IncomingMessage): boolean => token !== undefined && isSame(bearerOf(request), token);
  const knows = (request: IncomingMessage): boolean =>
    token === undefined || bears(request) || isSame(cookieOf(request, cookieName), cookie);
  return {
    pageToken,
    knows,
    triesToken: (request) => token !== undefined && bearerOf(request) !== undefined && !bears(request),
    checkOrigin: (request) => {
      if (bears(request)) return;
      if (!isOurHost(request.headers.host, address, hostname())) throw forbidden('under this name');
      const { 'sec-fetch-site': site, 'sec-fetch-mode': mode } = request.headers;
      const isVisit = mode === 'navigate' && request.method === 'GET';
      if (site !== undefined && site !== 'same-origin' && site !== 'none' && !isVisit)
        throw forbidden('from another site');
    },
    checkKnown: (request) => {
      if (knows(request)) return;
      throw new ControlError('UNAUTHORIZED', 'cannot answer: log in first, or send the token of daemon.tokenEnv');
    },
    checkAction: (request) => {
      if (bears(request)) return;
      checkSameOrigin(request);
      if (!isSame(headerOf(request, 'x-pushstatic-token'), pageToken)) throw forbidden('without the token of the page');
    },
    cookieFor: (tried) =>
      token !== undefined && isSame(tried, token)
        ? `${cookieName}=${cookie}; Path=/; HttpOnly; SameSite=Strict; Max-Age=${COOKIE_SECONDS}`
        : undefined,
  };
}

function bearerOf({ headers }: IncomingMessage): string | undefined {
  return /^Bearer +(\S+)$/i.exec(headers.authorization ?? '')?.[1];
}

/** Throws a ControlError unless the browser says that our own page asks. */
export function checkSameOrigin({ headers }: IncomingMessage): void {
  const { origin, host, 'sec-fetch-site': site } = headers;
  if (origin === undefined && site === undefined) throw forbidden('without saying where it comes from');
  if (site !== undefined && site !== 'same-origin') throw forbidden('from another site');
  const from = origin !== undefined && URL.canParse(origin) ? new URL(origin).host : undefined;
  if (origin !== undefined && from !== host) throw forbidden('from another site');
}

/** Whether the other end is on this machine. */
export function isFromHere({ socket }: IncomingMessage): boolean {
  const peer = (socket.remoteAddress ?? '').replace(/^::ffff:/, '');
  return isLoopback(peer);
}

/** In the same time, whatever is different. */
function isSame(one: string | undefined, other: string | undefined): boolean {
  if (one === undefined || other === undefined) return false;
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(one), digest(other));
}

function cookieOf(request: IncomingMessage, name: string): string | undefined {
  const pairs = (request.headers.cookie ?? '').split(';').map((pair) => pair.trim());
  return pairs.find((pair) => pair.startsWith(`${name}=`))?.slice(name.length + 1);
}

function headerOf(request: IncomingMessage, name: string): string | undefined {
  const value = request.headers[name];
  return typeof value === 'string' ? value : undefined;
}

function forbidden(how: string): ControlError {
  return new ControlError('FORBIDDEN', `cannot answer: this may not be asked ${how}`);
}
