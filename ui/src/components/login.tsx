// Asks for the token when the server wants one. It is kept until the tab closes.
import { useState } from 'react';

import { settings } from '../lib/settings';
import { Icon, Logo } from './icon';

export function Login({ onToken }: { onToken: () => void }) {
  const [token, setToken] = useState('');
  const refused = settings.token() !== '';
  return (
    <main className="login">
      <form
        onSubmit={(event) => {
          event.preventDefault();
          settings.setToken(token.trim());
          onToken();
        }}
      >
        <span className="brand">
          <Logo />
          Quell
        </span>
        <p>
          This server asks for a token. It is one of those in its configuration under server.tokens.
        </p>
        {refused && (
          <p className="notice bad" role="alert">
            <span className="is-bad">
              <Icon name="warning" />
            </span>
            The token was not accepted.
          </p>
        )}
        <label className="label">
          Token
          <input
            className="field mono"
            type="password"
            autoComplete="current-password"
            autoFocus
            required
            value={token}
            onChange={(event) => setToken(event.target.value)}
          />
        </label>
        <button type="submit" className="button primary" disabled={token.trim() === ''}>
          <Icon name="lock" />
          Continue
        </button>
      </form>
    </main>
  );
}
