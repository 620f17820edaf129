// What the browser remembers: the token (until the tab closes), the person's name and the theme.
// Storage can be switched off or full; then settings live as long as the page does.

export type Theme = 'system' | 'light' | 'dark';

const memory = new Map<string, string>();

function read(storage: () => Storage, key: string): string | null {
  try {
    return storage().getItem(key) ?? memory.get(key) ?? null;
  } catch {
    return memory.get(key) ?? null;
  }
}

function write(storage: () => Storage, key: string, value: string): void {
  try {
    if (value === '') storage().removeItem(key);
    else storage().setItem(key, value);
    memory.delete(key);
  } catch {
    memory.set(key, value);
  }
}

const session = () => window.sessionStorage;
const local = () => window.localStorage;

export const settings = {
  token: () => read(session, 'quell.token') ?? '',
  setToken: (token: string) => write(session, 'quell.token', token),
  name: () => read(local, 'quell.name') ?? '',
  setName: (name: string) => write(local, 'quell.name', name.trim()),
  theme: (): Theme => {
    const theme = read(local, 'quell.theme');
    return theme === 'light' || theme === 'dark' ? theme : 'system';
  },
  setTheme: (theme: Theme) => write(local, 'quell.theme', theme === 'system' ? '' : theme),
};

/** Shows the theme at once; `system` follows prefers-color-scheme. */
export function applyTheme(theme: Theme): void {
  if (theme === 'system') delete document.documentElement.dataset['theme'];
  else document.documentElement.dataset['theme'] = theme;
}
