/**
 * SftpConnection: what SFTP is spoken over: a connection to one server, as one user, that carries several channels.
 */
import type { TargetError } from '../../errors.js';
import type { SftpChannel } from './channel.js';

export interface SftpConnection {
  /** For messages: `user@host`, with the port if it is not 22. */
  readonly host: string;
  readonly channel: SftpChannel;
  /** Whether what is said is compressed. */
  readonly isCompressed: boolean;
  /** Opens a further SFTP channel. Servers allow about ten; one too many is a TargetError 'failed'. */
  openChannel(): Promise<SftpChannel>;
  /** Connects once more to the same server as the same user. */
  again(compress: 'on' | 'off', signal: AbortSignal): Promise<SftpConnection>;
  /** Calls `listener` once when the connection has ended: without an error if `close` ended it. */
  onClose(listener: (error?: TargetError) => void): void;
  close(): Promise<void>;
}
