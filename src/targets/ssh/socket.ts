/** The TCP connection under SSH, set up for many small packets, and why there is none, as one sentence. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { reasonOf } from '../../system-error.js';
import { unreachable } from './text.js';

/** For each address of a host but the last: longer than any round trip, and far less than all of them may take. */
const ONE_ADDRESS_MS = 2000;

export interface Address {
  readonly hostname: string;
  readonly port: number;
}

export interface Wait {
  readonly label: string;
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
}

/** A socket on its way to an address. Until `connected` says so it is not to be used, only destroyed. */
export function openSocket({ hostname, port }: Address): Socket {
  // Without noDelay, Nagle's algorithm holds back the small packets of SSH by up to 40 ms each.
  const socket = connect({
    host: hostname,
    port,
    noDelay: true,
    keepAlive: true,
    autoSelectFamily: true,
    autoSelectFamilyAttemptTimeout: ONE_ADDRESS_MS,
  });
  corkPerTick(socket);
  socket.on('error', () => undefined); // whoever comes to use it finds it destroyed
  return socket;
}

/** Throws a TargetError 'unreachable' if there is no connection within `timeoutMs`. `label` is the host for messages. */
export async function connected(socket: Socket, to: Address, wait: Wait): Promise<void> {
  const { label, timeoutMs, signal } = wait;
  const timeout = AbortSignal.timeout(timeoutMs);
  try {
    await once(socket, 'connect', { signal: signal === undefined ? timeout : AbortSignal.any([timeout, signal]) });
  } catch (error) {
    throw unreachable(label, whyNot(error, to, timeoutMs), error);
  }
}

/**
 * Puts together what is written within one turn of the event loop. SSH makes a packet of every request, and a system
 * call for each of them costs more than the packet: with small files this is worth about a quarter of the time.
 */
function corkPerTick(socket: Socket): void {
  const write = socket.write.bind(socket);
  let corked = false;
  const uncork = () => {
    corked = false;
    socket.uncork();
  };
  socket.write = (data: string | Uint8Array, encoding?: BufferEncoding | Written, written?: Written) => {
    if (!corked) {
      corked = true;
      socket.cork();
      setImmediate(uncork);
    }
    return typeof encoding === 'function' ? write(data, encoding) : write(data, encoding, written);
  };
}

type Written = (error?: Error | null) => void;

function whyNot(error: unknown, { hostname, port }: Address, timeoutMs: number): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  switch (code) {
    case 'ECONNREFUSED':
      return `nothing accepts connections on port ${port}; check the port, and that the SSH server runs`;
    case 'ENOTFOUND':
      return `the name ${hostname} is not known; check its spelling`;
    case 'EAI_AGAIN':
      return `the name server did not answer for ${hostname}; check this machine's network`;
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
      return "there is no way to it from here; check this machine's network";
    case 'ETIMEDOUT':
    case 'ABORT_ERR':
      return `it did not answer within ${timeoutMs / 1000} s; check the address, and the firewalls on the way`;
    default:
      return reasonOf(error);
  }
}
