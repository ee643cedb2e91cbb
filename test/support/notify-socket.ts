/** A datagram socket in a service manager's place, to point $NOTIFY_SOCKET at. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const RECEIVER = fileURLToPath(new URL('./notify-socket.pl', import.meta.url));

export interface NotifySocket {
  /** What has come in up to now, each message as its lines. */
  readonly messages: readonly (readonly string[])[];
  /** Reads nothing until `resume`, as a manager that is busy. */
  readonly pause: () => void;
  readonly resume: () => void;
  /** Stops listening, and answers all that had been read by then. May be called again. */
  readonly stop: () => Promise<readonly (readonly string[])[]>;
}

/** `name` is a path, or one of the abstract namespace, with @ in front. */
export async function startNotifySocket(name: string): Promise<NotifySocket> {
  const receiver = spawn('perl', [RECEIVER, name], { stdio: ['ignore', 'pipe', 'inherit'] });
  const closed = once(receiver, 'close');
  const lines = createInterface({ input: receiver.stdout });
  await Promise.race([once(lines, 'line'), closed.then(() => Promise.reject(new Error(`nothing listens at ${name}`)))]);
  const messages: string[][] = [];
  lines.on('line', (hex) => {
    const message = Buffer.from(hex, 'hex').toString().split('\n');
    // A sender asks to be told that all it sent before has been read: it is, when this one is.
    if (message[0] !== 'BARRIER=1') messages.push(message);
  });
  return {
    messages,
    pause: () => void receiver.kill('SIGSTOP'),
    resume: () => void receiver.kill('SIGCONT'),
    stop: async () => {
      receiver.kill('SIGKILL');
      await closed;
      return messages;
    },
  };
}
