/** isRunning: whether a process of this machine is still there, by its id, as far as this one can see. */
import { codeOf } from '../system-error.js';

export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return codeOf(error) !== 'ESRCH'; // of another user
  }
}
