/** A TCP relay on loopback that delivers everything later: what a round trip over a distance is made of. */
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

export interface Relay {
  readonly port: number;
  stop(): Promise<void>;
}

/** `delayMs` is added on each way, so a round trip takes twice as long. */
export async function startRelay(toPort: number, delayMs: number): Promise<Relay> {
  const sockets = new Set<Socket>();
  const server = createServer({ noDelay: true }, (near) => {
    const far = connect({ host: '127.0.0.1', port: toPort, noDelay: true });
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.on('error', () => socket.destroy()).on('close', () => sockets.delete(socket));
    }
    deliverLater(near, far, delayMs);
    deliverLater(far, near, delayMs);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new TypeError('the relay has no port');
  return {
    port: address.port,
    async stop() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

function deliverLater(from: Socket, to: Socket, delayMs: number): void {
  from.on('data', (data) => setTimeout(() => to.write(data), delayMs));
  from.on('end', () => setTimeout(() => to.end(), delayMs));
}
