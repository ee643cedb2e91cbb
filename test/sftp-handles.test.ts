/** What refusals teach about the files that a server keeps open, and what they do not. */
import { describe, expect, it } from 'vitest';
import { SftpHandles } from '../src/targets/sftp/handles.js';

const TOLD = 10;

describe('a handle that the server refuses', () => {
  it('while others are open shows how many it has', () => {
    const handles = taken(5);
    expect([handles.refuse(), handles.refuse()]).toEqual([true, true]);
    expect(handles.limit).toBe(3);
    expect(handles.take(1)).toBe(false);
  });

  it('while nothing else is open was not one too many: what it has is what it told again', () => {
    const handles = taken(3);
    expect([handles.refuse(), handles.refuse(), handles.refuse()]).toEqual([true, true, false]);
    expect(handles.limit).toBe(TOLD);
  });

  it('after that is one that it would refuse anyway, until one is opened', () => {
    const handles = taken(1);
    handles.refuse();
    handles.take(4);
    expect(handles.refuse()).toBe(false);
    expect(handles.limit).toBe(TOLD);
    handles.opened();
    expect(handles.refuse()).toBe(true);
    expect(handles.limit).toBe(2);
  });

  it('and was not one too many wakes all that wait for one, as far as there are some', () => {
    const handles = taken(2);
    handles.refuse();
    let woken = 0;
    const go = (): void => void (handles.take(1) && woken++);
    for (let i = 0; i < 2 * TOLD; i++) handles.wait(go);
    handles.refuse();
    expect(woken).toBe(TOLD);
  });
});

function taken(count: number): SftpHandles {
  const handles = new SftpHandles(TOLD, () => false);
  handles.take(count);
  return handles;
}
