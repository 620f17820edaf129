// The list of keyboard shortcuts.
import { Dialog } from './dialog';

const KEYS: readonly (readonly [string[], string])[] = [
  [['j', 'k'], 'next, previous incident'],
  [['Enter'], 'open the incident'],
  [['a'], 'acknowledge'],
  [['r'], 'resolve'],
  [['n'], 'write a note (incident page)'],
  [['u'], 'back to the list (incident page)'],
  [['/'], 'search'],
  [['Space'], 'pause or resume (live events)'],
  [['g', 'i'], 'incidents'],
  [['g', 'f'], 'findings'],
  [['g', 'h'], 'health'],
  [['g', 'e'], 'live events'],
  [['g', 'd'], 'dead letters'],
  [['g', 's'], 'sources'],
  [['?'], 'this help'],
];

export function KeyHelp({ onClose }: { onClose: () => void }) {
  return (
    <Dialog title="Keyboard" onClose={onClose}>
      <dl className="keys">
        {KEYS.map(([keys, meaning]) => (
          <div key={meaning} className="contents">
            <dt>
              {keys.map((key) => (
                <kbd key={key}>{key}</kbd>
              ))}
            </dt>
            <dd>{meaning}</dd>
          </div>
        ))}
      </dl>
      <div className="actions">
        <button type="button" className="button" autoFocus onClick={onClose}>
          Close
        </button>
      </div>
    </Dialog>
  );
}
