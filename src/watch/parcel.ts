/**
 * The native backend of macOS and Windows, whose own events are of whole trees: @parcel/watcher.
 */
import type { Backend } from './backend.js';

/** Rejects where the package has no binary for this system. */
export async function parcelBackend(): Promise<Backend> {
  const { default: parcel } = await import('@parcel/watcher');
  return async (folder, report) => {
    const subscription = await parcel.subscribe(folder, (error, events) => {
      report.heard(events.length);
      if (error !== null) report.lost(error.message);
      for (const { path, type } of events) {
        report.touched(path);
        if (path === folder && type === 'delete') report.stale();
      }
    });
    return { close: () => subscription.unsubscribe() };
  };
}
