// Runs an action and tells how it went. A 412 means: somebody was faster; look again.
import { ApiError, api, unwrap } from '../api/client';
import type { IncidentSummary } from '../api/types';
import { showToast } from '../components/toasts';
import { settings } from '../lib/settings';
import { incidentStore } from './incident_store';

let suggestedName = false;

/** The incident after the action, or null when it was not done. */
export async function perform(
  id: string,
  done: string,
  action: () => Promise<IncidentSummary>,
  undo?: (after: IncidentSummary) => void,
): Promise<IncidentSummary | null> {
  let after: IncidentSummary;
  try {
    after = await action();
  } catch (e) {
    const error = e instanceof ApiError ? e : new ApiError(0, String(e), 'unknown');
    showToast(await explainFailure(id, error), { bad: true });
    return null;
  }
  incidentStore.push(after);
  if (undo) {
    showToast(done, { action: { label: 'Undo', run: () => undo(after) } });
  } else if (settings.name() === '' && !suggestedName) {
    suggestedName = true;
    showToast(`${done} The timeline shows no name until you set yours.`);
  } else {
    showToast(done);
  }
  return after;
}

async function explainFailure(id: string, error: ApiError): Promise<string> {
  if (error.status !== 412) return `${id}: ${error.message}`;
  try {
    const now = await unwrap(api.GET('/api/v1/incidents/{id}', { params: { path: { id } } }));
    incidentStore.push(now);
    return conflictSentence(now);
  } catch {
    return `${id} changed while you looked at it, so nothing was done.`;
  }
}

/** Says what the incident is now and who made it so. */
export function conflictSentence(
  now: IncidentSummary & { timeline?: { actor: string }[] },
): string {
  const by = now.timeline?.at(-1)?.actor;
  const who = by ? ` by ${by}` : '';
  return (
    `${now.id} was changed${who} while you looked at it, so nothing was done. ` +
    `It is now ${now.status}, severity ${now.severity}. Look again, then repeat.`
  );
}
