// Short messages in the corner: what was done, with a way back, or why it could not be done.
import { useSyncExternalStore } from 'react';

import { Icon } from './icon';

export interface Toast {
  id: number;
  text: string;
  bad: boolean;
  action?: { label: string; run: () => void };
}

let toasts: readonly Toast[] = [];
let nextId = 1;
const listeners = new Set<() => void>();

function set(next: readonly Toast[]): void {
  toasts = next;
  for (const listener of listeners) listener();
}

export function dismissToast(id: number): void {
  set(toasts.filter((toast) => toast.id !== id));
}

/** Shows a message; errors stay longer, and nothing piles up beyond four. */
export function showToast(text: string, options: { bad?: boolean; action?: Toast['action'] } = {}) {
  const bad = options.bad ?? false;
  const toast: Toast = {
    id: nextId,
    text,
    bad,
    ...(options.action ? { action: options.action } : {}),
  };
  nextId += 1;
  set([...toasts, toast].slice(-4));
  window.setTimeout(() => dismissToast(toast.id), bad ? 12_000 : 6_000);
}

export function Toasts() {
  const shown = useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => toasts,
  );
  return (
    <div className="toasts" role="status" aria-live="polite">
      {shown.map((toast) => (
        <div key={toast.id} className={toast.bad ? 'toast bad' : 'toast'}>
          <span className={toast.bad ? 'is-bad' : 'is-good'}>
            <Icon name={toast.bad ? 'warning' : 'check'} />
          </span>
          <span className="grow">{toast.text}</span>
          {toast.action && (
            <button
              type="button"
              className="button small"
              onClick={() => {
                toast.action?.run();
                dismissToast(toast.id);
              }}
            >
              {toast.action.label}
            </button>
          )}
          <button
            type="button"
            className="button plain small"
            aria-label="Dismiss"
            onClick={() => dismissToast(toast.id)}
          >
            <Icon name="close" />
          </button>
        </div>
      ))}
    </div>
  );
}
