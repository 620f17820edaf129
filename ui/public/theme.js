// Applies the chosen theme before the first paint; without a choice the system's is used.
try {
  const theme = localStorage.getItem('quell.theme');
  if (theme === 'light' || theme === 'dark') document.documentElement.dataset.theme = theme;
} catch {
  // Storage may be switched off; the system's theme is fine.
}
