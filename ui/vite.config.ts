import react from '@vitejs/plugin-react';
import { defineConfig } from 'vitest/config';

// What the server of `npm run dev` hands on to a running quell.
const backend = process.env['QUELL_URL'] ?? 'http://127.0.0.1:8420';

export default defineConfig({
  plugins: [react()],
  build: {
    target: 'es2022',
    // The page runs under `default-src 'self'`: nothing may become a data: URL or inline script.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
  server: { proxy: { '/api': backend } },
  test: {
    environment: 'happy-dom',
    include: ['src/**/*.test.{ts,tsx}'],
    restoreMocks: true,
  },
});
