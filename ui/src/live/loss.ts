// Since when the server is lost, from the states that its stream goes through.
import type { ConnectionState } from './connection';

export interface Loss {
  /** Milliseconds since 1970; null while connected, or before the first try failed. */
  brokenAt: number | null;
  /** One break is usual, a restart say; after a second failed try it is told. */
  told: boolean;
}

export const NO_LOSS: Loss = { brokenAt: null, told: false };

export function nextLoss(loss: Loss, state: ConnectionState, now: number): Loss {
  switch (state.kind) {
    case 'live':
    case 'unauthorized': // It did answer.
      return NO_LOSS;
    case 'waiting':
      return { brokenAt: loss.brokenAt ?? now, told: loss.told || state.attempt >= 2 };
    case 'connecting':
    case 'stopped':
      return loss;
  }
}

/** Since when it is known to be lost. */
export function lostSince(loss: Loss): number | null {
  return loss.told ? loss.brokenAt : null;
}
